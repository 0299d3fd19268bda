import fc from 'fast-check';
import { backoffMs } from '../../../src/domain/policy.js';
import {
  normaliseTransactionHash,
  orderExternalId,
  PAYOUT_ID_PATTERN,
  payoutExternalId,
  payoutIdOfExternalId,
} from '../../../src/domain/identifiers.js';
import { isPriceUsable } from '../../../src/domain/price-guard.js';

const payoutIds = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter((id) => PAYOUT_ID_PATTERN.test(id));

test('every id sent to the provider maps back to its payout', () => {
  fc.assert(
    fc.property(payoutIds, fc.integer({ min: 1, max: 9 }), (payoutId, attempt) => {
      expect(payoutIdOfExternalId(payoutExternalId(payoutId, attempt))).toBe(payoutId);
      expect(payoutIdOfExternalId(orderExternalId(payoutId, attempt))).toBe(payoutId);
    }),
  );
});

test('the ids of different payouts and attempts never meet', () => {
  expect(payoutExternalId('a', 1)).toBe('a');
  expect(payoutExternalId('a', 2)).toBe('a~2');
  expect(orderExternalId('a', 2)).toBe('a~o2');
  expect(payoutIdOfExternalId('not ours: a b')).toBeUndefined();
});

test('hexadecimal transaction hashes have one spelling, others keep theirs', () => {
  const hash = 'AB'.repeat(32);
  expect(normaliseTransactionHash(`0x${hash}`)).toBe(hash.toLowerCase());
  expect(normaliseTransactionHash(hash)).toBe(hash.toLowerCase());
  expect(normaliseTransactionHash('5VfydnLuQ1yvrB')).toBe('5VfydnLuQ1yvrB');
});

test('pauses double up to their limit and differ by up to half', () => {
  expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, 1_000, 5_000, 0))).toEqual([
    1_000, 2_000, 4_000, 5_000,
  ]);
  expect(backoffMs(1_000, 1_000, 5_000, 1)).toBe(2_500);
});

test('a price is used up to five seconds before it dies', () => {
  expect(isPriceUsable(0, 25_000)).toBe(true);
  expect(isPriceUsable(0, 25_001)).toBe(false);
});
