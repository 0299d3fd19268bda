import { coversAll, findUnaffordable, type Account } from './store-watch.js';
import type { PayoutRow } from '../../src/store/schema.js';

const REPORT = { ranAtMs: 2_000, inFlight: 0, discrepancies: [] };
const discrepancy = (kind: string) => ({ ...REPORT, discrepancies: [{ kind }] as never });

test.each([
  ['younger than the last change', REPORT, true],
  ['that was never made', undefined, false],
  ['as old as the last change', { ...REPORT, ranAtMs: 1_000 }, false],
  ['with something under way', { ...REPORT, inFlight: 1 }, false],
  ['with a deposit that is being followed up', discrepancy('DEPOSIT_UNSEEN'), false],
  ['with money on its way back', discrepancy('RETURN_OVERDUE'), false],
  ['with what only a person can settle', discrepancy('FEE_DIFFERS'), true],
])('a report %s', (_what, report, isEnough) => {
  expect(coversAll(report, 1_000)).toBe(isEnough);
});

/** 101 USDT with the fee, or 100 USDT to sell for CNY. */
const row = (payoutId: string, currency: string) =>
  ({
    payout_id: payoutId,
    owner: 'anna',
    amount: currency === 'USDT' ? '100' : '690',
    currency,
    amount_mode: 'receive',
    funding_currency: 'USDT',
    funding: 'balance',
    deposit_amount: currency === 'USDT' ? '101' : '100',
    fee_side: 'added',
    payout_fee_rate: '0.01',
    trade_fee_rate: '0',
    description: null,
  }) as PayoutRow;
const account = (kind: string, currency: string, balance: string, owner: string | null = null): Account => ({
  ...{ kind, currency, balance, owner },
});
const available = (currency: string, balance: string): Account => account('available', currency, balance);
const shortfall = (currency: string, balance: string): Account => account('shortfall', currency, balance);
const owed = (owner: string, balance: string): Account => account('owed', 'USDT', balance, owner);

test.each([
  ['enough of the funding currency', [available('USDT', '101')], []],
  ['the last digit too little for one', [available('USDT', '100.999999')], ['same']],
  ['enough of the payout currency for the other', [available('CNY', '5000')], ['same']],
  ['nothing', [], ['same', 'sold']],
  ['enough that is owed to its owner', [owed('anna', '101'), shortfall('USDT', '-1')], []],
  ['enough together with that', [owed('anna', '1'), available('USDT', '100')], []],
  ["enough that is another owner's", [owed('boris', '500')], ['same', 'sold']],
  ['enough, and he owes something', [owed('anna', '-50'), available('USDT', '101')], []],
  [
    'enough, and a shortfall before it',
    [available('USDT', '500'), shortfall('USDT', '-1')],
    ['same', 'sold'],
  ],
])('a balance of %s', (_what, accounts, unaffordable) => {
  expect(findUnaffordable([row('same', 'USDT'), row('sold', 'CNY')], accounts)).toEqual(unaffordable);
});
