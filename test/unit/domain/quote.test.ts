import fc from 'fast-check';
import {
  addAmounts,
  compareAmounts,
  isPayableAmount,
  multiply,
  roundUpToCurrency,
  subtractAmounts,
} from '../../../src/domain/money.js';
import type { PayoutRequest } from '../../../src/domain/payout-request.js';
import {
  balanceNeeds,
  costOfPayout,
  depositFor,
  estimatedPostAmount,
  estimateFee,
  expectedDebit,
  FEE_SIDE,
  isAmountOf,
  isConverted,
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

  test('what it sells too much, because nothing smaller can be sold, is not sent', () => {
    expect(estimatedPostAmount({ ...request, amount: '5000.01' }, '1000000', ADDED)).toBe('5000.01');
  });

  test.each([
    [ADDED, { amount: '100.01', fee: '0.51' }],
    [DEDUCTED, { amount: '99.5', fee: '0.51' }],
  ])('with the fee %o, the debit of 100.01 is %o', (feeTerms, debit) => {
    expect(expectedDebit('100.01', 'CNY', feeTerms)).toEqual(debit);
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

  test('funds that are finer than the currency do not cover a fee that is rounded up', () => {
    expect(postAmountFromFunds('100.511', 'CNY', ADDED)).toBe('100');
    expect(postAmountFromFunds('100.52', 'CNY', ADDED)).toBe('100.01');
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

describe('the rest after an order that was filled in part', () => {
  const done = { sold: '300', proceeds: '2091' };
  /** What a provider moves may be finer than a currency's smallest unit. */
  const moved = fc.integer({ min: 0, max: 10 ** 15 }).map((value) => (value / 10 ** 8).toFixed(8));

  const freeTrade = fc.oneof(
    terms,
    terms.map((one) => ({ ...one, tradeRate: '0' })),
  );

  test('is what the proceeds lack of the cost', () => {
    expect(saleFor(request, '6.97', ADDED, done)).toBe('420.946916');
    expect(saleFor(request, '7', ADDED, done)).toBe('419.142858');
    expect(saleFor(request, '6.97', ADDED, { ...done, proceeds: '5024.999' })).toBe('0.001435');
  });

  test('is what is left of the amount to be spent', () => {
    expect(saleFor(send, '6.97', ADDED, done)).toBe('400.000000');
    expect(saleFor(send, '7', ADDED, { ...done, sold: '300.00000050' })).toBe('399.999999');
    expect(estimatedPostAmount(send, '6.97', DEDUCTED, done)).toBe('4879.00');
    expect(estimatedPostAmount(send, '7', DEDUCTED, done)).toBe('4891.00');
  });

  test.each<[string, PayoutRequest, { sold: string; proceeds: string }, boolean]>([
    ['nothing is done', request, { sold: '0', proceeds: '0' }, false],
    ['a cent is missing', request, { sold: '720', proceeds: '5024.99' }, false],
    ['the cost is covered', request, { sold: '720', proceeds: '5025' }, true],
    ['there is more than enough', request, { sold: '730', proceeds: '5100' }, true],
    ['the smallest unit is left', send, { sold: '699.999999', proceeds: '4000' }, false],
    ['less than the smallest unit is left', send, { sold: '699.9999995', proceeds: '4000' }, true],
    ['all of it was sold', send, { sold: '700', proceeds: '1' }, true],
    ['more than all of it was sold', send, { sold: '701', proceeds: '1' }, true],
  ])('%s', (_name, wanted, converted, isOver) => {
    expect(isConverted(wanted, ADDED, converted)).toBe(isOver);
    expect(compareAmounts(saleFor(wanted, '6.97', ADDED, converted), '0') === 0).toBe(isOver);
  });

  test('always brings the proceeds up to the cost, and sells no more than it takes', () => {
    fc.assert(
      fc.property(cents, bids, freeTrade, moved, (amount, bid, feeTerms, proceeds) => {
        const wanted = { ...request, amount };
        const converted = { sold: '1', proceeds };
        const rest = saleFor(wanted, bid, feeTerms, converted);
        const cost = costOfPayout(postAmountToReceive(amount, 'CNY', feeTerms), 'CNY', feeTerms);
        if (isConverted(wanted, feeTerms, converted)) {
          expect(rest).toBe('0');
          expect(compareAmounts(proceeds, cost)).toBeGreaterThanOrEqual(0);
          return;
        }
        const brought = addAmounts(proceeds, proceedsOfSale(rest, bid, 'CNY', feeTerms));
        expect(compareAmounts(brought, cost)).toBeGreaterThanOrEqual(0);
        expect(compareAmounts(rest, saleFor(wanted, bid, feeTerms))).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('of an amount to be spent is exact to less than the smallest unit, and never more', () => {
    fc.assert(
      fc.property(cents, bids, terms, moved, (amount, bid, feeTerms, sold) => {
        const rest = saleFor({ ...send, amount }, bid, feeTerms, { sold, proceeds: '1' });
        const left = subtractAmounts(amount, sold);
        if (compareAmounts(rest, '0') === 0) {
          expect(compareAmounts(left, '0.000001')).toBeLessThan(0);
          return;
        }
        expect(isPayableAmount(rest, 'USDT')).toBe(true);
        expect(compareAmounts(rest, left)).toBeLessThanOrEqual(0);
        expect(
          compareAmounts(roundUpToCurrency(left, 'USDT'), addAmounts(rest, '0.000001')),
        ).toBeLessThanOrEqual(0);
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

  test.each([
    ['200.00', true],
    ['199.99', false],
  ])('in the payout currency only: %s reaches it is %s', (amount, reaches) => {
    expect(reachesMinimum(amount, request, '6.97', { currency: 'CNY', amount: '200' })).toBe(reaches);
  });

  test('in a third currency cannot be compared', () => {
    expect(
      reachesMinimum(multiply('1', 10), request, '6.97', { currency: 'EUR', amount: '1' }),
    ).toBeUndefined();
  });
});

describe('what a payout takes from the available balance', () => {
  const toSell = { currency: 'USDT', amount: '728.156386' };

  test.each<[string, PayoutRequest, readonly object[]]>([
    [
      'what the recipient gets: its cost, or else a sale',
      request,
      [{ currency: 'CNY', amount: '5025' }, toSell],
    ],
    ['what is spent: exactly that', send, [toSell]],
    ['no conversion: exactly that', { ...request, currency: 'USDT' }, [toSell]],
  ])('%s', (_name, wanted, needs) => {
    expect(balanceNeeds(wanted, toSell.amount, ADDED)).toEqual(needs);
  });
});

describe('an object that moves what was asked for', () => {
  const asked = { currency: 'CNY', amount: '100.50' };

  test.each([
    ['100.50', '0.51', true],
    ['99.99', '0.51', true],
    ['100.509999', '0', true],
    ['100.490001', '0', true],
    ['100.51', '0', false],
    ['100.49', '0', false],
    ['99.99', '0', false],
  ])('%s with a fee of %s: %s', (amount, fee, isSame) => {
    expect(isAmountOf({ amount, fee }, asked)).toBe(isSame);
  });
});
