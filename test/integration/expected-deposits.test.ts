import { auditLedger } from '../support/ledger-audit.js';
import { openPayout, openTestStore, showDeposit, type TestStore } from '../support/test-store.js';

/** The amounts that payouts ask for as their deposits, and what is recognised by them. */

let testStore: TestStore;
beforeEach(async () => {
  testStore = await openTestStore();
});
afterEach(async () => {
  expect(await auditLedger(testStore.sql)).toEqual([]);
  await testStore.close();
});

const open = (baseAmount: string) => openPayout(testStore.store, {}, { baseAmount });
const show = async (amount: string) => {
  await showDeposit(testStore.store, { depositId: `dep-${amount}`, currency: 'USDT', amount });
  return testStore.store.deposits.findDeposit(`dep-${amount}`);
};

test('K21: 200.00 deposited while three payouts of 200 wait belongs to nobody, and is suggested to a person', async () => {
  const payouts = [await open('200'), await open('200.00'), await open('200.000000')];
  const found = await show('200.00');
  expect(found).toMatchObject({ status: 'unallocated', unallocatedReason: 'UNMATCHED_DEPOSIT' });
  const byId = (left: { payoutId: string }, right: { payoutId: string }): number =>
    left.payoutId.localeCompare(right.payoutId);
  expect(found?.suggestions.toSorted(byId)).toEqual(
    payouts.map(({ payoutId, amount }) => ({ payoutId, amount })).toSorted(byId),
  );
});

test('K22: an expected amount with its last digits cut off matches nobody', async () => {
  const { amount, payoutId } = await open('200');
  for (const cut of [1, 2, 3]) {
    expect(await show(amount.slice(0, -cut))).toMatchObject({ status: 'unallocated' });
  }
  expect(await show(amount)).toMatchObject({ status: 'allocated', allocations: [{ payoutId }] });
});

test('K23: with 5,000 others of the same amount each payout still gets an amount of its own', async () => {
  await takeTails(5_000);
  const amounts = await Promise.all(Array.from({ length: 20 }, async () => (await open('200')).amount));
  expect(new Set(amounts).size).toBe(20);
  for (const amount of amounts) expect(amount).toMatch(/^200\.0\d{4}[1-9]$/);
});

test('where every amount is taken, the payout is not opened', async () => {
  await takeTails(90_000);
  await expect(open('200')).rejects.toThrow('no amount was free');
});

test('an amount is free again when its payout ended long enough ago', async () => {
  await takeTails(90_000);
  await testStore.sql.query(
    "update expected_deposits set rests_until = now() - interval '1 second' where amount > 200.05",
  );
  expect((await open('200')).amount).toMatch(/^200\.0[5-9]/);
});

test('an amount that is too small to tell payouts apart is asked for as it is, and matches nobody', async () => {
  const { amount, payoutId } = await open('0.015');
  expect(amount).toBe('0.015');
  expect(await testStore.store.payouts.getPayout(payoutId)).toMatchObject({
    deposit: { matchedBy: 'transaction' },
  });
  expect(await show('0.015')).toMatchObject({ status: 'unallocated' });
});

/** So many of the amounts from 200 on are other payouts'. */
async function takeTails(count: number): Promise<void> {
  const { payoutId } = await open('300');
  await testStore.sql.query('alter table expected_deposits drop constraint expected_deposits_payout_id_key');
  await testStore.sql.query(
    `insert into expected_deposits (currency, amount, payout_id)
     select 'USDT', 200 + tail * 0.000001, $1 from generate_series(1, 99999) as tail where tail % 10 <> 0
     order by random() limit $2`,
    [payoutId, count],
  );
}
