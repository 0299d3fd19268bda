import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { RECONCILE_WORKFLOW_TYPE, SWEEP_WORKFLOW_TYPE } from '../../workflows/deposit-messages.js';

/** What the engine does by itself, again and again: one schedule of each kind per task queue. */
export interface ScheduleOptions {
  readonly client: Client;
  readonly taskQueue: string;
  readonly webhookSweepSeconds: number;
  readonly reconciliationSeconds: number;
}

export async function ensureSchedules(options: ScheduleOptions): Promise<void> {
  const { client, taskQueue } = options;
  await ensureSchedule(client, taskQueue, {
    scheduleId: `sweep-webhooks/${taskQueue}`,
    workflowType: SWEEP_WORKFLOW_TYPE,
    everySeconds: options.webhookSweepSeconds,
  });
  await ensureSchedule(client, taskQueue, {
    scheduleId: `reconcile/${taskQueue}`,
    workflowType: RECONCILE_WORKFLOW_TYPE,
    everySeconds: options.reconciliationSeconds,
  });
}

/** Creates a schedule, or brings it to this interval. */
async function ensureSchedule(
  client: Client,
  taskQueue: string,
  schedule: { readonly scheduleId: string; readonly workflowType: string; readonly everySeconds: number },
): Promise<void> {
  const { scheduleId, workflowType, everySeconds } = schedule;
  const spec = { intervals: [{ every: everySeconds * 1_000 }] };
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
