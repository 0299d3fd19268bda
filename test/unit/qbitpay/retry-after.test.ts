import fc from 'fast-check';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from '../../../src/qbitpay/retry-after.js';

const NOW_MS = Date.parse('1994-11-06T08:49:07Z');

test.each([
  ['0', 0],
  ['7', 7_000],
  [' 7 ', 7_000],
  ['9999999999', MAX_RETRY_AFTER_MS],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
  ['Sun Nov  6 08:49:37 1994', 30_000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  ['Sun, 06 Nov 2094 08:00:00 GMT', MAX_RETRY_AFTER_MS],
])('"%s" asks to wait %d ms', (header, expected) => {
  expect(parseRetryAfter(header, NOW_MS)).toBe(expected);
});

test.each(['', '-1', '1.5', '1e3', 'soon', 'Sun, 99 Foo 1994 08:49:37 GMT', '0x10', '12345678901'])(
  '"%s" is no wait',
  (header) => {
    expect(parseRetryAfter(header, NOW_MS)).toBeUndefined();
  },
);

test('no header is no wait', () => {
  expect(parseRetryAfter(undefined, NOW_MS)).toBeUndefined();
});

test('whatever the header says, the wait is undefined or within its bounds', () => {
  fc.assert(
    fc.property(fc.string(), fc.date({ noInvalidDate: true }), (text, date) => {
      for (const header of [text, date.toUTCString()]) {
        const waitMs = parseRetryAfter(header, NOW_MS) ?? 0;
        expect(waitMs >= 0 && waitMs <= MAX_RETRY_AFTER_MS).toBe(true);
      }
    }),
  );
});
