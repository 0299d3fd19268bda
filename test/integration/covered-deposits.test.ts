import { randomUUID } from 'node:crypto';
import { addAmounts } from '../../src/domain/money.js';
import { decision, holdUnknown, prepareOrder, store, useStore } from '../support/request-store.js';
import { READER_RULES, readerOf } from '../support/test-store.js';

/** Deposits of an account that shows no transactions of them: what the available balance covers of the notices. */

useStore();

/** QbitPay shows so much more in the currency than the store accounts for. */
async function sync(currency: string, more: string): Promise<void> {
  await readerOf(store());
  const { mirror } = store();
  const rules = { ...READER_RULES, depositProof: 'available' } as const;
  const reader = mirror.asReader(await mirror.takeGeneration(), rules);
  await reader.settleDeposits();
  const claims = await reader.readClaims();
  const inLedger = (await store().ledger.readBalances()).find((one) => one.currency === currency)?.provider;
  const balances = [{ currency, available: addAmounts(inLedger ?? '0', more), pending: '0' }];
  await reader.recordBalances({ balances, claims, readAt: await mirror.readClock() });
}

test('after an order that a person closed as not sent, deposits in what it would have bought are booked', async () => {
  const { payoutId } = await holdUnknown(prepareOrder);
  const providerDepositId = randomUUID();
  const notice = { providerDepositId, txHash: null, address: null, currency: 'CNY', amount: '5' };
  await store().deposits.noteDeposit(notice);
  await sync('CNY', '5');
  expect(await store().deposits.findDeposit(providerDepositId)).toBeUndefined();
  expect(await store().decisions.close(decision(payoutId), 0)).toEqual({ ok: true });
  await sync('CNY', '5');
  expect(await store().deposits.findDeposit(providerDepositId)).toMatchObject({ amount: '5' });
});
