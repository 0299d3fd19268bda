import { Decimal } from 'decimal.js';

/**
 * Exact money arithmetic on decimal strings. An amount is always a plain decimal string ("98.10", never
 * "9.81e1" and never a float); it is scaled to its currency wherever it leaves a computation.
 */

// 60 significant digits hold an 18-digit amount times an 18-digit price with room to spare, and plain
// notation is wanted for every magnitude that money takes.
const Exact = Decimal.clone({ precision: 60, toExpNeg: -60, toExpPos: 60 });

/** Decimal places of the currencies whose scale differs from the usual two. */
const CURRENCY_SCALES: Readonly<Record<string, number>> = {
  BTC: 8,
  ETH: 8,
  USDC: 6,
  USDT: 6,
  JPY: 0,
  KRW: 0,
  VND: 0,
};
const DEFAULT_SCALE = 2;

/** At most 18 digits before and 8 after the point: what the provider and PostgreSQL both carry exactly. */
export const AMOUNT_PATTERN = /^(?:0|[1-9]\d{0,17})(?:\.\d{1,8})?$/;

/** An amount says nothing without its currency. */
export interface Money {
  readonly currency: string;
  readonly amount: string;
}

/** Provider codes such as `CNY`, `USDT`: upper case, 2 to 10 letters or digits. */
export const CURRENCY_PATTERN = /^[A-Z][A-Z0-9]{1,9}$/;

/** The number of decimal places an amount of this currency may have. */
export function currencyScale(currency: string): number {
  return CURRENCY_SCALES[currency] ?? DEFAULT_SCALE;
}

/** The smallest amount of a currency, as a decimal string: "0.01" for CNY. */
export function smallestUnit(currency: string): string {
  return new Exact(10).pow(-currencyScale(currency)).toFixed();
}

/** True for a positive plain decimal that fits the currency's scale without rounding. */
export function isPayableAmount(amount: string, currency: string): boolean {
  if (!AMOUNT_PATTERN.test(amount)) return false;
  const value = new Exact(amount);
  return value.gt(0) && value.decimalPlaces() <= currencyScale(currency);
}

/** What a caller is told of an amount that nobody can pay in this currency. */
export function amountRule(currency: string): string {
  return `must be a positive decimal string without exponent, with at most 18 digits before and ${currencyScale(currency)} after the point`;
}

/** A number in any of JSON's spellings, as a plain decimal: "1.5e+2" is "150". */
export function toPlainDecimal(number: string): string {
  return new Exact(number).toFixed();
}

export function addAmounts(...amounts: readonly string[]): string {
  return amounts.reduce((sum, amount) => new Exact(sum).plus(amount).toFixed(), '0');
}

export function subtractAmounts(from: string, amount: string): string {
  return new Exact(from).minus(amount).toFixed();
}

export function leastAmount(...amounts: readonly [string, ...string[]]): string {
  return amounts.reduce((left, right) => (compareAmounts(right, left) < 0 ? right : left));
}

/** The exact product; round it to a currency before it is used as an amount. */
export function multiply(amount: string, factor: string | number): string {
  return new Exact(amount).times(factor).toFixed();
}

/** The quotient to 60 significant digits; round it to a currency before it is used as an amount. */
export function divide(amount: string, divisor: string | number): string {
  const by = new Exact(divisor);
  if (by.isZero()) throw new RangeError('division of an amount by zero');
  return new Exact(amount).div(by).toFixed();
}

/** Negative, zero or positive as `left` is below, equal to or above `right`: "1.5" equals "1.50". */
export function compareAmounts(left: string, right: string): number {
  return new Exact(left).comparedTo(right);
}

/** True where the two differ by less than the smallest unit of the currency. */
export function isSameInCurrency(left: string, right: string, currency: string): boolean {
  return new Exact(left).minus(right).abs().lt(smallestUnit(currency));
}

/** The same amount with at least as many decimals as its currency has: "25" CNY reads "25.00". Never rounds. */
export function atCurrencyScale(amount: string, currency: string): string {
  const value = new Exact(amount);
  return value.toFixed(Math.max(value.decimalPlaces(), currencyScale(currency)));
}

/** Rounds towards more money, to the currency's scale: used for what someone has to bring. */
export function roundUpToCurrency(amount: string, currency: string): string {
  return roundUpToDecimals(amount, currencyScale(currency));
}

export function roundUpToDecimals(amount: string, decimals: number): string {
  return new Exact(amount).toFixed(decimals, Decimal.ROUND_CEIL);
}

/** Rounds towards less money, to the currency's scale: used for what someone is given. */
export function roundDownToCurrency(amount: string, currency: string): string {
  return new Exact(amount).toFixed(currencyScale(currency), Decimal.ROUND_FLOOR);
}
