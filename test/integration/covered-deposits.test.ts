import { randomUUID } from 'node:crypto';
import { addAmounts } from '../../src/domain/money.js';
import { decision, holdUnknown, prepareOrder, rowsOf, store, useStore } from '../support/request-store.js';
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

test.each([
  ['the person first', 0],
  ['the webhook first', 1],
])('one transfer that a person and a webhook told of (%s) is one deposit', async (_order, first) => {
  const [providerDepositId, txHash] = [randomUUID(), `0x${randomUUID()}`];
  const said = { txHash, address: null, currency: 'JPY', amount: '500' };
  const notices = [
    { ...said, providerDepositId: null },
    { ...said, providerDepositId },
  ];
  for (const notice of first === 0 ? notices : notices.toReversed())
    await store().deposits.noteDeposit(notice);
  const deposits = () => rowsOf('select provider_deposit_id from deposits where tx_hash = $1', txHash);
  // As much again came in from somebody else, of whom nothing is told yet.
  await sync('JPY', '1000');
  expect(await deposits()).toHaveLength(1);
  await sync('JPY', '500');
  expect(await deposits()).toEqual([{ provider_deposit_id: providerDepositId }]);
  expect((await store().deposits.listOpenNotices({ limit: 10 })).items).toEqual([]);
});

test('two deposits of one transaction, each with an id of its own, are two', async () => {
  const said = { txHash: `0x${randomUUID()}`, address: null, currency: 'JPY', amount: '500' };
  for (let times = 0; times < 2; times += 1) {
    await store().deposits.noteDeposit({ ...said, providerDepositId: randomUUID() });
  }
  await sync('JPY', '1000');
  expect(await rowsOf('select from deposits where tx_hash = $1', said.txHash)).toHaveLength(2);
});

test('a person told of a transaction that brought in two: they are two', async () => {
  const said = { txHash: `0x${randomUUID()}`, address: null, currency: 'JPY', amount: '500' };
  for (const providerDepositId of [null, randomUUID(), randomUUID()]) {
    await store().deposits.noteDeposit({ ...said, providerDepositId });
  }
  await sync('JPY', '1000');
  await sync('JPY', '500');
  expect(await rowsOf('select from deposits where tx_hash = $1', said.txHash)).toHaveLength(2);
});
