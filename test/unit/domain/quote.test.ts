import fc from 'fast-check';
import { addAmounts, compareAmounts, multiply, subtractAmounts } from '../../../src/domain/money.js';
import type { PayoutRequest } from '../../../src/domain/payout-request.js';
import {
  costOfPayout,
  depositFor,
  estimatedPostAmount,
  estimateFee,
  FEE_SIDE,
  postAmountFromFunds,
  postAmountToReceive,
  proceedsOfSale,
  reachesMinimum,
  saleFor,
  type FeeTerms,
} from '../../../src/domain/quote.js';

const ADDED: FeeTerms = { side: FEE_SIDE.ADDED, payoutRate: '0.005', tradeRate: '0' };
const DEDUCTED: FeeTerms = { ...ADDED, side: FEE_SIDE.DEDUCTED };

const request: PayoutRequest = {
  payoutId: 'p',
  amount: '5000.00',
  currency: 'CNY',
  amountMode: 'receive',
  fundingCurrency: 'USDT',
  destination: { type: 'bankAccount', payerName: 'n', bankAccountNum: '1', bankName: 'b' },
};
const send: PayoutRequest = { ...request, amountMode: 'send', amount: '700.000000' };

const cents = fc.integer({ min: 1, max: 10 ** 9 }).map((value) => (value / 100).toFixed(2));
const rates = fc.integer({ min: 0, max: 999 }).map((value) => (value / 10_000).toFixed(4));
const sides = fc.constantFrom(FEE_SIDE.ADDED, FEE_SIDE.DEDUCTED);
const terms = fc.record({ side: sides, payoutRate: rates, tradeRate: rates });
const bids = fc.integer({ min: 1, max: 10 ** 7 }).map((value) => (value / 10_000).toFixed(4));

describe('a payout whose recipient’s amount is fixed', () => {
  test('with the fee on top the amount itself is sent', () => {
    expect(postAmountToReceive('5000.00', 'CNY', ADDED)).toBe('5000.00');
    expect(costOfPayout('5000.00', 'CNY', ADDED)).toBe('5025');
  });

  test('with the fee taken off, more is sent, so that the amount is left', () => {
    expect(postAmountToReceive('5000.00', 'CNY', DEDUCTED)).toBe('5025.13');
    expect(costOfPayout('5025.13', 'CNY', DEDUCTED)).toBe('5025.13');
  });

  test('never delivers less than asked for, whatever the rate', () => {
    fc.assert(
      fc.property(cents, terms, (amount, feeTerms) => {
        const postAmount = postAmountToReceive(amount, 'CNY', feeTerms);
        const delivered =
          feeTerms.side === FEE_SIDE.ADDED
            ? postAmount
            : subtractAmounts(postAmount, estimateFee(postAmount, 'CNY', feeTerms));
        expect(compareAmounts(delivered, amount)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('sells what covers the payout and its fee, and asks for the slippage on top', () => {
    expect(saleFor(request, '6.97', ADDED)).toBe('720.946916');
    expect(depositFor(request, '6.97', ADDED, 100)).toBe('728.156386');
  });

  test('what is sold always brings in the cost', () => {
    fc.assert(
      fc.property(cents, bids, terms, (amount, bid, feeTerms) => {
        const wanted = { ...request, amount };
        const sale = saleFor(wanted, bid, feeTerms);
        const cost = costOfPayout(postAmountToReceive(amount, 'CNY', feeTerms), 'CNY', feeTerms);
        expect(compareAmounts(proceedsOfSale(sale, bid, 'CNY', feeTerms), cost)).toBeGreaterThanOrEqual(0);
        expect(compareAmounts(depositFor(wanted, bid, feeTerms, 100), sale)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('a payout whose spent amount is fixed', () => {
  test('exactly the amount is deposited and sold', () => {
    expect(depositFor(send, '6.97', ADDED, 100)).toBe('700.000000');
    expect(saleFor(send, '6.97', ADDED)).toBe('700.000000');
    expect(estimatedPostAmount(send, '6.97', ADDED)).toBe('4854.72');
    expect(estimatedPostAmount(send, '6.97', DEDUCTED)).toBe('4879.00');
  });

  test('the payout never costs more than the funds, and leaves less than two smallest units', () => {
    fc.assert(
      fc.property(cents, terms, (funds, feeTerms) => {
        const cost = costOfPayout(postAmountFromFunds(funds, 'CNY', feeTerms), 'CNY', feeTerms);
        expect(compareAmounts(cost, funds)).toBeLessThanOrEqual(0);
        expect(compareAmounts(addAmounts(cost, '0.02'), funds)).toBeGreaterThan(0);
      }),
    );
  });
});

describe('a payout in the funding currency', () => {
  const same: PayoutRequest = { ...request, currency: 'USDT', amount: '300.000000' };

  test('sells nothing and asks for the amount and its fee', () => {
    expect(saleFor(same, '1', ADDED)).toBe('0');
    expect(depositFor(same, '1', ADDED, 100)).toBe('301.5');
    expect(depositFor(same, '1', DEDUCTED, 100)).toBe('301.507538');
  });
});

describe('the account’s minimum', () => {
  const minimum = { currency: 'USDT', amount: '200' };

  test('in the funding currency is compared at the bid', () => {
    expect(reachesMinimum('1394.00', request, '6.97', minimum)).toBe(true);
    expect(reachesMinimum('1393.99', request, '6.97', minimum)).toBe(false);
  });

  test('in the payout currency is compared as it is', () => {
    expect(reachesMinimum('200', { ...request, currency: 'USDT' }, '1', minimum)).toBe(true);
  });

  test('in a third currency cannot be compared', () => {
    expect(
      reachesMinimum(multiply('1', 10), request, '6.97', { currency: 'EUR', amount: '1' }),
    ).toBeUndefined();
  });
});
