import type { z } from 'zod';
import { readJson, readShape } from './answer.js';
import { QbitPayIdError, QbitPayResponseError, RESPONSE_FLAW } from './errors.js';
import { iteratePages, toPageQuery, type Cursor, type Page, type PageRequest } from './pagination.js';
import { listSchema } from './schemas.js';
import type { Transport, TransportRequest } from './transport.js';

/** A kind of object that the provider shows by id and as a list. */
export interface Resource<T, Filter> {
  readonly getOne: (id: string) => Promise<T>;
  readonly listPage: (filter?: Filter & PageRequest) => Promise<Page<T>>;
  readonly iterate: (filter?: Filter, cursor?: Cursor) => AsyncIterable<T>;
}

/** The filter's members go into the query under their own names, unless `toQuery` says otherwise. */
export function createResource<T extends { id: string }, Filter extends object>(
  transport: Transport,
  settings: {
    getOperation: string;
    listOperation: string;
    path: string;
    schema: z.ZodType<T>;
    toQuery?: (filter: Filter) => TransportRequest['query'];
  },
): Resource<T, Filter> {
  const {
    getOperation,
    listOperation,
    path,
    schema,
    toQuery = (filter) => filter as TransportRequest['query'],
  } = settings;

  async function getOne(id: string): Promise<T> {
    const request = { operation: getOperation, method: 'GET', path: `${path}/${toSegment(id)}` } as const;
    const answer = await transport.send(request);
    const found = readShape(answer, readJson(answer), schema);
    if (found.id !== id) throw anotherObject(getOperation, answer.status);
    return found;
  }

  async function listPage(filter?: Filter & PageRequest): Promise<Page<T>> {
    const { limit, startingAfter, endingBefore, ...rest } = { ...filter } as PageRequest & Filter;
    const page = toPageQuery({ limit, startingAfter, endingBefore });
    const query = { ...toQuery(rest as Filter), ...page };
    const answer = await transport.send({ operation: listOperation, method: 'GET', path, query });
    const data = readShape(answer, readJson(answer), listSchema(schema));
    return { data, isLast: data.length < page.limit };
  }

  function iterate(filter?: Filter, cursor: Cursor = {}): AsyncIterable<T> {
    const fetchPage = (page: PageRequest) => listPage({ ...filter, ...page } as Filter & PageRequest);
    return iteratePages(listOperation, fetchPage, cursor);
  }

  return { getOne, listPage, iterate };
}

/** An id as one segment of a path. @throws QbitPayIdError */
function toSegment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new QbitPayIdError();
  return encodeURIComponent(id);
}

/** Money is decided on what is read: another object's status is worse than none. */
function anotherObject(operation: string, status: number): QbitPayResponseError {
  return new QbitPayResponseError(operation, {
    status,
    reason: RESPONSE_FLAW.UNEXPECTED_SHAPE,
    explanation: 'another object than the one asked for',
  });
}
