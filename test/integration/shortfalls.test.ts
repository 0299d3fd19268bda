import { randomUUID } from 'node:crypto';
import { subtractAmounts } from '../../src/domain/money.js';
import type { ProviderPayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import {
  accept,
  accepted,
  ASKED,
  decision,
  holdUnknown,
  orderOf,
  PAID,
  prepareOrder,
  preparePayout,
  rowsOf,
  sendUnknown,
  settle,
  store,
  useStore,
} from '../support/request-store.js';
import { addAvailable, deposit, readerOf, SENDER } from '../support/test-store.js';

/** When QbitPay holds less than the ledger says, and when it only looks so. */

useStore();

/** What a sync reads, and what happens while it does. */
interface Sync {
  readonly holds: string;
  readonly currency?: string;
  readonly problem?: string;
  readonly meanwhile?: () => Promise<unknown>;
}

async function sync({ holds, currency = 'EUR', problem, meanwhile }: Sync): Promise<void> {
  const reader = await readerOf(store());
  const beganAt = await store().mirror.readClock();
  await reader.recordBalances({
    balances: [{ currency, available: holds, pending: '0' }],
    claims: new Map(),
    readAt: await store().mirror.readClock(),
  });
  await meanwhile?.();
  const end = { problem: problem ?? null, clockSkewMs: null, maxRequestsPerSecond: null, completed: [] };
  await reader.endSync({ ...end, beganAt }, []);
}

const engaged = () => store().brakes.listBrakes({ engaged: true, limit: 10 });

async function release(): Promise<void> {
  for (const { brakeId } of await engaged()) {
    await store().brakes.release({ brakeId, reason: 'seen', actor: 'tester' });
  }
}

/** What the ledger says of the currency. */
const inLedger = async (currency = 'EUR'): Promise<string> =>
  (await store().ledger.readBalances()).find((one) => one.currency === currency)!.provider;

const less = async (by: number, currency = 'EUR'): Promise<string> =>
  subtractAmounts(await inLedger(currency), String(by));

beforeAll(() => addAvailable(store(), 'EUR', '1000'));
afterEach(async () => {
  await release();
  await sync({ holds: await inLedger() });
});

test('in two syncs, one after the other: the currency stops, and the brake says how much', async () => {
  const holds = await less(10);
  await sync({ holds });
  expect(await engaged()).toEqual([]);
  await sync({ holds });
  expect(await engaged()).toMatchObject([{ kind: 'SHORTFALL', currency: 'EUR', engagedBy: 'engine' }]);
  expect((await engaged())[0]?.detail).toContain('holds 10 EUR less');
});

test('what stands in both counts: the smaller of two', async () => {
  await sync({ holds: await less(10) });
  await sync({ holds: await less(4) });
  expect((await engaged())[0]?.detail).toContain('holds 4 EUR less');
});

test('released, it engages none any more, until it has grown; gone, it begins anew', async () => {
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(10) });
  await release();
  for (let times = 0; times < 3; times += 1) await sync({ holds: await less(10) });
  expect(await engaged()).toEqual([]);
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(11) });
  expect((await engaged())[0]?.detail).toContain('holds 11 EUR less');
  await release();
  await sync({ holds: await inLedger() });
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(10) });
  expect(await engaged()).toHaveLength(1);
});

test('what it has grown to while the brake is engaged was not seen: it engages it again', async () => {
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(10) });
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(30) });
  await release();
  await sync({ holds: await less(30) });
  expect((await engaged())[0]?.detail).toContain('holds 30 EUR less');
});

test('an account fee that a person has booked is none', async () => {
  const holds = await less(10);
  await sync({ holds });
  const fee = { kind: 'account_fee', currency: 'EUR', amount: '10', payoutId: null, owner: null } as const;
  await store().ledger.adjustLedger({ ...fee, reason: 'as on the statement', actor: 'tester' });
  await sync({ holds });
  await sync({ holds });
  expect(await engaged()).toEqual([]);
});

test('less than the smallest unit is none', async () => {
  const holds = subtractAmounts(await inLedger(), '0.009999999999999999');
  for (let times = 0; times < 3; times += 1) await sync({ holds });
  expect(await engaged()).toEqual([]);
});

