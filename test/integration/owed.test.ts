import { randomUUID } from 'node:crypto';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { FEE_SIDE } from '../../src/domain/quote.js';
import { auditLedger } from '../support/ledger-audit.js';
import { accepted, FAILED, PAID } from '../support/request-store.js';
import {
  addAvailable,
  assign,
  availableBalance,
  deposit,
  openPayout,
  openTestStore,
  owedBalance,
  SENDER,
  type OpenedPayout,
  type TestStore,
} from '../support/test-store.js';

/** Money that comes back belongs to whoever's payout it was for: two owners, and neither ever has the other's. */

let testStore: TestStore;
beforeEach(async () => {
  testStore = await openTestStore();
});
afterEach(async () => {
  expect(await auditLedger(testStore.sql)).toEqual([]);
  await testStore.close();
});

const FREE = { side: FEE_SIDE.ADDED, payoutRate: '0', tradeRate: '0' } as const;
const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'T-wallet' } as const;

const owed = (owner: string): Promise<string> => owedBalance(testStore.store, 'USDT', owner);
const available = (): Promise<string> => availableBalance(testStore.store, 'USDT');
const statusOf = async ({ payoutId }: OpenedPayout): Promise<string> =>
  (await testStore.store.payouts.getPayout(payoutId)).status;
const reserve = ({ payoutId }: OpenedPayout) => testStore.store.payouts.reserveFunds(payoutId);

/** Of USDT, to a wallet, without a fee. */
function open(owner: string, funding: 'deposit' | 'balance', amount: string): Promise<OpenedPayout> {
  const request = { owner, funding, currency: 'USDT', amount, destination: WALLET };
  return openPayout(testStore.store, request, { baseAmount: amount, feeTerms: FREE });
}

async function openFunded(owner: string, amount: string): Promise<OpenedPayout> {
  const payout = await open(owner, 'deposit', amount);
  await deposit(testStore.store, payout.amount);
  return payout;
}

/** Nothing has left of it. */
async function cancel({ payoutId }: OpenedPayout): Promise<void> {
  const { payouts } = testStore.store;
  await payouts.holdPayout(payoutId, { reason: 'PROVIDER_REFUSED', detail: 'for a person' });
  expect(await payouts.closeFunding({ payoutId, to: 'cancelled', detail: 'by the test' })).toEqual({
    ok: true,
  });
}

/** His payout was cancelled after its deposit had come in. */
async function oweTo(owner: string, amount: string): Promise<string> {
  const payout = await openFunded(owner, amount);
  await cancel(payout);
  return payout.amount;
}

interface Sent {
  readonly payoutId: string;
  readonly providerPayoutId: string;
  settle(status: 'paid' | 'failed'): Promise<void>;
  giveBack(net: string): Promise<void>;
}

/** QbitPay has accepted it, and takes all that was asked for. */
async function send({ payoutId }: OpenedPayout, amount: string, fee = '0'): Promise<Sent> {
  const { requests } = testStore.store;
  const id = { operation: 'payout', externalOrderId: payoutId } as const;
  await requests.prepare(payoutId, id, 'sending');
  expect(await requests.claim(id, SENDER, { amount, currency: 'USDT' })).toBe(1);
  const object = accepted({ payoutId, id }, { postAmount: amount, recipientAmount: amount, fee });
  await requests.accept(payoutId, object);
  const { providerPayoutId } = object;
  return {
    payoutId,
    providerPayoutId,
    settle: (status) =>
      requests.recordSettlement(payoutId, {
        ...{ providerPayoutId, currency: 'USDT', recipientAmount: amount, fee, status },
        outcome: status === 'paid' ? PAID : FAILED,
      }),
    giveBack: (net) =>
      requests.recordReturn(payoutId, {
        ...{ providerPayoutId, currency: 'USDT', net },
        balanceTransactionId: randomUUID(),
      }),
  };
}

