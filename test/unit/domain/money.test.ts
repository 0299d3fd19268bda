import fc from 'fast-check';
import {
  addAmounts,
  AMOUNT_PATTERN,
  amountRule,
  atCurrencyScale,
  compareAmounts,
  CURRENCY_PATTERN,
  currencyScale,
  divide,
  isPayableAmount,
  isSameInCurrency,
  leastAmount,
  multiply,
  roundDownToCurrency,
  roundUpToCurrency,
  smallestUnit,
  subtractAmounts,
  toPlainDecimal,
} from '../../../src/domain/money.js';

/** Amounts in units of 10⁻⁸, up to 18 digits before the point. */
const units = fc.bigInt({ min: 1n, max: 10n ** 26n - 1n });
const amounts = units.map(fromUnits);
/** Discrepancies too: what is left of an amount may be less than nothing. */
const signedUnits = fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n });
const DIGITS = Array.from('0123456789');
const SCALES = { CNY: 2, EUR: 2, BTC: 8, ETH: 8, USDC: 6, USDT: 6, JPY: 0, KRW: 0, VND: 0 };
const currencies = fc.constantFrom(...(Object.keys(SCALES) as (keyof typeof SCALES)[]));

/** The decimal text of a whole number of 10⁻ˢᶜᵃˡᵉ, written without any arithmetic on decimals. */
function fromUnits(value: bigint, scale = 8): string {
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function toUnits(amount: string, scale = 8): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? [];
  if (whole === '' || fraction.length > scale) throw new Error(`${amount} is not a plain decimal`);
  return BigInt(sign + whole + fraction.padEnd(scale, '0'));
}

const decimals = (amount: string): number => amount.split('.')[1]?.length ?? 0;

/** The largest whole number that is not above `value / by`, for a positive `by`. */
function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return quotient * by > value ? quotient - 1n : quotient;
}

