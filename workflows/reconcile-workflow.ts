import { reconcile } from './activity-options.js';
import { createPublisher } from './visibility.js';

/** One comparison of the store with the provider; answers with the id of its report in the store. */
export async function reconcileWorkflow(): Promise<{ readonly reportId: string }> {
  const { reportId, discrepancies, kinds } = await reconcile({ payoutId: null });
  const summary = discrepancies === 0 ? 'clean' : `**${discrepancies} discrepancies**: ${kinds.join(', ')}`;
  createPublisher()({}, summary);
  return { reportId };
}
