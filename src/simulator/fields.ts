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
const EXACT_RULE = 'must be a number of at most 18 digits before and 18 after the point';
const URL_RULE = 'must be an http or https URL';
const OBJECT_RULE = 'must be a JSON object';

/** What an error says after the name of the field. */
const says = (rule: string) => ({
  error: ({ input }: { input?: unknown }) => ((input ?? null) === null ? 'is required' : rule),
});
const digits = (isDecimal: (value: unknown) => boolean) =>
  z.custom<LosslessNumber | string>(isDecimal, says(DECIMAL_RULE)).transform(String);
const unsigned = (schema: ReturnType<typeof digits>) =>
  schema.refine((value) => AMOUNT_PATTERN.test(value), { error: DECIMAL_RULE, abort: true });
const isPositive = (value: string): boolean => compareAmounts(value, '0') > 0;

export const text = z.string(says(TEXT_RULE)).regex(/\S/, TEXT_RULE).max(1000, TEXT_RULE);
export const flag = z.boolean(says('must be true or false'));
export const currencyCode = z.string(says(CURRENCY_RULE)).regex(CURRENCY_PATTERN, CURRENCY_RULE);
export const httpUrl = text.refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), URL_RULE);
/** Any JSON object, taken as it is. */
export const json = z.looseObject({}, says(OBJECT_RULE));

/** A positive amount as the API takes it: a JSON number in plain notation. */
export const amount = unsigned(digits(isLosslessNumber)).refine(isPositive, 'must be positive');
/** The control surface takes decimal texts too, as other systems carry amounts. */
const looseDigits = digits((value) => isLosslessNumber(value) || typeof value === 'string');
export const looseDecimal = unsigned(looseDigits);
export const looseAmount = looseDecimal.refine(isPositive, 'must be positive');
export const signedAmount = looseDigits
  .refine((value) => AMOUNT_PATTERN.test(value.replace(/^-/, '')), { error: DECIMAL_RULE, abort: true })
  .refine((value) => compareAmounts(value, '0') !== 0, 'must not be zero');

/** As precise as a chain is: more decimals than any currency has here. */
export const exactDecimal = looseDigits.refine((value) => /^\d{1,18}(?:\.\d{1,18})?$/.test(value), {
  error: EXACT_RULE,
  abort: true,
});
export const exactAmount = exactDecimal.refine(isPositive, 'must be positive');

/** An integer in a body or, as text, in a query. */
export function integer(min: number, max: number) {
  const isInRange = (value: string): boolean =>
    /^-?\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max;
  return looseDigits.refine(isInRange, `must be an integer from ${min} to ${max}`).transform(Number);
}

export const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values, says(`must be one of ${values.join(', ')}`));
export const object = <S extends Shape>(shape: S) => z.strictObject(shape, says(OBJECT_RULE));
export const listOf = <S extends Shape>(shape: S) => z.array(object(shape), says('must be a list'));
export const optional = <S extends z.ZodType>(schema: S) => withDefault(schema, undefined);
export const withDefault = <S extends z.ZodType, const D>(schema: S, value: D) =>
  schema.nullish().transform((given) => given ?? value);

/** Reads a body or query; throws 400 naming the first field that is missing, unknown or wrong. */
export function readFields<S extends Shape>(shape: S, value: unknown): Fields<S> {
  const result = object(shape).safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const isUnknown = issue?.code === 'unrecognized_keys';
  const path = [...(issue?.path ?? []), ...(isUnknown ? issue.keys.slice(0, 1) : [])];
  // As in `wallets[0].addr`.
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  const field = parts.join('').slice(1);
  if (isUnknown) throw badRequest(`unknown parameter ${field}`, field);
  throw badRequest(`${field || 'the body'} ${issue?.message ?? ''}`, field || 'body');
}

/** Throws 400 for an amount with more decimals than its currency has. */
export function assertScale(value: string, currency: string, field = 'amount'): void {
  if (compareAmounts(value, '0') === 0 || isPayableAmount(value, currency)) return;
  throw badRequest(`${field} has too many decimals for ${currency}`, field);
}

type Given<T> = { [Name in keyof T]: Exclude<T[Name], undefined> };

export function withoutUndefined<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
