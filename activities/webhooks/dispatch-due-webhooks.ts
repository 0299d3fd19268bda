import { log } from '@temporalio/activity';
import type { ActivityDependencies } from '../dependencies.js';

/** One sweep takes this many events at most; the next one takes the rest. */
const SWEEP_LIMIT = 200;

/** Dispatches stored webhook events that nobody has handled: lost between storing and dispatching, or not acted upon. */
export function createDispatchDueWebhooks({
  store,
  dispatchWebhook,
}: ActivityDependencies): (input: { readonly payoutId: null }) => Promise<{ readonly dispatched: number }> {
  return async function dispatchDueWebhooks() {
    const due = await store.webhooks.findDueWebhooks(SWEEP_LIMIT);
    let dispatched = 0;
    for (const webhookEventId of due) {
      try {
        await dispatchWebhook(webhookEventId);
        dispatched += 1;
      } catch (error) {
        // One event that cannot be dispatched must not keep back the others; it stays due.
        log.warn('a webhook event could not be dispatched', { webhookEventId, error: String(error) });
      }
    }
    return { dispatched };
  };
}
