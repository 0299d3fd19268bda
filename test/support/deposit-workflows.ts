import { Pool } from 'pg';
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { depositWorkflowId } from '../../src/domain/identifiers.js';
import { causesOf, entriesOf, expectBooksToBalance } from './balances.js';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { auditLedger } from './ledger-audit.js';
import { ORDERS, PAYOUTS, requestsTo } from './provider-requests.js';
import { untilAnswer } from './until-answer.js';

/** Waits until the deposit is unallocated for a person: its workflow runs, and shows the reason. */
export async function untilUnallocated(
  engine: TestEngine,
  depositKey: string,
  reason: string,
): Promise<void> {
  await untilDeposit(
    engine,
    depositKey,
    (description) => description.status.name === 'RUNNING' && holdReasonOf(description) === reason,
    `unallocated as ${reason}`,
  );
}

/** Waits until the deposit has found its payout and its workflow has ended. */
export async function untilAllocated(engine: TestEngine, depositKey: string): Promise<void> {
  await untilDeposit(engine, depositKey, ({ status }) => status.name === 'COMPLETED', 'allocated');
}

/**
 * The deposit of a payout that ended unpaid: its own first and then available, if it came before the end, or nobody's.
 * In neither case was any of it spent.
 */
export async function expectAvailableOrUnallocated(
  engine: TestEngine,
  payout: Json,
  deposit: Json,
): Promise<void> {
  const { payoutId } = payout;
  const { body } = await untilAnswer(
    () => engine.api('GET', `/v1/deposits/${deposit.id}`),
    ({ status, body }) => status === 200 && body.status !== 'verified',
    `deposit ${deposit.id} decided`,
  );
  const causes = causesOf(await entriesOf(engine, payoutId));
  if (body.status === 'unallocated') {
    await untilUnallocated(engine, deposit.id, 'LATE_DEPOSIT');
    expect(causes).toEqual([]);
  } else {
    await untilAllocated(engine, deposit.id);
    expect(body.allocations).toMatchObject([{ payoutId, amount: payout.deposit.amount }]);
    expect(causes).toEqual(['allocation', 'release']);
  }
  expect(await requestsTo(engine, ORDERS, payoutId)).toEqual([]);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
}

/** Nothing was lost and nothing counted twice: by every rule of the ledger, and against what QbitPay holds. */
export async function expectMoneyInOrder(engine: TestEngine): Promise<void> {
  await expectBooksToBalance(engine);
  const sql = new Pool({ connectionString: engine.databaseUrl, max: 1 });
  try {
    expect(await auditLedger(sql)).toEqual([]);
  } finally {
    await sql.end();
  }
}

/** Undefined while no such workflow was ever started. */
export async function describeDeposit(
  engine: TestEngine,
  depositKey: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await engine.temporal.client.workflow.getHandle(depositWorkflowId(depositKey)).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

export function holdReasonOf({ typedSearchAttributes }: WorkflowExecutionDescription): string | undefined {
  return typedSearchAttributes.get({ name: 'PayoutHoldReason', type: 'KEYWORD' });
}

/** How often an activity of the deposit's workflow that has not answered yet was tried; 0 for none. */
export function attemptOf({ raw }: WorkflowExecutionDescription, activity: string): number {
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity)?.attempt ?? 0;
}

export async function untilDeposit(
  engine: TestEngine,
  depositKey: string,
  condition: (description: WorkflowExecutionDescription) => boolean,
  what: string,
): Promise<WorkflowExecutionDescription> {
  const description = await untilAnswer(
    () => describeDeposit(engine, depositKey),
    (now) => now !== undefined && condition(now),
    `deposit ${depositKey} ${what}`,
  );
  return description!;
}
