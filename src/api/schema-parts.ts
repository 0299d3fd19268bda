import { z } from 'zod';
import { FAILURE_TYPES } from '../domain/failure-type.js';
import { PAYOUT_ID_PATTERN, TRANSACTION_HASH_PATTERN } from '../domain/identifiers.js';
import { CURRENCY_PATTERN } from '../domain/money.js';

/** The schemas that OpenAPI shows by name. */
export const namedSchemas = z.registry<{ id: string }>();

export const payoutId = z
  .string()
  .regex(PAYOUT_ID_PATTERN, 'must be 1 to 64 letters, digits, ".", "_" or "-", and not "." or ".."')
  .meta({ description: 'Chosen by the caller, one per payout.', examples: ['inv-2026-0001'] });
export const currency = z
  .string('must be a string')
  .regex(CURRENCY_PATTERN, 'must be an upper-case currency code, such as "CNY" or "USDT"');
export const txHash = z
  .string('must be a string')
  .regex(TRANSACTION_HASH_PATTERN, 'must be 16 to 128 letters and digits');

export const decimal = z
  .string()
  .regex(/^-?\d+(?:\.\d+)?$/)
  .meta({ description: 'Decimal string.' });
export const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' });
export const failureType = z.enum(FAILURE_TYPES);

/** Decimal digits only: neither "1e1" nor "" is a number here. */
function toWholeNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
}

/** The part of a list's query that says which page; {@link hasOneCursor} is the rule between its fields. */
export function pageFields<Cursor extends z.ZodType>(cursor: Cursor, things: string) {
  return {
    limit: z
      .preprocess(toWholeNumber, z.int('must be a whole number from 1 to 100').min(1).max(100))
      .default(10),
    starting_after: cursor
      .meta({ description: `Answers the ${things} after (older than) this one.` })
      .optional(),
    ending_before: cursor
      .meta({ description: `Answers the ${things} before (newer than) this one.` })
      .optional(),
  };
}

export function hasOneCursor(query: { readonly starting_after?: unknown; readonly ending_before?: unknown }) {
  return query.starting_after === undefined || query.ending_before === undefined;
}

export const TWO_CURSORS = { path: ['ending_before'], message: 'cannot be combined with starting_after' };

export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    hasMore: z.boolean().meta({ description: 'True when there are more in the direction of reading.' }),
  });
}
