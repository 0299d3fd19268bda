import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { ENTRY_CAUSE, type EntryCause } from '../../src/domain/ledger.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { auditLedger } from '../support/ledger-audit.js';
import { LedgerModel, OPERATION_KINDS, type Operation, type PayoutPlan } from '../support/ledger-model.js';
import {
  addAvailable,
  deposit,
  openTestStore,
  runConcurrently,
  type TestStore,
} from '../support/test-store.js';

/**
 * Whatever is done in whatever order and by how many at once, the books are in order. Every operation has to
 * succeed: a deadlock, or a rule of the database that the engine's code runs into, is a failure. fast-check prints
 * the seed of a run that failed; the same seed makes the same operations.
 */

const RUNS = 12;
const WORKERS = 8;

const plan: fc.Arbitrary<PayoutPlan> = fc.record({
  funding: fc.constantFrom('deposit', 'deposit', 'deposit', 'balance'),
  amountMode: fc.constantFrom('receive', 'send'),
  converts: fc.boolean(),
  feeSide: fc.constantFrom('added', 'deducted'),
  pricePerMille: fc.integer({ min: 990, max: 1_050 }),
  feeDiscrepancy: fc.constantFrom(0, 0, 1, -3, 250, 40_000),
  laterDiscrepancy: fc.constantFrom(0, 0, 2, -1, 175, -90),
  outcome: fc.constantFrom('paid', 'paid', 'failed', 'cancelled'),
  returned: fc.constantFrom('withFee', 'amount', 'parts'),
});

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom(...OPERATION_KINDS),
  payout: fc.nat({ max: 11 }),
  deposit: fc.nat({ max: 5 }),
  other: fc.boolean(),
});

const run = fc.record({
  plans: fc.array(plan, { minLength: 6, maxLength: 12 }),
  operations: fc.array(operation, { minLength: 130, maxLength: 130 }),
});

test('random operations, eight at a time, leave the books in order', async () => {
  const causes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(run, async (given) => {
      const store = await openTestStore();
      try {
        for (const cause of await checkRun(store, given)) causes.add(cause);
      } finally {
        await store.close();
      }
    }),
    // What happens at the same time differs from run to run: making a failed run smaller would look for another one.
    { numRuns: RUNS, endOnFailure: true },
  );
  // Runs that store nothing would find nothing.
  const wanted = Object.values(ENTRY_CAUSE).filter((cause) => !BOOKED_ELSEWHERE.includes(cause));
  expect([...causes].toSorted()).toEqual(wanted.toSorted());
});

/** At the opening of the account, and where QbitPay carries out what had ended (test/integration/provider-requests, test/workflow/after-the-end). */
const BOOKED_ELSEWHERE: readonly EntryCause[] = [
  ENTRY_CAUSE.OPENING_BALANCE,
  ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED,
  ENTRY_CAUSE.RECLAIM,
];

/** Answers with the causes of what was booked. */
async function checkRun(
  store: TestStore,
  { plans, operations }: { readonly plans: readonly PayoutPlan[]; readonly operations: readonly Operation[] },
): Promise<readonly string[]> {
  // Enough for some of those who are paid from the balance, not for all.
  await addAvailable(store.store, 'USDT', '800');
  await addAvailable(store.store, 'CNY', '6000');
  // The provider takes nothing that it does not hold: somebody else's money covers what it takes too much.
  await deposit(store.store, '9000', { currency: 'CNY' });
  await deposit(store.store, '9000', { currency: 'USDT' });
  const before = await providerBalances(store);
  const model = new LedgerModel(store.store, `r${randomUUID().slice(0, 8)}`);
  await model.open(plans);
  await runConcurrently(
    operations.map((operation) => () => model.apply(operation)),
    WORKERS,
  );
  expect(await auditLedger(store.sql)).toEqual([]);
  await model.finish();
  expect(await auditLedger(store.sql)).toEqual([]);
  const after = await providerBalances(store);
  for (const currency of ['USDT', 'CNY'] as const) {
    const change = subtractAmounts(after[currency], before[currency]);
    const expected = await model.expectedChange(currency);
    expect([currency, addAmounts(change)]).toEqual([currency, addAmounts(expected)]);
  }
  const { rows } = await store.sql.query<{ cause: string }>(`select distinct cause from ledger_entries`);
  return rows.map(({ cause }) => cause);
}

async function providerBalances(store: TestStore): Promise<{ readonly USDT: string; readonly CNY: string }> {
  const balances = await store.store.ledger.readBalances();
  const providerOf = (wanted: string): string =>
    balances.find(({ currency }) => currency === wanted)?.provider ?? '0';
  return { USDT: providerOf('USDT'), CNY: providerOf('CNY') };
}