test.each([
  [
    'once between two in which all is there',
    async (holds: string) => {
      await sync({ holds });
      await sync({ holds: await inLedger() });
      await sync({ holds });
    },
  ],
  [
    'in syncs that did not read everything',
    async (holds: string) => {
      for (let times = 0; times < 3; times += 1) await sync({ holds, problem: 'LIST_LOST' });
    },
  ],
  [
    'in an old reading: the later syncs were shown no balance',
    async (holds: string) => {
      await sync({ holds });
      for (let times = 0; times < 2; times += 1) await sync({ holds: '7', currency: 'JPY' });
    },
  ],
])('%s: none', async (_how, run) => {
  await run(await less(10));
  expect(await engaged()).toEqual([]);
});

test('money that came in since the balances were read is not in them', async () => {
  for (let times = 0; times < 3; times += 1) {
    const holds = await inLedger();
    await sync({ holds, meanwhile: () => deposit(store(), '5', { currency: 'EUR' }) });
  }
  expect(await engaged()).toEqual([]);
});

/** A payout as a list shows it. */
const objectOf = ({ providerPayoutId, externalOrderId, ...one }: ProviderPayoutRecord): ObservedObject => ({
  ...{ kind: 'payout', providerId: providerPayoutId, externalOrderId, source: null, type: null },
  ...{ status: one.status, currency: one.currency, amount: one.recipientAmount },
  ...{ content: { fee: one.fee }, problem: null, isOpen: true },
});

/** A transaction that others made, and that is not booked yet. */
async function showForeign(amount: string, changes: Partial<ObservedObject> = {}): Promise<string> {
  const providerId = `bt-${randomUUID()}`;
  const content = { createdAt: new Date().toISOString() };
  const object: ObservedObject = {
    ...{ kind: 'transaction' as const, providerId, externalOrderId: null, source: 'dashboard' },
    ...{ type: 'payout', status: 'available', currency: 'EUR', amount },
    ...{ content, problem: null, isOpen: false, ...changes },
  };
  const readAt = await store().mirror.readClock();
  await (await readerOf(store())).recordPage('transaction', { objects: [object], readAt });
  return providerId;
}

test('a transaction that the ledger does not have explains what it took, and nothing beyond that', async () => {
  const holds = await less(40);
  const balanceTransactionId = await showForeign('-40');
  for (let times = 0; times < 3; times += 1) await sync({ holds });
  expect(await engaged()).toEqual([]);
  // What came in for others may have come after the balances were read.
  const charge = await showForeign('5', { type: 'charge' });
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(43) });
  expect((await engaged())[0]?.detail).toContain('holds 3 EUR less');
  await release();
  await sync({ holds });
  const booked = { balanceTransactionId, type: 'payout', currency: 'EUR', net: '-40' };
  await store().reconciliation.recordOutsideActivity([
    { ...booked, balanceTransactionId: charge, net: '0', createdAtMs: 0 },
  ]);
  await store().reconciliation.recordOutsideActivity([{ ...booked, createdAtMs: 0 }]);
  for (let times = 0; times < 3; times += 1) await sync({ holds });
  expect(await engaged()).toEqual([]);
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(1) });
  expect((await engaged())[0]?.detail).toContain('holds 1 EUR less');
});

test('a transaction that cannot be read may explain all of it: nothing is said before it is', async () => {
  const unreadable = await showForeign('-1', { problem: 'amount', amount: null });
  for (let times = 0; times < 3; times += 1) await sync({ holds: await less(9) });
  expect(await engaged()).toEqual([]);
  await rowsOf('delete from provider_objects where provider_id = $1', unreadable);
});

test('a deposit that another transaction took back is money that is not there', async () => {
  const source = await deposit(store(), '40', { currency: 'EUR' });
  await showForeign('-40', { source, type: 'other' });
  for (let times = 0; times < 2; times += 1) await sync({ holds: await less(40) });
  expect((await engaged())[0]?.detail).toContain('holds 40 EUR less');
});

