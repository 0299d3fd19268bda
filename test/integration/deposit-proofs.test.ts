import { proveDeposits } from '../../activities/payouts/prove-deposits.js';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import { QbitPayIdError } from '../../src/qbitpay/errors.js';
import { connections, prepareOrder, read, store, useStore, ASKED } from '../support/request-store.js';
import { assign, deposit, openPayout, SENDER } from '../support/test-store.js';

/** Deposits are read again before their money is used. */

useStore();

/** `asked`: what QbitPay does when it is asked for a balance transaction; it shows it where this does not throw. */
function prove(payoutId: string, asked: (id: string) => Promise<unknown>): Promise<boolean> {
  const getBalanceTransaction = async (id: string) => {
    await asked(id);
    const source = id.replace('bt-', '');
    const what = {
      type: 'deposit',
      status: 'available',
      createdAt: '2026-01-01T00:00:00Z',
      availableAt: null,
    };
    return { ...what, id, source, currency: 'USDT', amount: '1', fee: '0', net: '1' };
  };
  const deps = { store: store(), qbitpay: { getBalanceTransaction } };
  return proveDeposits(deps as unknown as ActivityDependencies, payoutId);
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
  expect(await prove(payoutId, (id) => Promise.resolve(again.push(id)))).toBe(true);
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
