import type { z } from 'zod';
import { readAnswer } from './answer.js';
import { QbitPayIdError, QbitPayResponseError } from './errors.js';
import { iteratePages, toPageQuery, type Cursor, type Page, type PageRequest } from './pagination.js';
import { listedItemSchema, listSchema, type ListedItem } from './schemas.js';
import type { Transport, TransportRequest } from './transport.js';

/**
 * A kind of object that the provider shows by id (`getOrder`) and as a list (`listOrders`). The filter's members go into
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

  async function listPage(filter?: Filter & PageRequest): Promise<Page<T>> {
    const { limit, startingAfter, endingBefore, ...rest } = { ...filter } as PageRequest & Filter;
    const page = toPageQuery({ limit, startingAfter, endingBefore });
    const query = { ...toQuery(rest as Filter), ...page };
    const data = readAnswer(
      await transport.send({ operation: `list${name}s`, path, query }),
      listSchema(schema),
    );
    return { data, isLast: data.length < page.limit };
  }

  /** A page of 100 after an item, newest first: whatever it holds, an object that cannot be read included. */
  async function readPage(startingAfter?: string, filter?: Filter): Promise<readonly ListedItem<T>[]> {
    const query = { ...toQuery((filter ?? {}) as Filter), ...toPageQuery({ startingAfter }) };
    const answer = await transport.send({ operation: `list${name}s`, path, query });
    return readAnswer(answer, listSchema(listedItemSchema(schema)));
  }

  function iterate(filter?: Filter, cursor: Cursor = {}): AsyncIterable<T> {
    const fetchPage = (page: PageRequest) => listPage({ ...filter, ...page } as Filter & PageRequest);
    return iteratePages(`list${name}s`, fetchPage, cursor);
  }

  return { getOne, listPage, readPage, iterate };
}

/** An id as one segment of a path. @throws QbitPayIdError */
function toSegment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new QbitPayIdError();
  return encodeURIComponent(id);
}
