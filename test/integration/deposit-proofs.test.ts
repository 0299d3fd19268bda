import { findUnproven } from '../../activities/payouts/prove-deposits.js';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import { QbitPayIdError } from '../../src/qbitpay/errors.js';
import { connections, prepareOrder, read, store, useStore, ASKED } from '../support/request-store.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import { assign, deposit, openPayout, readerOf, SENDER, type OpenedPayout } from '../support/test-store.js';

/** Deposits are read again before their money is used. */

useStore();

/** `asked`: what QbitPay does when asked for a balance transaction; it shows it where this does not throw, as this says. */
async function prove(payoutId: string, asked: (id: string) => Promise<unknown>): Promise<boolean> {
  const getBalanceTransaction = async (id: string) => {
    const shown = await asked(id);
    const source = id.replace('bt-', '');
    const what = {
      type: 'deposit',
      status: 'available',
      createdAt: '2026-01-01T00:00:00Z',
      availableAt: null,
    };
    return { ...what, id, source, currency: 'USDT', amount: '1', fee: '0', net: '1', ...(shown as object) };
  };
  const deps = {
    store: store(),
    qbitpay: { getBalanceTransaction },
  };
  return (await findUnproven(deps as unknown as ActivityDependencies, payoutId)) === undefined;
}

test('ten are asked for together, and none again by the step that comes back', async () => {
  const { payoutId } = await openPayout(store());
  for (let times = 0; times < 12; times += 1) {
    const to = [{ payoutId, amount: '1' }];
    expect(await assign(store(), await deposit(store(), '1'), to)).toMatchObject({ code: null });
  }
  const asked: string[] = [];
  let letTenGo: () => void;
  const ten = new Promise<void>((resolve) => (letTenGo = resolve));
  const interrupted = prove(payoutId, async (id) => {
    if (asked.push(id) === 10) letTenGo();
    await ten;
    if (asked.length > 10) throw new Error('QbitPay is away');
  });
  await expect(interrupted).rejects.toThrow('QbitPay is away');

  const again: string[] = [];
  expect(await prove(payoutId, (id) => Promise.resolve(void again.push(id)))).toBe(true);
  expect(again).toHaveLength(2);
  expect(new Set([...asked, ...again]).size).toBe(12);
  const isAway = () => Promise.reject(new Error('asked again'));
  expect(await prove(payoutId, isAway)).toBe(true);

  await connections().query(`update deposits set proven_at = proven_at - interval '5 minutes'`);
  await expect(prove(payoutId, isAway)).rejects.toThrow('asked again');
});

test('K25: one that is gone holds its payout also after an order of it was sent, and refused', async () => {
  const { payoutId, id } = await prepareOrder();
  expect(await store().requests.claim(id, SENDER, ASKED)).toBe(1);
  await store().requests.endNotSent(id, 1);
  expect(await prove(payoutId, () => Promise.reject(new QbitPayIdError()))).toBe(false);
  expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'DEPOSIT_MISSING' });
});

/** What the sync read of a deposit: its own transaction, or another one of the same source. */
async function show(depositId: string, changes: Partial<ObservedObject>, readAt?: Date): Promise<void> {
  const { amount, ...particulars } = {
    ...({
      kind: 'transaction',
      providerId: `bt-${depositId}`,
      externalOrderId: null,
      source: depositId,
    } as const),
    ...{ type: 'deposit', status: 'available', currency: 'USDT', amount: '1' },
    ...changes,
  };
  // Before a fee: what was booked is what arrived.
  const content = { createdAt: new Date().toISOString(), net: amount };
  const object = { ...particulars, amount, content, problem: null, isOpen: false };
  const reader = await readerOf(store());
  const page = { objects: [object], readAt: readAt ?? (await store().mirror.readClock()) };
  await reader.recordPage('transaction', page);
}

interface TakenBack {
  /** Another transaction of the same source. */
  readonly other?: Partial<ObservedObject> & { readonly amount: string };
  /** What its own transaction shows. */
  readonly own?: { readonly status?: string; readonly currency?: string; readonly net?: string };
}

