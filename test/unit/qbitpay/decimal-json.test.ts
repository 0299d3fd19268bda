import fc from 'fast-check';
import { jsonNumber, parseDecimalJson, stringifyDecimalJson } from '../../../src/qbitpay/decimal-json.js';

const read = (text: string) => parseDecimalJson(Buffer.from(text));

test.each(['98.10', '0.000001', '123456789012345678', '123456789012345678.12345678', '-0.5', '0', '1000.50'])(
  '%s comes out as it went in',
  (digits) => {
    expect(read(`{"amount":${digits}}`)).toEqual({ amount: digits });
    if (!digits.startsWith('-')) {
      expect(stringifyDecimalJson({ amount: jsonNumber('amount', digits) })).toBe(`{"amount":${digits}}`);
    }
  },
);

test.each([
  ['1e-6', '0.000001'],
  ['1E-6', '0.000001'],
  ['1.50e1', '15'],
  ['12.34e1', '123.4'],
  ['0.5e1', '5'],
  ['5e3', '5000'],
  ['1.5e+2', '150'],
  ['-2.5e-1', '-0.25'],
  ['0e5', '0'],
  ['1.23e0', '1.23'],
])('the exponent form %s becomes %s', (written, plain) => {
  expect(read(written)).toBe(plain);
});

test('an exponent too large for any money is left as it was written', () => {
  expect(read('1e65')).toBe('1e65');
  expect(read('1e999999999')).toBe('1e999999999');
});

test('any float written by JSON.stringify keeps its value and loses its exponent', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e21, max: 1e21 }), (number) => {
      const plain = read(JSON.stringify(number)) as string;
      if (Math.abs(number) > 1e-50 || number === 0) expect(plain).toMatch(/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/);
      expect(Number(plain)).toBe(number === 0 ? 0 : number);
    }),
  );
});

test('broken UTF-8, broken JSON and contradicting duplicates are refused', () => {
  expect(() => parseDecimalJson(Uint8Array.from([0x22, 0xff, 0x22]))).toThrow();
  expect(() => read('{"a":1')).toThrow();
  expect(() => read('{"a":1,"a":2}')).toThrow();
});

test.each(['1e3', '-1', '.5', '007', '', ' 1', '1,5', 'NaN', '1'.repeat(65)])(
  'a request refuses "%s" as an amount',
  (amount) => {
    expect(() => jsonNumber('amount', amount)).toThrow(RangeError);
  },
);
