import { addAmounts } from '../../src/domain/money.js';
import { FEE_SIDE } from '../../src/domain/quote.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';
import { auditLedger } from '../support/ledger-audit.js';
import {
  acceptPayout,
  addAvailable,
  availableBalance,
  openPayout,
  openTestStore,
  runConcurrently,
  type OpenedPayout,
  type TestStore,
} from '../support/test-store.js';

/** Payouts from the available balance: it is never given twice, and in the order in which they came. */

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(async () => {
  expect(await auditLedger(store.sql)).toEqual([]);
  await store.close();
});

/** Needs 100.50 CNY, or 15 USDT. */
const HUNDRED: Partial<PayoutRequest> = { funding: 'balance', amount: '100.00' };

async function waitFor(
  changes: Partial<PayoutRequest> = {},
  baseAmount = '15.000000',
): Promise<OpenedPayout> {
  return openPayout(store.store, { ...HUNDRED, ...changes }, { baseAmount });
}

/** Needs so many USDT and nothing else. */
async function waitForUsdt(amount: string): Promise<OpenedPayout> {
  return openPayout(
    store.store,
    { funding: 'balance', currency: 'USDT', amount },
    { baseAmount: amount, feeTerms: { side: FEE_SIDE.ADDED, payoutRate: '0', tradeRate: '0' } },
  );
}

async function reserve({ payoutId }: OpenedPayout) {
  return store.store.payouts.reserveFunds(payoutId);
}

async function statusOf({ payoutId }: OpenedPayout): Promise<string> {
  return (await store.store.payouts.getPayout(payoutId)).status;
}

async function cancel({ payoutId }: OpenedPayout) {
  return store.store.payouts.closeFunding({ payoutId, to: 'cancelled', detail: 'by the test' });
}

/** Whom the available balance suffices for by now. */
async function hinted(): Promise<readonly string[]> {
  const hints = await store.store.mirror.readHints(10);
  return hints.filter(({ signal }) => signal === 'balanceReleased').map(({ payoutId }) => payoutId);
}

async function inOrderOfSequence(): Promise<{ payout_id: string; status: string }[]> {
  const { rows } = await store.sql.query<{ payout_id: string; status: string }>(
    `select payout_id, status from payouts order by sequence`,
  );
  return rows;
}

/** Asks for everybody again and again, as many at once as there are connections, until nobody is served any more. */
async function reserveAll(payouts: readonly OpenedPayout[]): Promise<void> {
  for (let served = -1, before = -2; served !== before;) {
    before = served;
    const outcomes = await runConcurrently(payouts.map((payout) => () => reserve(payout)));
    served = outcomes.filter((status) => status !== 'awaiting_balance').length;
  }
}

test('twenty who are opened at once get what there is, the first of them, and nobody more', async () => {
  await addAvailable(store.store, 'USDT', '105');
  await runConcurrently(Array.from({ length: 20 }, () => () => waitForUsdt('10')));
  const { rows } = await store.sql.query<{ status: string }>(
    `select payouts.status from payouts join payout_timeline using (payout_id)
     where detail = 'paid from the available balance' order by entry_id`,
  );
  expect(rows.map(({ status }) => status)).toEqual([
    ...Array<string>(10).fill('paying'),
    ...Array<string>(10).fill('awaiting_balance'),
  ]);
  expect(await availableBalance(store.store, 'USDT')).toBe('5');
});

test('twenty who wait are served in their order, whoever asks first', async () => {
  const waiting = await runConcurrently(Array.from({ length: 20 }, () => () => waitForUsdt('10')));
  await addAvailable(store.store, 'USDT', '94');
  await reserveAll(waiting.toReversed());
  const rows = await inOrderOfSequence();
  expect(rows.map(({ status }) => status)).toEqual([
    ...Array<string>(9).fill('paying'),
    ...Array<string>(11).fill('awaiting_balance'),
  ]);
  expect(await availableBalance(store.store, 'USDT')).toBe('4');
});

test('a reservation that is repeated, also at the same time, takes once', async () => {
  const payout = await waitForUsdt('10');
  await addAvailable(store.store, 'USDT', '100');
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => reserve(payout)));
  expect(new Set(outcomes)).toEqual(new Set(['paying']));
  expect(await availableBalance(store.store, 'USDT')).toBe('90');
});

test('while many reserve, others cancel and money comes in: what is available and what is theirs is all there is', async () => {
  const waiting = await runConcurrently(Array.from({ length: 24 }, () => () => waitForUsdt('10')));
  await addAvailable(store.store, 'USDT', '100');
  await runConcurrently<unknown>(
    waiting.flatMap((payout, index) => [
      () => reserve(payout),
      ...(index % 3 === 0 ? [() => cancel(payout)] : []),
      ...(index % 10 === 0 ? [() => addAvailable(store.store, 'USDT', '10')] : []),
    ]),
  );
  await reserveAll(waiting);
  const rows = await inOrderOfSequence();
  const served = rows.filter(({ status }) => status === 'paying').length;
  expect(served).toBe(13);
  expect(Number(await availableBalance(store.store, 'USDT'))).toBe(0);
  const open = rows.filter(({ status }) => status !== 'cancelled').map(({ status }) => status);
  expect(open.lastIndexOf('paying')).toBeLessThan(open.indexOf('awaiting_balance'));
});