describe('what a second object of one request took', () => {
  // Its own brake is another one.
  const short = async () => (await engaged()).filter(({ kind }) => kind === 'SHORTFALL');
  const twice = async (by: number): Promise<void> => {
    for (let times = 0; times < 2; times += 1)
      await sync({ holds: await less(by, 'USDT'), currency: 'USDT' });
  };

  test('explains what is short while a person has to decide, and hides nothing once its payout has ended', async () => {
    const sent = await sendUnknown();
    const first = await accept(sent);
    const second = accepted(sent);
    const [seen, readAt] = [objectOf(second), await store().mirror.readClock()];
    await (await readerOf(store())).recordPage('payout', { objects: [seen], readAt });
    await showForeign('-703.5', { source: second.providerPayoutId, currency: 'USDT' });
    await store().requests.accept(sent.payoutId, second);
    await twice(703.5);
    expect(await short()).toEqual([]);
    const adoption = { object: accepted(sent, { providerPayoutId: first }), alsoDone: [seen.providerId] };
    expect(await store().decisions.adopt(decision(sent.payoutId), adoption)).toEqual({ ok: true });
    expect(await settle(sent.payoutId, first, 'paid', PAID)).toMatchObject({ status: 'paid' });
    await store().mirror.markRead(seen, await store().mirror.readClock());
    await twice(703.5);
    expect(await short()).toMatchObject([{ kind: 'SHORTFALL', currency: 'USDT' }]);
    await release();
    const lost = {
      kind: 'correction',
      currency: 'USDT',
      amount: '-703.5',
      payoutId: null,
      owner: null,
    } as const;
    await store().ledger.adjustLedger({ ...lost, reason: 'paid twice', actor: 'tester' });
    await twice(0);
    expect(await short()).toEqual([]);
    await twice(1);
    expect((await short())[0]?.detail).toContain('holds 1 USDT less');
  });
});

describe('while a request is under way in the currency', () => {
  beforeEach(() => addAvailable(store(), 'USDT', '500'));

  const twice = async (currency: string): Promise<void> => {
    for (let times = 0; times < 2; times += 1) await sync({ holds: '1', currency });
  };

  test.each([
    [
      'that is being sent',
      async () => {
        const prepared = await preparePayout();
        expect(await store().requests.claim(prepared.id, SENDER, ASKED)).toBe(1);
        return prepared;
      },
    ],
    ['that nobody knows the outcome of', sendUnknown],
  ])('%s: none, until it is answered', async (_which, send) => {
    const sent = await send();
    await twice('USDT');
    expect(await engaged()).toEqual([]);
    await accept(sent);
    await twice('USDT');
    expect(await engaged()).toMatchObject([{ kind: 'SHORTFALL', currency: 'USDT' }]);
    await release();
    await sync({ holds: await inLedger('USDT'), currency: 'USDT' });
  });

  test('that a person closed as not sent: it is counted', async () => {
    const { payoutId } = await holdUnknown();
    expect(await store().decisions.close(decision(payoutId), 0)).toEqual({ ok: true });
    await twice('USDT');
    expect(await engaged()).toMatchObject([{ kind: 'SHORTFALL', currency: 'USDT' }]);
    await release();
    await sync({ holds: await inLedger('USDT'), currency: 'USDT' });
  });

  test('whose payout is held with an order that is not booked: none in either currency, until it is', async () => {
    await addAvailable(store(), 'CNY', '500');
    const sent = await sendUnknown(prepareOrder);
    const order = orderOf(sent);
    await store().requests.accept(sent.payoutId, order);
    const found = { reason: 'ORDER_DIFFERS', detail: 'another price' } as const;
    expect(await store().requests.recordExecution(sent.payoutId, order, [found])).toBe('held');
    await twice('USDT');
    await twice('CNY');
    expect(await engaged()).toEqual([]);
    await store().requests.recordExecution(sent.payoutId, order);
    await twice('USDT');
    expect(await engaged()).toMatchObject([{ kind: 'SHORTFALL', currency: 'USDT' }]);
    await release();
    await sync({ holds: await inLedger('USDT'), currency: 'USDT' });
  });

  test('whose payout is held with an order that moved nothing: it is counted', async () => {
    const sent = await sendUnknown(prepareOrder);
    const order = orderOf(sent, { status: 'cancelled', quoteAmount: '0' });
    await store().requests.accept(sent.payoutId, order);
    await store().requests.recordExecution(sent.payoutId, order);
    await store().decisions.hold(decision(sent.payoutId));
    await twice('USDT');
    expect(await engaged()).toMatchObject([{ kind: 'SHORTFALL', currency: 'USDT' }]);
    await release();
    await sync({ holds: await inLedger('USDT'), currency: 'USDT' });
  });

  test('while one is converted: none in either currency', async () => {
    await addAvailable(store(), 'CNY', '500');
    await prepareOrder();
    await twice('USDT');
    await twice('CNY');
    expect(await engaged()).toEqual([]);
  });
});
