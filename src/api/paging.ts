import { z } from 'zod';
import { UnknownCursorError, type Page } from '../store/paging.js';
import { ProblemError } from './problem.js';
import { namedObject } from './schemas.js';

/** Decimal digits only: neither "1e1" nor "" is a number here. */
function toWholeNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
}

/** The query of a list: which page, and of what. */
export function pageQuery<Filters extends z.core.$ZodLooseShape>(
  cursor: z.ZodType<string>,
  things: string,
  filters: Filters,
) {
  const page = z.strictObject({
    limit: z
      .preprocess(toWholeNumber, z.int('must be a whole number from 1 to 100').min(1).max(100))
      .default(10),
    starting_after: cursor.describe(`Answers the ${things} after (older than) this one.`).optional(),
    ending_before: cursor.describe(`Answers the ${things} before (newer than) this one.`).optional(),
  });
  return page.extend(filters).refine(hasOneCursor, {
    path: ['ending_before'],
    message: 'cannot be combined with starting_after',
  });
}

function hasOneCursor(query: {
  readonly starting_after?: unknown;
  readonly ending_before?: unknown;
}): boolean {
  return query.starting_after === undefined || query.ending_before === undefined;
}

/** A page's query as the store's lists take it. */
export function toListRequest<
  Query extends { readonly starting_after?: string | undefined; readonly ending_before?: string | undefined },
>({ starting_after: startingAfter, ending_before: endingBefore, ...query }: Query) {
  return { ...query, startingAfter, endingBefore };
}

export function listOf<Item extends z.ZodType>(id: string, item: Item) {
  return namedObject(id, {
    object: z.literal('list'),
    data: z.array(item),
    hasMore: z.boolean().describe('True when there are more in the direction of reading.'),
  });
}

export function toList<Item>(data: Item[], hasMore: boolean) {
  return { object: 'list' as const, data, hasMore };
}

/** @throws ProblemError 400 where the cursor names nothing */
export async function answerPage<Item, Shown>(
  thing: 'payout' | 'deposit' | 'notice' | 'entry',
  page: Promise<Page<Item>>,
  show: (item: Item) => Shown,
) {
  try {
    const { items, hasMore } = await page;
    return toList(items.map(show), hasMore);
  } catch (error) {
    if (!(error instanceof UnknownCursorError)) throw error;
    throw new ProblemError('VALIDATION_FAILED', `The cursor names no ${thing}.`, {
      errors: [{ field: error.field, message: `names no ${thing}` }],
    });
  }
}
