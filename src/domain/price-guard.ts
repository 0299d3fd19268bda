import { compareAmounts, divide, multiply, roundDownToCurrency, subtractAmounts } from './money.js';

/** How long a ticker price is good for, from its timestamp (contract, section Markets). */
export const PRICE_LIFETIME_MS = 30_000;

/** Kept in hand for the difference of the two clocks and for the way of the order to the provider. */
export const PRICE_SAFETY_MARGIN_MS = 5_000;

/**
 * From when the age of a price counts, by our clock: no price is younger than its reading, however far the provider's
 * clock is ahead. All times in milliseconds of Unix time.
 */
export function quotedAt(timestampMs: number, readAtMs: number): number {
  return Math.min(timestampMs, readAtMs);
}

/** True while an order at this price still reaches the provider in time. Both times in milliseconds of Unix time. */
export function isPriceUsable(quotedAtMs: number, nowMs: number): boolean {
  return nowMs <= usableUntilMs(quotedAtMs);
}

/** Until when an order at this price may leave, in milliseconds of Unix time. */
export function usableUntilMs(quotedAtMs: number): number {
  return quotedAtMs + PRICE_LIFETIME_MS - PRICE_SAFETY_MARGIN_MS;
}

/**
 * How far a bid may be from the last one that was believed, in basis points: for each day that has begun since, `perDayBps`.
 * A market that moved further is believed when it has stayed there.
 */
export function isPlausible(bid: string, believed: string, days: number, perDayBps: number): boolean {
  const difference = subtractAmounts(bid, believed);
  const off = compareAmounts(difference, '0') < 0 ? subtractAmounts('0', difference) : difference;
  const allowed = multiply(believed, divide(multiply(String(perDayBps), Math.ceil(days)), 10_000));
  return compareAmounts(off, allowed) <= 0;
}

/** True when a bid is at most `maxSlippageBps` basis points below the estimate. */
export function isWithinSlippage(bid: string, estimate: string, maxSlippageBps: number): boolean {
  return compareAmounts(bid, lowestBid(estimate, maxSlippageBps)) >= 0;
}

/** How low the price of a payout's sale may be: a person's word counts more than the estimate. Null: it has neither. */
export function priceLimitOf(
  payout: { readonly estimatedPrice: string | null; readonly acceptedPrice: string | null },
  maxSlippageBps: number,
): { readonly price: string; readonly bps: number } | null {
  if (payout.acceptedPrice !== null) return { price: payout.acceptedPrice, bps: 0 };
  return payout.estimatedPrice === null ? null : { price: payout.estimatedPrice, bps: maxSlippageBps };
}

/** What selling `amount` brings in at the lowest such bid, rounded down to the quote currency. */
export function leastProceeds(
  amount: string,
  estimate: string,
  maxSlippageBps: number,
  quoteCurrency: string,
): string {
  return roundDownToCurrency(multiply(amount, lowestBid(estimate, maxSlippageBps)), quoteCurrency);
}

function lowestBid(estimate: string, maxSlippageBps: number): string {
  return multiply(estimate, divide(String(10_000 - maxSlippageBps), 10_000));
}
