import { isLosslessNumber, type LosslessNumber } from 'lossless-json';
import { z } from 'zod';
import { AMOUNT_PATTERN, compareAmounts, CURRENCY_PATTERN, isPayableAmount } from '../domain/money.js';
import { badRequest } from './provider-error.js';

/**
 * What requests carry. Unknown parameters are refused, null counts as not given, and an error names the field. Bodies
 * were parsed without losing digits: a number is a `LosslessNumber`, and comes out of a schema as its digits.
 */
export type Shape = z.core.$ZodLooseShape;
export type Fields<S extends Shape> = z.output<z.ZodObject<S, z.core.$strict>>;

const TEXT_RULE = 'must be a text of 1 to 1000 characters';
const CURRENCY_RULE = 'is not a currency code';
const DECIMAL_RULE = 'must be a number of at most 18 digits before and 8 after the point';
const URL_RULE = 'must be an http or https URL';

export const text = z.string(says(TEXT_RULE)).regex(/\S/, TEXT_RULE).max(1000, TEXT_RULE);
export const flag = z.boolean(says('must be true or false'));
export const currencyCode = z.string(says(CURRENCY_RULE)).regex(CURRENCY_PATTERN, CURRENCY_RULE);
export const httpUrl = z
  .string(says(URL_RULE))
  .refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), URL_RULE);
/** Any JSON object, taken as it is. */
export const json = z.custom<object>(
  (value) => typeof value === 'object' && value !== null,
  says('must be a JSON object'),
);

/** A positive amount as the API takes it: a JSON number in plain notation. */
export const amount = unsigned(digits(isLosslessNumber)).refine(isPositive, 'must be positive');
/** The control surface takes decimal texts too, as other systems carry amounts. */
const looseDigits = digits((value) => isLosslessNumber(value) || typeof value === 'string');
export const looseDecimal = unsigned(looseDigits);
export const looseAmount = looseDecimal.refine(isPositive, 'must be positive');
export const signedAmount = looseDigits
  .refine((value) => AMOUNT_PATTERN.test(value.replace(/^-/, '')), { error: DECIMAL_RULE, abort: true })
  .refine((value) => compareAmounts(value, '0') !== 0, 'must not be zero');

/** An integer in a body or, as text, in a query. */
export function integer(min: number, max: number) {
  const rule = `must be an integer from ${min} to ${max}`;
  return looseDigits
    .refine((value) => /^\d{1,15}$/.test(value), { error: rule, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule);
}

export function choice<const T extends readonly string[]>(values: T) {
  return z.enum(values, says(`must be one of ${values.join(', ')}`));
}

export function listOf<S extends Shape>(shape: S) {
  return z.array(object(shape), says('must be a list'));
}

export function object<S extends Shape>(shape: S) {
  return z.strictObject(shape, says('must be a JSON object'));
}

export function optional<S extends z.ZodType>(schema: S) {
  return withDefault(schema, undefined);
}

export function withDefault<S extends z.ZodType, const D>(schema: S, value: D) {
  return schema.nullish().transform((given) => given ?? value);
}

/** Pagination (contract, "Lists and pagination"). */
export const pageFields = {
  limit: withDefault(integer(1, 100), 10),
  starting_after: optional(text),
  ending_before: optional(text),
};
export type PageRequest = Fields<typeof pageFields>;

/** Reads a body or query by its schema; throws 400 naming the first field that is missing, unknown or wrong. */
export function readFields<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const field = nameOf([...path, ...issue.keys.slice(0, 1)]);
    throw badRequest(`unknown parameter ${field}`, field);
  }
  const field = nameOf(path);
  throw badRequest(`${field || 'the body'} ${issue?.message ?? 'is wrong'}`, field || 'body');
}

/** Throws 400 for a code that is no currency's and an amount with more decimals than its currency has. */
export function assertScale(value: string, currency: string, field = 'amount'): void {
  if (compareAmounts(value, '0') === 0 || isPayableAmount(value, currency)) return;
  throw badRequest(`${field} has too many decimals for ${currency}`, field);
}

export function withoutUndefined<T extends object>(
  values: T,
): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Name in keyof T]: Exclude<T[Name], undefined> };
}

function says(rule: string) {
  return {
    error: ({ input }: { readonly input?: unknown }) =>
      input === undefined || input === null ? 'is required' : rule,
  };
}

function digits(isDecimal: (value: unknown) => boolean) {
  return z.custom<LosslessNumber | string>(isDecimal, says(DECIMAL_RULE)).transform(String);
}

function unsigned<S extends z.ZodType<string>>(schema: S) {
  return schema.refine((value) => AMOUNT_PATTERN.test(value), { error: DECIMAL_RULE, abort: true });
}

function isPositive(value: string): boolean {
  return compareAmounts(value, '0') > 0;
}

/** `wallets[0].addr` */
function nameOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
