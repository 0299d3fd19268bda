import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { RECONCILE_PROFILE } from './activity-profiles.js';
import { createPublisher } from './visibility.js';
import { wakeWaiting } from './wake-up.js';

const { reconcile } = proxyActivities<Activities>({
  ...RECONCILE_PROFILE,
  summary: 'compare ledger and payouts with QbitPay',
});

/** One comparison of the store with the provider; answers with the id of its report in the store. */
export async function reconcileWorkflow(): Promise<{ readonly reportId: string }> {
  const { reportId, discrepancies, kinds, wake } = await reconcile({ payoutId: null });
  const summary = discrepancies === 0 ? 'clean' : `**${discrepancies} discrepancies**: ${kinds.join(', ')}`;
  createPublisher()({}, summary);
  await wakeWaiting({ wake });
  return { reportId };
}