const TAKEN_BACK: [string, TakenBack][] = [
  ['by another of its type', { other: { amount: '-145.11' } }],
  ['by one of another type', { other: { type: 'other', amount: '-145.11' } }],
  ['by one that is pending', { other: { status: 'pending', amount: '-145.11' } }],
  ['in part', { other: { type: 'other', amount: '-0.01' } }],
  ['by itself: it is less now', { own: { net: '5.14' } }],
  ['by itself: it is in another currency now', { own: { currency: 'USDC' } }],
  ['by itself: it is pending again', { own: { status: 'pending' } }],
];

describe('K25: a deposit that is shown still, and was taken back', () => {
  const OWN = { amount: '145.14', net: '145.14' };
  let opened: OpenedPayout;
  let depositId: string;
  beforeEach(async () => {
    opened = await openPayout(store());
    depositId = await deposit(store(), '145.14');
  });
  const statusOf = async () => (await store().deposits.findDeposit(depositId))?.status;
  const takeBack = ({ other }: TakenBack): Promise<void> | undefined =>
    other && show(depositId, { ...other, providerId: `${depositId}-back` });
  const giveAgain = ({ other }: TakenBack): Promise<void> | undefined =>
    other && show(depositId, { providerId: `${depositId}-again`, amount: other.amount.slice(1) });

  test.each(TAKEN_BACK)('%s: its payout is held until all of it is there again', async (_how, how) => {
    const { payoutId } = opened;
    await assign(store(), depositId, [{ payoutId, amount: '145.14' }]);
    await takeBack(how);
    expect(await prove(payoutId, () => Promise.resolve({ ...OWN, ...how.own }))).toBe(false);
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'DEPOSIT_MISSING' });
    expect(await statusOf()).toBe('missing');

    await giveAgain(how);
    expect(await prove(payoutId, () => Promise.resolve(OWN))).toBe(true);
    expect(await statusOf()).toBe('allocated');
  });

  test.each(TAKEN_BACK)('%s: nobody is given it until all of it is there again', async (_how, how) => {
    // Whatever is asked for from now on was read after that.
    const later = new Date(Date.now() + 3_600_000);
    await takeBack(how);
    const { net: amount, ...own } = { ...OWN, ...how.own };
    await show(depositId, { ...own, amount }, later);
    expect(await store().deposits.readAgain([depositId])).toEqual([]);
    expect(await assign(store(), depositId, 'available')).toMatchObject({ code: 'DEPOSIT_MISSING' });

    await giveAgain(how);
    await show(depositId, { amount: OWN.amount }, later);
    expect(await store().deposits.readAgain([depositId])).toEqual([]);
    expect(await assign(store(), depositId, 'available')).toMatchObject({ code: null });
  });

  test('just after it was proven: it is asked for again', async () => {
    const { payoutId } = opened;
    await assign(store(), depositId, [{ payoutId, amount: '145.14' }]);
    expect(await prove(payoutId, () => Promise.resolve(OWN))).toBe(true);
    await takeBack({ other: { type: 'other', amount: '-145.14' } });
    expect(await prove(payoutId, () => Promise.resolve(OWN))).toBe(false);
  });

  test('more of the same source, and what moved in other currencies, takes nothing', async () => {
    const { payoutId } = opened;
    await assign(store(), depositId, [{ payoutId, amount: '145.14' }]);
    await show(depositId, { providerId: `${depositId}-more`, amount: '20' });
    await show(depositId, { providerId: `${depositId}-less`, type: 'other', amount: '-20' });
    await show(depositId, { providerId: `${depositId}-other`, type: 'other', currency: 'TRX', amount: '-3' });
    expect(await prove(payoutId, () => Promise.resolve({ amount: '150', net: '145.14' }))).toBe(true);
  });

  test('one whose transaction cannot be read is not given away, and not missing', async () => {
    const reader = await readerOf(store());
    await reader.recordUnreadable('transaction', `bt-${depositId}`, new Date(Date.now() + 3_600_000));
    expect(await store().deposits.readAgain([depositId])).toEqual([depositId]);
    expect(await statusOf()).toBe('unallocated');
  }, 20_000);
});
