import { compareAmounts, type Money } from './money.js';

/** The largest amounts for something, by currency: an amount says nothing without one. */
export type AmountLimits = Readonly<Record<string, string>>;

/** `ofOthers`: the limit of a currency that is not named. */
export function isWithinLimit({ currency, amount }: Money, limits: AmountLimits, ofOthers = '0'): boolean {
  const limit = Object.hasOwn(limits, currency) ? (limits[currency] ?? ofOthers) : ofOthers;
  return compareAmounts(amount, limit) <= 0;
}