test('what a cancelled payout gives back is a hint to the next one, and to nobody whose turn it is not', async () => {
  await addAvailable(store.store, 'CNY', '100.50');
  const [first, next, last] = [await waitFor(), await waitFor(), await waitFor()];
  expect(await statusOf(first)).toBe('paying');
  await store.store.payouts.holdPayout(first.payoutId, {
    reason: 'PROVIDER_REFUSED',
    detail: 'for a person',
  });
  expect(await cancel(first)).toEqual({ ok: true });
  expect(await hinted()).toEqual([next.payoutId]);
  expect(await reserve(last)).toBe('awaiting_balance');
  expect(await reserve(next)).toBe('paying');
  // What is left does not suffice for the last one.
  expect(await hinted()).toEqual([next.payoutId]);
});

test('a deposit that becomes available is a hint to who is next', async () => {
  const [first] = [await waitForUsdt('10'), await waitForUsdt('10')];
  await addAvailable(store.store, 'USDT', '10');
  expect(await hinted()).toEqual([first.payoutId]);
});

test('a shortfall is made good before anybody is served', async () => {
  await addAvailable(store.store, 'CNY', '1000');
  const waiting = await waitForUsdt('10');
  const other = await waitFor();
  expect(await reserve(other)).toBe('paying');
  // More is taken outside than the account has to spare.
  const spare = await availableBalance(store.store, 'CNY');
  await store.store.reconciliation.recordOutsideActivity([
    {
      balanceTransactionId: 'bt-1',
      type: 'charge',
      currency: 'CNY',
      net: `-${addAmounts(spare, '30')}`,
    } as never,
  ]);
  const payout = await waitFor();
  expect(await statusOf(payout)).toBe('awaiting_balance');
  await cancel(waiting);
  await addAvailable(store.store, 'CNY', '130.49');
  expect(await reserve(payout)).toBe('awaiting_balance');
  await addAvailable(store.store, 'CNY', '0.02');
  expect(await reserve(payout)).toBe('paying');
  expect(await availableBalance(store.store, 'CNY')).toBe('0.01');
});

test('who needs more than there is holds up the later ones of his currency, and of no other', async () => {
  const large = await waitForUsdt('1000');
  await addAvailable(store.store, 'USDT', '500');
  const small = await waitForUsdt('10');
  expect(await statusOf(small)).toBe('awaiting_balance');
  await addAvailable(store.store, 'CNY', '100.50');
  const other = await waitFor({ fundingCurrency: 'EUR' });
  expect(await statusOf(other)).toBe('paying');
  await addAvailable(store.store, 'USDT', '500');
  expect(await reserve(small)).toBe('awaiting_balance');
  expect(await reserve(large)).toBe('paying');
  // Nothing is left for the other one.
  expect(await hinted()).toEqual([large.payoutId]);
});

test('who can only be paid by selling holds up nobody who waits for the currency he is paid in', async () => {
  // In send mode exactly the amount is sold, whatever there is of the payout currency.
  const seller = await waitFor({ amountMode: 'send', amount: '1000.000000' }, '1000.000000');
  await addAvailable(store.store, 'CNY', '100.50');
  const direct = await waitFor({ fundingCurrency: 'EUR' });
  expect(await statusOf(direct)).toBe('paying');
  expect(await statusOf(seller)).toBe('awaiting_balance');
});

test('the payout currency is taken where there is enough of it, else the funding currency', async () => {
  await addAvailable(store.store, 'USDT', '15');
  await addAvailable(store.store, 'CNY', '100.50');
  const [direct, selling, nobody] = [await waitFor(), await waitFor(), await waitFor()];
  expect(await statusOf(direct)).toBe('paying');
  expect(await store.store.ledger.fundsOf(direct.payoutId)).toEqual([{ currency: 'CNY', amount: '100.5' }]);
  expect(await statusOf(selling)).toBe('converting');
  expect(await store.store.ledger.fundsOf(selling.payoutId)).toEqual([{ currency: 'USDT', amount: '15' }]);
  expect(await statusOf(nobody)).toBe('awaiting_balance');
});

test('who is opened and ended at the same moment waits for nobody in a circle', async () => {
  await addAvailable(store.store, 'USDT', '1000');
  const terms = {
    baseAmount: '10',
    feeTerms: { side: FEE_SIDE.ADDED, payoutRate: '0', tradeRate: '0' },
    estimatedPrice: null,
    minimum: null,
  };
  for (let index = 0; index < 10; index += 1) {
    const { payoutId } = await acceptPayout(store.store, { funding: 'balance' });
    const waiting = await waitForUsdt('10');
    await Promise.all([
      store.store.payouts.openFromBalance(payoutId, terms),
      store.store.payouts.closeFunding({ payoutId, to: 'cancelled', detail: 'by the test' }),
      cancel(waiting),
    ]);
    expect((await store.store.payouts.getPayout(payoutId)).status).toBe('cancelled');
  }
});
