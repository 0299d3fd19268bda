import { continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import { supervise } from './activity-options.js';

/** Watches over the workflows of payouts, for ever: the activity ends now and then, so that no history grows without end. */
export async function supervisorWorkflow(): Promise<void> {
  setCurrentDetails(
    'Starts the workflows that open payouts lack, and tells those that show something old to look.',
  );
  await supervise({ payoutId: null });
  await continueAsNew<typeof supervisorWorkflow>();
}
