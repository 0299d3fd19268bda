import type { PageRequest } from './fields.js';
import { badRequest, notFound } from './provider-error.js';
import type { StoredRecord } from './records.js';
import type { Table } from './table.js';

/** The list object of a page, newest first (contract, "Lists and pagination"). Throws 400 for a cursor that is no id. */
export function listPage<R extends StoredRecord>(
  url: string,
  table: Table<R>,
  page: PageRequest,
  matches: (record: R) => boolean,
  view: (record: R) => object,
): object {
  const { starting_after, ending_before } = page;
  if (starting_after !== undefined && ending_before !== undefined) {
    throw badRequest('starting_after and ending_before exclude each other', 'ending_before');
  }
  for (const [name, cursor] of Object.entries({ starting_after, ending_before })) {
    if (cursor === undefined || table.get(cursor) !== undefined) continue;
    throw badRequest(`${name} is no object's id`, name);
  }
  return { object: 'list', url, data: table.page(page, matches).map(view) };
}

/** The record of this id; throws 404 when there is none. */
export function findRecord<R extends StoredRecord>(table: Table<R>, id: string, what: string): R {
  const record = table.get(id);
  if (record === undefined) throw notFound(what);
  return record;
}
