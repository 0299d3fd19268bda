import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { SWEEP_PROFILE } from './activity-profiles.js';

const { dispatchDueWebhooks } = proxyActivities<Activities>(SWEEP_PROFILE);

/** One sweep over the webhook inbox; a Temporal Schedule starts it. */
export async function sweepWebhooksWorkflow(): Promise<void> {
  await dispatchDueWebhooks({ payoutId: null });
}
