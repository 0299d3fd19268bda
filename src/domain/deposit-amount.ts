import {
  addAmounts,
  compareAmounts,
  currencyScale,
  multiply,
  roundUpToDecimals,
  smallestUnit,
} from './money.js';

/**
 * The amount that a payout asks for as its deposit says whose deposit it is: what is needed, rounded up, and behind it a
 * tail of digits that no other payout has. The last digit is never zero: an amount without its tail, or with digits cut
 * off, is nobody's.
 */

/** The rounding and the tail together are at most this part of the amount. */
const MOST_ADDED = '0.01';
/** With fewer digits two payouts of one amount would soon be taken for each other. */
const FEWEST_DIGITS = 2;

/** How many digits of tail the amount has room for, of `wanted`; undefined where there are too few to tell payouts apart. */
export function tailDigitsFor(needed: string, currency: string, wanted: number): number | undefined {
  for (let digits = Math.min(wanted, currencyScale(currency)); digits >= FEWEST_DIGITS; digits -= 1) {
    const mostAdded = multiply(smallestUnit(currency), 2 * 10 ** digits);
    if (compareAmounts(mostAdded, multiply(needed, MOST_ADDED)) <= 0) return digits;
  }
  return undefined;
}

/** So many different tails there are. */
export function tailsOf(digits: number): number {
  return 9 * 10 ** (digits - 1);
}

/** What is needed, rounded up, with tail number `index`, from 0 to below {@link tailsOf}. */
export function withTail(needed: string, currency: string, digits: number, index: number): string {
  const tail = Math.floor(index / 9) * 10 + (index % 9) + 1;
  const rounded = roundUpToDecimals(needed, currencyScale(currency) - digits);
  return addAmounts(rounded, multiply(smallestUnit(currency), tail));
}