describe('K29: money of a payout that its owner funded by a deposit', () => {
  test('cancelled: it is owed to him, and to nobody else', async () => {
    const amount = await oweTo('anna', '100');
    expect(await owed('anna')).toBe(addAmounts(amount));
    expect([await owed('boris'), await available()]).toEqual(['0', '0']);
  });

  test('failed, and paid but returned by the bank in parts: what comes back is owed to him', async () => {
    const [failed, returned] = [await openFunded('anna', '100'), await openFunded('boris', '200')];
    const [one, other] = [await send(failed, '100'), await send(returned, '200')];
    await one.settle('failed');
    await one.giveBack('100');
    expect(await owed('anna')).toBe(addAmounts(failed.amount));
    await other.settle('paid');
    const rest = await owed('boris');
    await other.settle('failed');
    await other.giveBack('150');
    expect(await owed('boris')).toBe(rest);
    await other.giveBack('50');
    expect(await statusOf(returned)).toBe('returned');
    expect(await owed('boris')).toBe(addAmounts(returned.amount));
    expect(await available()).toBe('0');
  });

  test('more was deposited than his payout needs: the rest is owed to him, in a split deposit to each his own', async () => {
    const [one, other] = [await open('anna', 'deposit', '100'), await open('boris', 'deposit', '100')];
    const id = await deposit(testStore.store, '1000');
    const parts = [one, other].map(({ payoutId }, index) => ({ payoutId, amount: ['400', '600'][index]! }));
    expect(await assign(testStore.store, id, parts)).toMatchObject({ code: null });
    expect(await owed('anna')).toBe(addAmounts('400', `-${one.amount}`));
    expect(await owed('boris')).toBe(addAmounts('600', `-${other.amount}`));
    expect(await available()).toBe('0');
  });

  test('more was taken than it had: what the house has borne of that comes back to the house, the rest to him', async () => {
    await addAvailable(testStore.store, 'USDT', '10');
    const payout = await openFunded('anna', '100');
    const sent = await send(payout, '100', '3');
    expect(await owed('anna')).toBe('0');
    await sent.settle('failed');
    await sent.giveBack('103');
    expect(await owed('anna')).toBe(addAmounts(payout.amount));
    expect(await available()).toBe('10');
  });
});

