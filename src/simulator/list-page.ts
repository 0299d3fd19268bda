import type { EntityTable, PageFilter, PageRequest, StoredRecord } from './entity-table.js';
import { badRequest } from './provider-error.js';
import type { RequestFields } from './request-fields.js';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

/** Reads the parameters of pagination (contract, "Lists and pagination"); the cursors exclude each other. */
export function readPageRequest(query: RequestFields): PageRequest {
  const limit = query.optionalInteger('limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  const startingAfter = query.optionalText('starting_after');
  const endingBefore = query.optionalText('ending_before');
  if (startingAfter !== undefined && endingBefore !== undefined) {
    throw badRequest('starting_after and ending_before exclude each other', 'ending_before');
  }
  return { limit, startingAfter, endingBefore };
}

/** The list object of a page, newest first. Throws 400 when a cursor is no object's id. */
export function listPage<R extends StoredRecord>(
  table: EntityTable<R>,
  page: PageRequest,
  list: { url: string; view: (record: R) => object; filter: PageFilter<R> },
): object {
  const cursors = { starting_after: page.startingAfter, ending_before: page.endingBefore };
  for (const [name, cursor] of Object.entries(cursors)) {
    if (cursor === undefined || table.has(cursor)) continue;
    throw badRequest(`${name} is no object's id`, name);
  }
  return { object: 'list', url: list.url, data: table.page(page, list.filter).map(list.view) };
}
