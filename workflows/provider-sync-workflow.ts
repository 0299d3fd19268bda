import { continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import { syncProvider } from './activity-options.js';

/** Keeps the mirror of QbitPay, for ever: the activity ends now and then, so that no history grows without end. */
export async function providerSyncWorkflow(): Promise<void> {
  setCurrentDetails('Reads what QbitPay shows, again and again. The activity below says how far it is.');
  await syncProvider();
  await continueAsNew<typeof providerSyncWorkflow>();
}
