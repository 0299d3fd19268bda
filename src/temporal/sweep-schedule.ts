import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { sweepWebhooksWorkflow } from '../../workflows/index.js';
import { SWEEP_WORKFLOW_TYPE } from '../../workflows/deposit-messages.js';

/** Creates the schedule of the webhook sweep, or brings it to this interval. One schedule per task queue. */
export async function ensureSweepSchedule(options: {
  readonly client: Client;
  readonly taskQueue: string;
  readonly intervalSeconds: number;
}): Promise<void> {
  const { client, taskQueue, intervalSeconds } = options;
  const scheduleId = `sweep-webhooks/${taskQueue}`;
  const spec = { intervals: [{ every: intervalSeconds * 1_000 }] };
  try {
    await client.schedule.create<typeof sweepWebhooksWorkflow>({
      scheduleId,
      spec,
      action: {
        type: 'startWorkflow',
        workflowType: SWEEP_WORKFLOW_TYPE,
        workflowId: scheduleId,
        taskQueue,
        args: [],
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update((schedule) => ({ ...schedule, spec }));
  }
}
