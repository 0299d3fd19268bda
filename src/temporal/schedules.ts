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

/** The comparison with QbitPay, again and again: one schedule per task queue, created or brought to this interval. */
export async function ensureReconciliation(
  client: Client,
  taskQueue: string,
  intervalSeconds: number,
): Promise<void> {
  const every = intervalSeconds * 1_000;
  const scheduleId = `reconcile/${taskQueue}`;
  const spec = { intervals: [{ every }] };
  const workflowType = 'reconcileWorkflow';
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
    const known = (await schedule.describe()).spec.intervals?.[0]?.every;
    if (known !== every) await schedule.update((before) => ({ ...before, spec }));
  }
}
