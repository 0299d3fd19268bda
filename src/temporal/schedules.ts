import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { providerSyncWorkflow } from '../../workflows/index.js';
import { RECONCILE_WORKFLOW_TYPE, SWEEP_WORKFLOW_TYPE } from '../../workflows/deposit-messages.js';

/** The workflow that keeps the mirror of QbitPay: one for each task queue, started where it does not run. */
export async function ensureProviderSync(client: Client, taskQueue: string): Promise<void> {
  await client.workflow.start<typeof providerSyncWorkflow>('providerSyncWorkflow', {
    workflowId: `provider-sync/${taskQueue}`,
    taskQueue,
    args: [],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'keeps the mirror of QbitPay',
  });
}

/**
 * What the engine does by itself, again and again: one schedule of each kind per task queue, created or brought to this
 * interval.
 */
export async function ensureSchedules(options: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly webhookSweepSeconds: number;
  readonly reconciliationSeconds: number;
}): Promise<void> {
  const { client, taskQueue } = options;
  const schedules = [
    { kind: 'sweep-webhooks', workflowType: SWEEP_WORKFLOW_TYPE, seconds: options.webhookSweepSeconds },
    { kind: 'reconcile', workflowType: RECONCILE_WORKFLOW_TYPE, seconds: options.reconciliationSeconds },
  ];
  for (const { kind, workflowType, seconds } of schedules) {
    const scheduleId = `${kind}/${taskQueue}`;
    const spec = { intervals: [{ every: seconds * 1_000 }] };
    try {
      await client.schedule.create({
        scheduleId,
        spec,
        action: { type: 'startWorkflow', workflowType, workflowId: scheduleId, taskQueue, args: [] },
        policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
      });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(scheduleId).update((before) => ({ ...before, spec }));
    }
  }
}
