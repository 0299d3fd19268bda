import { QbitPayResponseError } from './errors.js';

/** The largest page the provider gives, and what is asked for unless a caller wants less (section Lists). */
const MAX_PAGE_SIZE = 100;

/** Where a walk starts: after an item towards older ones, or before it towards newer ones; never both. */
export interface Cursor {
  /** Id of an item; what follows is older. */
  readonly startingAfter?: string | undefined;
  /** Id of an item; what follows is newer. */
  readonly endingBefore?: string | undefined;
}

export interface PageRequest extends Cursor {
  /** Items per page, 1 to 100. @default 100 */
  readonly limit?: number | undefined;
}

export interface Page<T> {
  /** Newest first, whichever way the page was asked for. */
  readonly data: readonly T[];
  /** True when the page is shorter than its limit: there is no more in this direction. */
  readonly isLast: boolean;
}

/** @throws RangeError for a limit outside 1 to 100, and for both cursors at once. */
export function toPageQuery({ limit = MAX_PAGE_SIZE, startingAfter, endingBefore }: PageRequest) {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE) {
    throw new RangeError(`limit is not a whole number from 1 to ${MAX_PAGE_SIZE}`);
  }
  if (startingAfter !== undefined && endingBefore !== undefined) {
    throw new RangeError('startingAfter and endingBefore exclude each other');
  }
  return { limit, starting_after: startingAfter, ending_before: endingBefore };
}

/**
 * Walks a list page by page until the short page. Without a cursor or with `startingAfter` items come newest
 * first, ever older; with `endingBefore` they come oldest first, ever newer, so that either way each item is
 * further from the start than the one before it.
 *
 * [I] A page before an item is taken to hold the items next to it, not the newest of all: only then can newer
 * items be walked without a gap.
 * @throws QbitPayResponseError when the provider answers the same cursor again: the walk would never end.
 */
export async function* iteratePages<T extends { id: string }>(
  operation: string,
  fetchPage: (page: PageRequest) => Promise<Page<T>>,
  start: Cursor,
): AsyncGenerator<T, void, undefined> {
  const isNewer = start.endingBefore !== undefined;
  const cursors = new Set([start.startingAfter ?? start.endingBefore]);
  let cursor = start;
  while (true) {
    const { data, isLast } = await fetchPage({ ...cursor, limit: MAX_PAGE_SIZE });
    const walked = isNewer ? data.toReversed() : data;
    yield* walked;
    const end = walked.at(-1)?.id;
    if (isLast || end === undefined) return;
    if (cursors.has(end)) {
      const explanation = 'the list does not move on, the same cursor came twice';
      throw new QbitPayResponseError(operation, { explanation });
    }
    cursors.add(end);
    cursor = isNewer ? { endingBefore: end } : { startingAfter: end };
  }
}
