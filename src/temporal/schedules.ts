import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { providerSyncWorkflow, supervisorWorkflow } from '../../workflows/index.js';

/** The workflows that run for ever: one of each for each task queue, started where it does not run. */
export async function ensureForeverWorkflows(client: Client, taskQueue: string): Promise<void> {
  const workflows = [
    ['provider-sync', 'providerSyncWorkflow', 'keeps the mirror of QbitPay'],
    ['supervisor', 'supervisorWorkflow', 'sees to it that every open payout has a workflow'],
  ] as const;
  for (const [kind, workflowType, staticSummary] of workflows) {
    await client.workflow.start<typeof providerSyncWorkflow | typeof supervisorWorkflow>(workflowType, {
      workflowId: `${kind}/${taskQueue}`,
      taskQueue,
      args: [],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary,
    });
  }
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
    { kind: 'sweep-webhooks', workflowType: 'sweepWebhooksWorkflow', seconds: options.webhookSweepSeconds },
    { kind: 'reconcile', workflowType: 'reconcileWorkflow', seconds: options.reconciliationSeconds },
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
      const schedule = client.schedule.getHandle(scheduleId);
      const { every } = (await schedule.describe()).spec.intervals?.[0] ?? {};
      if (every !== seconds * 1_000) await schedule.update((before) => ({ ...before, spec }));
    }
  }
}
