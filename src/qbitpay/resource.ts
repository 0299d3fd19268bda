import type { z } from 'zod';
import { readAnswer } from './answer.js';
import { QbitPayIdError, QbitPayResponseError } from './errors.js';
import { listedItemSchema, listSchema, type ListedItem } from './schemas.js';
import type { Transport, TransportRequest } from './transport.js';

/** The largest page the provider gives (contract, section Lists). */
const PAGE_SIZE = 100;

/**
 * A kind of object that the provider shows by id (`getOrder`) and as a list (`readOrdersPage`). The filter's members go into
 * the query under their own names, unless `toQuery` says otherwise.
 */
export function createResource<T extends { id: string }, Filter extends object>(
  transport: Transport,
  settings: {
    name: string;
    path: string;
    schema: z.ZodType<T>;
    toQuery?: (filter: Filter) => TransportRequest['query'];
  },
) {
  const { name, path, schema, toQuery = (filter) => filter as TransportRequest['query'] } = settings;

  async function getOne(id: string): Promise<T> {
    const answer = await transport.send({ operation: `get${name}`, path: `${path}/${toSegment(id)}` });
    const found = readAnswer(answer, schema);
    if (found.id === id) return found;
    // Money is decided on what is read: another object's status is worse than none.
    const explanation = 'another object than the one asked for';
    throw new QbitPayResponseError(`get${name}`, { status: answer.status, explanation });
  }

  /** A page of 100 after an item, newest first: whatever it holds, an object that cannot be read included. */
  async function readPage(startingAfter?: string, filter?: Filter): Promise<readonly ListedItem<T>[]> {
    const query = { ...toQuery((filter ?? {}) as Filter), limit: PAGE_SIZE, starting_after: startingAfter };
    const answer = await transport.send({ operation: `list${name}s`, path, query });
    return readAnswer(answer, listSchema(listedItemSchema(schema)));
  }

  return { getOne, readPage };
}

/** An id as one segment of a path. @throws QbitPayIdError */
function toSegment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new QbitPayIdError();
  return encodeURIComponent(id);
}
