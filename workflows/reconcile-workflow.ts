import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { RECONCILE_PROFILE } from './activity-profiles.js';
import { createPublisher } from './visibility.js';
import { wakeWaiting } from './wake-up.js';

const { reconcile } = proxyActivities<Activities>({
  ...RECONCILE_PROFILE,
  summary: 'compare ledger and payouts with QbitPay',
});

/** One comparison of the book with the provider; answers with the id of its report in the book. */
export async function reconcileWorkflow(): Promise<{ readonly reportId: string }> {
  const { reportId, differences, kinds, wake } = await reconcile();
  const summary = differences === 0 ? 'clean' : `**${differences} differences**: ${kinds.join(', ')}`;
  createPublisher()({}, summary);
  await wakeWaiting({ wake });
  return { reportId };
}
