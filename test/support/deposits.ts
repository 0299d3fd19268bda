import { Pool } from 'pg';
import { causesOf, entriesOf, expectBooksToBalance } from './balances.js';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { auditLedger } from './ledger-audit.js';
import { ORDERS, PAYOUTS, requestsTo } from './provider-requests.js';
import { untilAnswer } from './until-answer.js';

/** Waits until the deposit is nobody's, for this reason. */
export async function untilUnallocated(engine: TestEngine, depositId: string, reason: string): Promise<void> {
  await untilDeposit(
    engine,
    depositId,
    ({ status, unallocatedReason }) => status === 'unallocated' && unallocatedReason === reason,
    `unallocated as ${reason}`,
  );
}

/** Waits until the deposit has its owner. */
export async function untilAllocated(engine: TestEngine, depositId: string): Promise<void> {
  await untilDeposit(engine, depositId, ({ status }) => status === 'allocated', 'allocated');
}

async function untilDeposit(
  engine: TestEngine,
  depositId: string,
  condition: (deposit: Json) => boolean,
  what: string,
): Promise<Json> {
  const { body } = await untilAnswer(
    () => engine.api('GET', `/v1/deposits/${depositId}`),
    (answer) => answer.status === 200 && condition(answer.body),
    `deposit ${depositId} ${what}`,
  );
  return body;
}

/** Waits until the notice has been without money for too long. */
export async function untilUnverified(engine: TestEngine, noticeId: string): Promise<void> {
  await untilAnswer(
    () => noticeOf(engine, noticeId),
    (notice) => notice?.reason === 'DEPOSIT_UNVERIFIED',
    `notice ${noticeId} unverified`,
  );
}

/** What was said of a deposit whose money does not show. */
export async function noticeOf(engine: TestEngine, noticeId: string): Promise<Json> {
  const { body } = await engine.api('GET', '/v1/deposits/notices?limit=100');
  return body.data.find((notice: Json) => notice.noticeId === noticeId);
}

/** Waits until a whole sync is over that began after this was called. */
export async function untilSynced(engine: TestEngine): Promise<void> {
  const completed = async (): Promise<number> =>
    Number((await engine.api('GET', '/v1/provider')).body.syncNo);
  const before = await completed();
  // The one that runs now may have begun before.
  await untilAnswer(completed, (syncNo) => syncNo > before + 1, 'two more syncs');
}

/**
 * The deposit of a payout that ended unpaid: its own first and then owed to its owner, if it came before the end, or nobody's.
 * In neither case was any of it spent.
 */
export async function expectOwedOrUnallocated(
  engine: TestEngine,
  payout: Json,
  deposit: Json,
): Promise<void> {
  const { payoutId } = payout;
  const body = await untilDeposit(engine, deposit.id, () => true, 'decided');
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