describe('exact amounts', () => {
  test('sums and discrepancies are those of whole numbers', () => {
    fc.assert(
      fc.property(units, units, (left, right) => {
        const sum = addAmounts(fromUnits(left), fromUnits(right));
        expect(toUnits(sum)).toBe(left + right);
        expect(toUnits(subtractAmounts(sum, fromUnits(right)))).toBe(left);
      }),
    );
  });

  test('adding and debit away undo each other, whichever comes first', () => {
    fc.assert(
      fc.property(signedUnits, signedUnits, (left, right) => {
        const [one, other] = [fromUnits(left), fromUnits(right)];
        expect(toUnits(subtractAmounts(one, other))).toBe(left - right);
        expect(compareAmounts(subtractAmounts(addAmounts(one, other), other), one)).toBe(0);
        expect(compareAmounts(addAmounts(subtractAmounts(one, other), other), one)).toBe(0);
        expect(addAmounts(subtractAmounts(one, other), subtractAmounts(other, one))).toBe('0');
      }),
    );
  });

  test('a sum is that of all its parts, in whatever order, and nothing adds up to 0', () => {
    expect(addAmounts()).toBe('0');
    fc.assert(
      fc.property(fc.array(signedUnits, { maxLength: 12 }), (parts) => {
        const total = addAmounts(...parts.map((part) => fromUnits(part)));
        expect(toUnits(total)).toBe(parts.reduce((sum, part) => sum + part, 0n));
        expect(addAmounts(...parts.map((part) => fromUnits(part)).reverse())).toBe(total);
      }),
    );
  });

  test('a product is that of whole numbers, to the last of its digits', () => {
    fc.assert(
      fc.property(units, units, (left, right) => {
        const product = multiply(fromUnits(left), fromUnits(right));
        expect(toUnits(product, 16)).toBe(left * right);
        expect(multiply(fromUnits(right), fromUnits(left))).toBe(product);
      }),
    );
    fc.assert(
      fc.property(units, fc.integer({ min: 0, max: 10_000 }), (value, factor) => {
        expect(toUnits(multiply(fromUnits(value), factor))).toBe(value * BigInt(factor));
      }),
    );
  });

  test('a division undoes a multiplication', () => {
    fc.assert(
      fc.property(units, units, (value, factor) => {
        const product = multiply(fromUnits(value), fromUnits(factor));
        expect(toUnits(divide(product, fromUnits(factor)))).toBe(value);
      }),
    );
    expect(divide('10', 4)).toBe('2.5');
  });

  test('a quotient that has no end is right in 60 digits', () => {
    fc.assert(
      fc.property(units, units, (value, divisor) => {
        const quotient = divide(fromUnits(value), fromUnits(divisor));
        // All digits after the point that the smallest quotient of two amounts can have.
        const scale = 90n;
        const found = toUnits(quotient, Number(scale));
        const exact = floorDivide(value * 10n ** scale, divisor);
        const lastDigit = 10n ** BigInt(Math.max(0, exact.toString().length - 60));
        const discrepancy = found > exact ? found - exact : exact - found;
        expect(discrepancy <= lastDigit).toBe(true);
      }),
    );
  });

  test('comparison is that of whole numbers and ignores trailing zeros', () => {
    expect(compareAmounts('1.50', '1.5')).toBe(0);
    expect(compareAmounts('0', '-0.00')).toBe(0);
    fc.assert(
      fc.property(signedUnits, signedUnits, (left, right) => {
        const expected = left < right ? -1 : left > right ? 1 : 0;
        expect(compareAmounts(fromUnits(left), fromUnits(right))).toBe(expected);
        expect(compareAmounts(`${fromUnits(left)}000`, fromUnits(right))).toBe(expected);
        expect(compareAmounts(fromUnits(left), fromUnits(left))).toBe(0);
      }),
    );
  });

  test('comparison is a total order: it sorts amounts as it sorts whole numbers', () => {
    // Few values, so that equal ones meet.
    const closeTogether = fc.bigInt({ min: -4n, max: 4n });
    fc.assert(
      fc.property(fc.tuple(closeTogether, closeTogether, closeTogether), (three) => {
        const [a, b, c] = three.map((value) => fromUnits(value)) as [string, string, string];
        expect(compareAmounts(a, b) + compareAmounts(b, a)).toBe(0);
        if (compareAmounts(a, b) <= 0 && compareAmounts(b, c) <= 0) {
          expect(compareAmounts(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
    fc.assert(
      fc.property(fc.array(signedUnits), (values) => {
        const sorted = values.map((value) => fromUnits(value)).sort(compareAmounts);
        expect(sorted).toEqual(values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).map((a) => fromUnits(a)));
      }),
    );
  });

  test('rounding goes in the direction of its name, to a whole number of smallest units', () => {
    fc.assert(
      fc.property(signedUnits, currencies, (value, currency) => {
        const scale = SCALES[currency];
        const unit = 10n ** BigInt(8 - scale);
        const down = floorDivide(value, unit);
        const up = down * unit === value ? down : down + 1n;
        const roundedDown = roundDownToCurrency(fromUnits(value), currency);
        const roundedUp = roundUpToCurrency(fromUnits(value), currency);
        expect([toUnits(roundedDown, scale), toUnits(roundedUp, scale)]).toEqual([down, up]);
        expect([roundedDown, roundedUp].map(decimals)).toEqual([scale, scale]);
      }),
    );
  });

  test('what is rounded stays as it is when it is rounded again, either way', () => {
    fc.assert(
      fc.property(amounts, currencies, (amount, currency) => {
        const up = roundUpToCurrency(amount, currency);
        const down = roundDownToCurrency(amount, currency);
        const apart = subtractAmounts(up, down);
        expect(['0', smallestUnit(currency)]).toContain(apart);
        for (const rounded of [up, down]) {
          expect(roundUpToCurrency(rounded, currency)).toBe(rounded);
          expect(roundDownToCurrency(rounded, currency)).toBe(rounded);
          expect(atCurrencyScale(rounded, currency)).toBe(rounded);
        }
      }),
    );
  });

  test('writing an amount at the scale of its currency changes no digit', () => {
    fc.assert(
      fc.property(signedUnits, currencies, (value, currency) => {
        const shown = atCurrencyScale(fromUnits(value), currency);
        expect(toUnits(shown)).toBe(value);
        expect(decimals(shown)).toBeGreaterThanOrEqual(SCALES[currency]);
        if (decimals(shown) > SCALES[currency]) expect(shown).not.toMatch(/0$/);
      }),
    );
  });

  test('large amounts never come out in exponent notation', () => {
    const largest = '999999999999999999.99999999';
    expect(multiply(largest, '999999999999.99999999')).toMatch(/^\d+\.\d+$/);
    expect(divide('0.00000001', '3')).toMatch(/^0\.0{8}3+$/);
  });

  test('a division by zero is refused', () => {
    expect(() => divide('1', '0')).toThrow(new RangeError('division of an amount by zero'));
    expect(() => divide('0', 0)).toThrow(RangeError);
  });

  test('the least of several is the least by its value', () => {
    expect(leastAmount('10', '9.5', '9.50', '100')).toBe('9.5');
    expect(leastAmount('3')).toBe('3');
  });

  test.each([
    ['1.5e+2', '150'],
    ['1E-7', '0.0000001'],
    ['-0.10', '-0.1'],
  ])('%s as a plain decimal is %s', (number, plain) => {
    expect(toPlainDecimal(number)).toBe(plain);
  });

  test.each([
    ['1.009999', '1.00', true],
    ['1.00', '1.009999', true],
    ['1.01', '1.00', false],
    ['1.00', '1.01', false],
  ])('%s and %s differ by less than a cent: %s', (left, right, isSame) => {
    expect(isSameInCurrency(left, right, 'CNY')).toBe(isSame);
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

describe('currencies', () => {
  test.each(Object.entries(SCALES))('%s has %i decimal places', (currency, scale) => {
    expect(currencyScale(currency)).toBe(scale);
    expect(smallestUnit(currency)).toBe(fromUnits(1n, scale));
  });

  test.each(['CNY', 'USDT', 'A1', 'ABCDEFGHIJ', 'USD2'])('%s is a code', (code) => {
    expect(code).toMatch(CURRENCY_PATTERN);
  });

  test.each(['', 'A', 'cny', 'CNy', '1CNY', 'ABCDEFGHIJK', 'CNY ', ' CNY', 'C-Y', 'CNY\nX'])(
    '%j is none',
    (code) => {
      expect(code).not.toMatch(CURRENCY_PATTERN);
    },
  );
});

describe('payable amounts', () => {
  test('are plain decimals of at most 18 and 8 digits, positive, and within the scale of the currency', () => {
    const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(...DIGITS), maxLength });
    const texts = fc
      .tuple(fc.constantFrom('', '', '', '-', '+', ' '), digits(20), fc.option(digits(10)))
      .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`);
    fc.assert(
      fc.property(texts, currencies, (text, currency) => {
        expect(AMOUNT_PATTERN.test(text)).toBe(isPlainAmount(text));
        const isPayable =
          isPlainAmount(text) &&
          toUnits(text) > 0n &&
          toUnits(text) % 10n ** BigInt(8 - SCALES[currency]) === 0n;
        expect(isPayableAmount(text, currency)).toBe(isPayable);
      }),
      { numRuns: 1_000 },
    );
  });

  /** The pattern once more, by counting characters. */
  function isPlainAmount(text: string): boolean {
    const [whole = '', fraction, ...more] = text.split('.');
    const areDigits = (part: string) => part !== '' && Array.from(part).every((one) => DIGITS.includes(one));
    return (
      more.length === 0 &&
      areDigits(whole) &&
      whole.length <= 18 &&
      (whole === '0' || !whole.startsWith('0')) &&
      (fraction === undefined || (areDigits(fraction) && fraction.length <= 8))
    );
  }

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

  test('what is payable is said with the scale of the currency', () => {
    expect(amountRule('JPY')).toBe(
      'must be a positive decimal string without exponent, with at most 18 digits before and 0 after the point',
    );
  });

  test('the scale is the currency’s', () => {
    expect(isPayableAmount('0.000001', 'USDT')).toBe(true);
    expect(isPayableAmount('0.0000001', 'USDT')).toBe(false);
    expect(isPayableAmount('1.5', 'JPY')).toBe(false);
  });
});
