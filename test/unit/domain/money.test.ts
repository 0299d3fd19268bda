import fc from 'fast-check';
import {
  addAmounts,
  atCurrencyScale,
  compareAmounts,
  divide,
  isPayableAmount,
  multiply,
  roundDownToCurrency,
  roundUpToCurrency,
  smallestUnit,
  subtractAmounts,
} from '../../../src/domain/money.js';

/** Amounts in units of 10⁻⁸, up to 18 digits before the point. */
const units = fc.bigInt({ min: 1n, max: 10n ** 26n - 1n });
const amounts = units.map(fromUnits);

function fromUnits(value: bigint): string {
  const digits = value.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

function toUnits(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  return BigInt(whole) * 10n ** 8n + BigInt(fraction.padEnd(8, '0'));
}

describe('exact amounts', () => {
  test('sums and differences are those of whole numbers', () => {
    fc.assert(
      fc.property(units, units, (left, right) => {
        const sum = addAmounts(fromUnits(left), fromUnits(right));
        expect(toUnits(sum)).toBe(left + right);
        expect(toUnits(subtractAmounts(sum, fromUnits(right)))).toBe(left);
      }),
    );
  });

  test('comparison ignores trailing zeros and nothing else', () => {
    expect(compareAmounts('1.50', '1.5')).toBe(0);
    fc.assert(
      fc.property(units, units, (left, right) => {
        const expected = left < right ? -1 : left > right ? 1 : 0;
        expect(compareAmounts(fromUnits(left), fromUnits(right))).toBe(expected);
      }),
    );
  });

  test('rounding goes in the direction of its name, by less than one smallest unit', () => {
    fc.assert(
      fc.property(amounts, fc.constantFrom('CNY', 'USDT', 'JPY', 'BTC'), (amount, currency) => {
        const up = roundUpToCurrency(amount, currency);
        const down = roundDownToCurrency(amount, currency);
        expect(compareAmounts(down, amount)).toBeLessThanOrEqual(0);
        expect(compareAmounts(up, amount)).toBeGreaterThanOrEqual(0);
        expect(compareAmounts(subtractAmounts(up, down), smallestUnit(currency))).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('large amounts never come out in exponent notation', () => {
    const largest = '999999999999999999.99999999';
    expect(multiply(largest, '999999999999.99999999')).toMatch(/^\d+\.\d+$/);
    expect(divide('0.00000001', '3')).toMatch(/^0\.0{8}3+$/);
  });

  test('a division by zero is refused', () => {
    expect(() => divide('1', '0')).toThrow(RangeError);
  });

  test.each([
    ['25', 'CNY', '25.00'],
    ['0.000001', 'USDT', '0.000001'],
    ['98.1234', 'CNY', '98.1234'],
    ['7', 'JPY', '7'],
  ])('%s %s reads %s', (amount, currency, shown) => {
    expect(atCurrencyScale(amount, currency)).toBe(shown);
  });
});

describe('payable amounts', () => {
  test.each(['0.01', '98.10', '5000', '999999999999999999.99'])('%s CNY is payable', (amount) => {
    expect(isPayableAmount(amount, 'CNY')).toBe(true);
  });

  test.each([
    '0',
    '0.00',
    '-1',
    '+1',
    '1e3',
    '01',
    '.5',
    '5.',
    '1,000',
    '0.001',
    ' 1',
    '1 ',
    'NaN',
    '1'.repeat(19),
    '',
  ])('"%s" CNY is not', (amount) => {
    expect(isPayableAmount(amount, 'CNY')).toBe(false);
  });

  test('the scale is the currency’s', () => {
    expect(isPayableAmount('0.000001', 'USDT')).toBe(true);
    expect(isPayableAmount('0.0000001', 'USDT')).toBe(false);
    expect(isPayableAmount('1.5', 'JPY')).toBe(false);
  });
});