describe('what is owed to the owner of a payout from the balance', () => {
  test('is drawn before the available balance, and goes back where it came from', async () => {
    const amount = await oweTo('anna', '100');
    await addAvailable(testStore.store, 'USDT', '50');
    const [whole, both] = [await open('anna', 'balance', '60'), await open('anna', 'balance', '70')];
    expect([await statusOf(whole), await statusOf(both)]).toEqual(['paying', 'paying']);
    expect(await owed('anna')).toBe('0');
    expect(await available()).toBe(addAmounts(amount, '50', '-130'));
    await cancel(whole);
    expect(await owed('anna')).toBe('60');
    await cancel(both);
    expect([await owed('anna'), await available()]).toEqual([addAmounts(amount), '50']);
  });

  test('what is left of both goes back in the proportion in which it was drawn', async () => {
    await oweTo('anna', '25');
    await addAvailable(testStore.store, 'USDT', '1000');
    const fromOwed = await owed('anna');
    const payout = await open('anna', 'balance', '100');
    const sent = await send(payout, '90');
    await sent.settle('paid');
    const back = await owed('anna');
    expect(Number(back)).toBeCloseTo(Number(fromOwed) / 10, 5);
    expect(addAmounts(await available(), back)).toBe(addAmounts('910', fromOwed));
  });

  test("is never another owner's, who waits beside it", async () => {
    await oweTo('anna', '100');
    const boris = await open('boris', 'balance', '50');
    expect(await statusOf(boris)).toBe('awaiting_balance');
    expect(await reserve(boris)).toBe('awaiting_balance');
    expect(await owed('anna')).not.toBe('0');
  });

  test('waits for no other owner, and for his own earlier payouts', async () => {
    const [large, own] = [await open('boris', 'balance', '500'), await open('anna', 'balance', '200')];
    await oweTo('anna', '100');
    const small = await open('anna', 'balance', '50');
    expect(await statusOf(small)).toBe('awaiting_balance');
    const timeline = await testStore.store.payouts.readTimeline(small.payoutId);
    expect(timeline.at(-1)?.detail).toBe('waiting for an earlier payout of its owner');
    await oweTo('anna', '150');
    const hints = await testStore.store.mirror.readHints(10);
    const hinted = hints.filter(({ signal }) => signal === 'balanceReleased');
    expect(hinted.map(({ payoutId }) => payoutId)).toEqual([own.payoutId]);
    expect(await reserve(own)).toBe('paying');
    expect(await reserve(small)).toBe('paying');
    expect(await statusOf(large)).toBe('awaiting_balance');
  });

  test('with the available balance it waits its turn among all', async () => {
    await oweTo('anna', '100');
    const large = await open('boris', 'balance', '500');
    await addAvailable(testStore.store, 'USDT', '50');
    const both = await open('anna', 'balance', '120');
    expect(await statusOf(both)).toBe('awaiting_balance');
    await cancel(large);
    expect(await reserve(both)).toBe('paying');
  });

  test("is not kept back by a shortfall, which is the house's", async () => {
    const amount = await oweTo('anna', '100');
    const outside = { balanceTransactionId: 'bt-1', type: 'charge', currency: 'USDT', net: '-1' };
    await testStore.store.reconciliation.recordOutsideActivity([outside as never]);
    expect(await owed('anna')).toBe(addAmounts(amount));
    expect(await statusOf(await open('anna', 'balance', '60'))).toBe('paying');
    await oweTo('boris', '100');
    expect((await testStore.store.ledger.readBalances())[0]).toMatchObject({ shortfall: '-1' });
  });

  test('in either currency comes before the available balance in the other', async () => {
    await oweTo('anna', '800');
    await addAvailable(testStore.store, 'CNY', '9000');
    const payout = await openPayout(testStore.store, { owner: 'anna', funding: 'balance' });
    expect(await statusOf(payout)).toBe('converting');
    expect(await testStore.store.ledger.fundsOf(payout.payoutId)).toMatchObject([{ currency: 'USDT' }]);
  });
});

test("K30: failed, its money spent, then paid: its owner owes it, and nobody else's money is touched", async () => {
  await addAvailable(testStore.store, 'USDT', '300');
  const borisAmount = await oweTo('boris', '200');
  const payout = await openFunded('anna', '100');
  const sent = await send(payout, '100');
  await sent.settle('failed');
  await sent.giveBack('100');
  const spent = await open('anna', 'balance', '100');
  const tail = await owed('anna');
  expect(await statusOf(spent)).toBe('paying');
  await sent.settle('paid');
  expect(await statusOf(payout)).toBe('paid');
  expect(await owed('anna')).toBe(addAmounts(tail, '-100'));
  expect([await owed('boris'), await available()]).toEqual([addAmounts(borisAmount), '300']);

  // Others go on as before, and what comes back to her makes it good.
  expect(await statusOf(await open('boris', 'balance', '150'))).toBe('paying');
  expect(await statusOf(await open('carla', 'balance', '300'))).toBe('paying');
  await oweTo('anna', '60');
  const debt = subtractAmounts('0', await owed('anna'));
  expect(Number(debt)).toBeGreaterThan(0);

  // Or the house bears it.
  await addAvailable(testStore.store, 'USDT', '100');
  const writeOff = {
    kind: 'write_off',
    currency: 'USDT',
    reason: 'settled',
    payoutId: null,
    actor: 'test',
  } as const;
  const { adjustLedger } = testStore.store.ledger;
  expect(await adjustLedger({ ...writeOff, owner: 'boris', amount: '1' })).toMatchObject({ kind: 'refused' });
  expect(await adjustLedger({ ...writeOff, owner: 'anna', amount: '41' })).toMatchObject({ kind: 'refused' });
  expect(await adjustLedger({ ...writeOff, owner: 'anna', amount: debt })).toMatchObject({ kind: 'booked' });
  expect([await owed('anna'), await available()]).toEqual(['0', addAmounts('100', `-${debt}`)]);
});
