import fc from 'fast-check';
import {
  isPlausible,
  isPriceUsable,
  isWithinSlippage,
  leastProceeds,
  priceLimitOf,
  quotedAt,
  PRICE_LIFETIME_MS,
  PRICE_SAFETY_MARGIN_MS,
} from '../../../src/domain/price-guard.js';

const NOW_MS = Date.UTC(2026, 0, 1);

describe('the age of a price', () => {
  it('is that of the contract, less a margin for the clocks and the way', () => {
    expect([PRICE_LIFETIME_MS, PRICE_SAFETY_MARGIN_MS]).toEqual([30_000, 5_000]);
  });

  it.each([
    [0, true],
    [24_999, true],
    [25_000, true],
    [25_001, false],
    [30_000, false],
    [3_600_000, false],
    // The provider's clock is ahead of ours.
    [-4_000, true],
  ])('%d ms old: usable is %s', (ageMs, expected) => {
    expect(isPriceUsable(NOW_MS - ageMs, NOW_MS)).toBe(expected);
  });

  it.each([
    // The provider's clock is behind ours, or right.
    [-60_000, -60_000],
    [0, 0],
    // It is ahead: a second or a year, the price is as old as its reading.
    [1_000, 0],
    [365 * 86_400_000, 0],
  ])('a timestamp %d ms after the reading counts as %d', (offsetMs, expectedMs) => {
    expect(quotedAt(NOW_MS + offsetMs, NOW_MS) - NOW_MS).toBe(expectedMs);
  });

  it('no clock of the provider makes a price usable for longer than it lives after its reading', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (offsetMs) => {
        const laterMs = NOW_MS + PRICE_LIFETIME_MS - PRICE_SAFETY_MARGIN_MS + 1;
        expect(isPriceUsable(quotedAt(NOW_MS + offsetMs, NOW_MS), laterMs)).toBe(false);
      }),
    );
  });

  it('once too old, it stays so', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60_000 }), fc.nat(60_000), (ageMs, laterMs) => {
        if (isPriceUsable(NOW_MS, NOW_MS + ageMs)) return;
        expect(isPriceUsable(NOW_MS, NOW_MS + ageMs + laterMs)).toBe(false);
      }),
    );
  });
});

describe('the distance of a price from the estimate', () => {
  it.each([
    ['6.97', '6.97', 100, true],
    ['6.9003', '6.97', 100, true],
    ['6.90029999', '6.97', 100, false],
    ['7.5', '6.97', 0, true],
    ['6.97', '6.97', 0, true],
    ['6.9699999999', '6.97', 0, false],
    ['3.485', '6.97', 5_000, true],
    ['3.4849', '6.97', 5_000, false],
  ])('%s against %s with %d basis points: acceptable is %s', (bid, estimate, bps, expected) => {
    expect(isWithinSlippage(bid, estimate, bps)).toBe(expected);
  });

  it('a better price is never refused, and a wider limit refuses nothing that a narrower one takes', () => {
    const price = fc.integer({ min: 1, max: 10_000_000 });
    const bps = fc.integer({ min: 0, max: 5_000 });
    fc.assert(
      fc.property(price, price, bps, bps, (bid, estimate, one, other) => {
        const taken = (limit: number): boolean => isWithinSlippage(`${bid}`, `${estimate}`, limit);
        if (bid >= estimate) expect(taken(one)).toBe(true);
        if (taken(Math.min(one, other))) expect(taken(Math.max(one, other))).toBe(true);
        // In whole numbers, without the arithmetic under test.
        expect(taken(one)).toBe(BigInt(bid) * 10_000n >= BigInt(estimate) * BigInt(10_000 - one));
      }),
    );
  });
});

describe('a price far from the last one that was believed', () => {
  it.each([
    ['7.35', '7.00', 0.5, true],
    ['6.65', '7.00', 0.5, true],
    ['7.350001', '7.00', 0.5, false],
    ['6.649999', '7.00', 0.5, false],
    // For each day that has begun as much again.
    ['7.70', '7.00', 1.01, true],
    ['7.700001', '7.00', 1.01, false],
  ])('%s after %s, %d days ago: believed is %s', (bid, believed, days, expected) => {
    expect(isPlausible(bid, believed, days, 500)).toBe(expected);
  });
});

describe('how low the price of a sale may be', () => {
  it.each([
    [
      { estimatedPrice: '7', acceptedPrice: null },
      { price: '7', bps: 100 },
    ],
    [
      { estimatedPrice: '7', acceptedPrice: '6' },
      { price: '6', bps: 0 },
    ],
    [{ estimatedPrice: null, acceptedPrice: null }, null],
  ])('of %o it is %o', (payout, limit) => {
    expect(priceLimitOf(payout, 100)).toEqual(limit);
  });

  it('says what the sale brings in at least', () => {
    expect(leastProceeds('720.946916', '6.97', 100, 'CNY')).toBe('4974.75');
  });
});
