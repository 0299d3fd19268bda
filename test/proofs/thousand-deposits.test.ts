import { addAmounts } from '../../src/domain/money.js';
import { scale } from '../support/figures.js';
import { auditLedger } from '../support/ledger-audit.js';
import {
  deposit,
  openPayout,
  openTestStore,
  runConcurrently,
  type TestStore,
} from '../support/test-store.js';

/** All payouts share one address: a deposit says by its amount, or by its declared transaction, whose it is. */

const PAYOUTS = scale('PAYOUTS', 200);
const AT_ONCE = 20;

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

interface Payment {
  readonly payoutId: string;
  readonly name: string;
  readonly amount: string;
  readonly txHash: string | null;
}

test('very many deposits, in any order and twenty at a time, each find the payout they were made for', async () => {
  const payments = await openAll();
  const shuffled = shuffle(payments, 20_260_101);
  const found = new Map<string, string>();
  await runConcurrently(
    shuffled.map((payment) => async () => void found.set(payment.payoutId, await pay(payment))),
    AT_ONCE,
  );

  expect(payments.filter(({ payoutId }) => found.get(payoutId) !== payoutId)).toEqual([]);
  const { rows } = await store.sql.query<{ payout_id: string; deposit_id: string; amount: string }>(
    `select part.payout_id, part.deposit_id, part.amount from deposit_allocations as part`,
  );
  expect(rows).toHaveLength(PAYOUTS);
  const given = new Map(rows.map((row) => [row.payout_id, row]));
  for (const { payoutId, name, amount } of payments) {
    expect(given.get(payoutId)).toEqual({
      payout_id: payoutId,
      deposit_id: name,
      amount: addAmounts(amount),
    });
  }
  expect(await auditLedger(store.sql)).toEqual([]);
});

/** Every tenth pays less than was asked for, as exchanges do, and declared its transaction instead. */
async function openAll(): Promise<readonly Payment[]> {
  const payments: Payment[] = [];
  const tasks = Array.from({ length: PAYOUTS }, (_, index) => async () => {
    // Several of each amount, which only their tails tell apart.
    const baseAmount = `${728 + (index % 20)}.000000`;
    const { payoutId, amount } = await openPayout(store.store, { payoutId: `many-${index}` }, { baseAmount });
    const name = `dep-${index}`;
    if (index % 10 !== 0) {
      payments.push({ payoutId, name, amount, txHash: null });
      return;
    }
    const txHash = `0x${index}`;
    await store.store.deposits.declareTransaction({ payoutId, txHash, actor: 'test' });
    payments.push({ payoutId, name, amount: `${(index % 700) + 1}.5`, txHash });
  });
  await runConcurrently(tasks, AT_ONCE);
  return payments;
}

/** Answers with the payout that got it. */
async function pay({ name, amount, txHash }: Payment): Promise<string> {
  await deposit(store.store, amount, { depositId: name, txHash });
  const found = await store.store.deposits.findDeposit(name);
  return found?.allocations[0]?.payoutId ?? 'nobody';
}

/** The same order for the same seed (Fisher and Yates, with Park and Miller's generator). */
function shuffle<T>(items: readonly T[], seed: number): T[] {
  const shuffled = [...items];
  let state = seed;
  for (let last = shuffled.length - 1; last > 0; last--) {
    state = (state * 48_271) % 2_147_483_647;
    const other = state % (last + 1);
    [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
  }
  return shuffled;
}
