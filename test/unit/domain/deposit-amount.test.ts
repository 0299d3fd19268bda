import fc from 'fast-check';
import { tailDigitsFor, tailsOf, withTail } from '../../../src/domain/deposit-amount.js';
import {
  compareAmounts,
  currencyScale,
  multiply,
  roundDownToCurrency,
  smallestUnit,
  subtractAmounts,
} from '../../../src/domain/money.js';

const CURRENCIES = ['USDT', 'BTC', 'CNY', 'JPY'] as const;
const WANTED = 5;

/** An amount needed that has room for a tail, the room, and one of its tails. */
const tailed = fc
  .tuple(fc.constantFrom(...CURRENCIES), fc.bigInt({ min: 1n, max: 10n ** 15n }))
  .map(([currency, units]) => ({ currency, needed: multiply(smallestUnit(currency), String(units)) }))
  .map((one) => ({ ...one, digits: tailDigitsFor(one.needed, one.currency, WANTED) }))
  .filter((one): one is typeof one & { digits: number } => one.digits !== undefined)
  .chain((one) => fc.nat(tailsOf(one.digits) - 1).map((index) => ({ ...one, index })));

/** In smallest units. */
const unitsOf = (amount: string, currency: string): bigint =>
  BigInt(multiply(amount, 10 ** currencyScale(currency)));

test('K22: an amount with digits cut off is no amount with a tail', () => {
  fc.assert(
    fc.property(tailed, ({ currency, needed, digits, index }) => {
      const units = unitsOf(withTail(needed, currency, digits, index), currency);
      expect(units % 10n).not.toBe(0n);
      for (let cut = 1n; cut <= digits; cut += 1n) expect((units - (units % 10n ** cut)) % 10n).toBe(0n);
    }),
  );
});

test('rounding and tail are at most a hundredth of the amount, and never less than it', () => {
  fc.assert(
    fc.property(tailed, ({ currency, needed, digits, index }) => {
      const added = subtractAmounts(withTail(needed, currency, digits, index), needed);
      expect(compareAmounts(added, '0')).toBeGreaterThan(0);
      expect(compareAmounts(added, multiply(needed, '0.01'))).toBeLessThanOrEqual(0);
    }),
  );
});

test('it fits the currency', () => {
  fc.assert(
    fc.property(tailed, ({ currency, needed, digits, index }) => {
      const amount = withTail(needed, currency, digits, index);
      expect(compareAmounts(roundDownToCurrency(amount, currency), amount)).toBe(0);
      expect((amount.split('.')[1] ?? '').length).toBeLessThanOrEqual(currencyScale(currency));
    }),
  );
});

test('every tail of one amount is another amount', () => {
  const digits = tailDigitsFor('200', 'USDT', WANTED) ?? 0;
  const amounts = new Set(
    Array.from({ length: tailsOf(digits) }, (_, index) => withTail('200', 'USDT', digits, index)),
  );
  expect(amounts.size).toBe(90_000);
  expect([...amounts][0]).toBe('200.000001');
  expect([...amounts].at(-1)).toBe('200.099999');
});

test.each([
  ['200', 'USDT', 5],
  ['19', 'USDT', 4],
  ['0.02', 'USDT', 2],
  ['0.0199', 'USDT', undefined],
  ['1000', 'CNY', 2],
  ['199', 'CNY', undefined],
  ['20000', 'JPY', undefined],
])('%s %s has room for %p digits', (needed, currency, digits) => {
  expect(tailDigitsFor(needed, currency, WANTED)).toBe(digits);
});

test('what is needed is rounded up to where the tail begins', () => {
  expect(withTail('728.156386', 'USDT', 5, 0)).toBe('728.200001');
  expect(withTail('728.2', 'USDT', 5, 9)).toBe('728.200011');
});
