import { randomUUID } from 'node:crypto';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { untilAnswer } from './until-answer.js';

const SHORT_WAITS: Partial<PayoutPolicy> = { retryInitialMs: 50, retryMaxMs: 500 };

/** Makes a control call of the simulator again and again until it is taken: some are refused before their time. */
export async function untilTaken(engine: TestEngine, path: string, body: Json, what: string): Promise<void> {
  await untilAnswer(
    () =>
      engine.control('POST', path, body).then(
        () => true,
        () => false,
      ),
    (taken) => taken,
    what,
  );
}

/** A payout that QbitPay received a moment ago cannot end as paid yet. */
export async function advancePayout(
  engine: TestEngine,
  providerPayoutId: string,
  status: string,
): Promise<void> {
  await untilTaken(engine, `/payouts/${providerPayoutId}/advance`, { status }, `${status} at QbitPay`);
}

export async function describePayout(
  engine: TestEngine,
  payoutId: string,
): Promise<WorkflowExecutionDescription> {
  return engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).describe();
}

/** How often an activity of the workflow that has not answered yet was tried; 0 for none. */
export function attemptOf({ raw }: WorkflowExecutionDescription, activity: string): number {
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity)?.attempt ?? 0;
}

/** The search attribute by which the Temporal UI shows, and finds, what a payout waits for. */
export async function shownHoldReason(engine: TestEngine, payoutId: string): Promise<string | undefined> {
  const { typedSearchAttributes } = await describePayout(engine, payoutId);
  return typedSearchAttributes.get({ name: 'PayoutHoldReason', type: 'KEYWORD' });
}

/** The workflow shows it a moment after the store has it. */
export async function untilHoldReasonShown(
  engine: TestEngine,
  payoutId: string,
  reason: string | undefined,
): Promise<void> {
  await untilAnswer(
    () => shownHoldReason(engine, payoutId),
    (shown) => shown === reason,
    `${reason ?? 'no reason'} in the Temporal UI`,
  );
}

/** The text that the Temporal UI shows above a payout's history. */
export async function currentDetailsOf(engine: TestEngine, workflowId: string): Promise<string> {
  const metadata = await engine.temporal.client.workflow
    .getHandle(workflowId)
    .query<Json>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

/** Starts the payout as a backend with a Temporal client does, with waits of its own. */
export async function startDirectly(
  engine: TestEngine,
  request: Json,
  policy: Partial<PayoutPolicy>,
): Promise<void> {
  await engine.temporal.client.workflow.start('payoutWorkflow', {
    workflowId: payoutWorkflowId(request.payoutId),
    taskQueue: engine.env['TEMPORAL_TASK_QUEUE'] ?? '',
    args: [{ request, policy: { ...SHORT_WAITS, ...policy } }],
  });
}

/** Resets the payout's workflow to its first task, as an operator may, and answers with the new run's id. */
export async function resetToFirstTask(engine: TestEngine, payoutId: string): Promise<string> {
  return reset(engine, payoutId, (tasks) => tasks[0]);
}

/** As {@link resetToFirstTask}, to its last task: what came before is not done again. */
export async function resetToLastTask(engine: TestEngine, payoutId: string): Promise<string> {
  return reset(engine, payoutId, (tasks) => tasks.at(-1));
}

/**
 * Ends the time for the payout's deposit now, after whatever had to come before: with a short deadline a busy machine
 * would be late for it. The workflow takes the deadline over from the store when it is reset.
 */
export async function endDepositTime(engine: TestEngine, payoutId: string): Promise<void> {
  const database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
  const { rowCount } = await database.query(
    'update payouts set deposit_expires_at = clock_timestamp() where payout_id = $1',
    [payoutId],
  );
  await database.end();
  expect(rowCount).toBe(1);
  await resetToFirstTask(engine, payoutId);
}

/** As {@link resetToFirstTask}, to the task in which it accepted its first update: that one is carried out again. */
export async function resetToFirstUpdate(engine: TestEngine, payoutId: string): Promise<string> {
  return reset(engine, payoutId, (tasks, events) => {
    const update = events.findIndex((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
    return tasks.filter((task) => events.indexOf(task) < update).at(-1);
  });
}

type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

async function reset(
  engine: TestEngine,
  payoutId: string,
  choose: (tasks: readonly HistoryEvent[], events: readonly HistoryEvent[]) => HistoryEvent | undefined,
): Promise<string> {
  const { client, namespace } = engine.temporal;
  const workflowId = payoutWorkflowId(payoutId);
  const { runId } = await describePayout(engine, payoutId);
  const { events = [] } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  const { runId: newRunId } = await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId, runId },
    workflowTaskFinishEventId: choose(tasks, events ?? [])?.eventId ?? null,
    requestId: randomUUID(),
    reason: 'test',
  });
  return newRunId;
}
