import { z } from 'zod';
import { FAILURE_TYPES } from '../domain/failure-type.js';
import { PAYOUT_ID_PATTERN, PAYOUT_ID_RULE, TRANSACTION_HASH_PATTERN } from '../domain/identifiers.js';
import { atCurrencyScale, CURRENCY_PATTERN } from '../domain/money.js';

/*
 * What the schemas of several resources have in common. An answer holds what its schema names and nothing else of the
 * record that it is made from: the schema is the list of what callers see.
 */

/** An object that OpenAPI shows by this name. */
export function namedObject<Shape extends z.core.$ZodLooseShape>(id: string, shape: Shape) {
  return z.object(shape).meta({ id });
}

export const payoutId = z
  .string()
  .regex(PAYOUT_ID_PATTERN, PAYOUT_ID_RULE)
  .meta({ description: 'Chosen by the caller, one per payout.', examples: ['inv-2026-0001'] });
export const payoutParams = z.strictObject({ payoutId });

/** Wider than what the engine makes: the provider's ids are part of it, and every deposit must be readable. */
const DEPOSIT_ID_PATTERN = /^[!-~]{1,200}$/;
export const depositId = z
  .string()
  .regex(DEPOSIT_ID_PATTERN, 'must be 1 to 200 printable ASCII characters without spaces')
  .meta({
    description: 'The provider\'s id of the deposit, else "tx:" and the hash of its transaction.',
    examples: ['dep_8c1f'],
  });

export const currency = z
  .string('must be a string')
  .regex(CURRENCY_PATTERN, 'must be an upper-case currency code, such as "CNY" or "USDT"');
export const txHash = z
  .string('must be a string')
  .regex(TRANSACTION_HASH_PATTERN, 'must be 16 to 128 letters and digits');

export const failureType = z.enum(FAILURE_TYPES);
export const decimal = z
  .string()
  .regex(/^-?\d+(?:\.\d+)?$/)
  .describe('Decimal string.');
export const signedPosting = decimal.describe('Positive: a debit. Negative: a credit.');
/** Of an answer. JSON writes a Date as ISO 8601. */
export const time = z.date().describe('ISO 8601, UTC.');

/** The same with its amount as callers see it: with all decimals of its currency. */
export function withScaledAmount<T extends { readonly amount: string; readonly currency: string }>(
  thing: T,
): T {
  return { ...thing, amount: atCurrencyScale(thing.amount, thing.currency) };
}

/** Amounts of one currency as callers see them. */
export function scaledAmounts<Name extends string>(
  currency: string,
  amounts: Readonly<Record<Name, string>>,
): Record<Name, string> {
  const scaled = Object.entries<string>(amounts).map(([name, amount]) => [
    name,
    atCurrencyScale(amount, currency),
  ]);
  return Object.fromEntries(scaled) as Record<Name, string>;
}

/** One documented answer of a route. */
export function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}
