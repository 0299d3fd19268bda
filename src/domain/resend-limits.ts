import { compareAmounts, type Money } from './money.js';

/**
 * Up to which amount a request that was proven absent is sent again without a person, by currency: an amount says
 * nothing without one. A currency that is not named: never.
 */
export type ResendLimits = Readonly<Record<string, string>>;

export function isWithinLimit({ currency, amount }: Money, limits: ResendLimits): boolean {
  const limit = Object.hasOwn(limits, currency) ? limits[currency] : undefined;
  return limit !== undefined && compareAmounts(amount, limit) <= 0;
}
