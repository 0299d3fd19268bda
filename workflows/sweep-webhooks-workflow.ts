import { dispatchDueWebhooks } from './activity-options.js';

/** One sweep over the webhook inbox; a Temporal Schedule starts it. */
export async function sweepWebhooksWorkflow(): Promise<void> {
  await dispatchDueWebhooks({ payoutId: null });
}
