import type { z } from 'zod';
import { parseDecimalJson } from './decimal-json.js';
import {
  describeIssues,
  QbitPayIdError,
  QbitPayResponseError,
  RESPONSE_FLAW,
  type ResponseFlaw,
} from './errors.js';
import { listedItemSchema, listSchema, type ListedItem } from './schemas.js';
import type { Answer, Transport, TransportRequest } from './transport.js';

/** The largest page the provider gives (contract, section Lists). */
const PAGE_SIZE = 100;

/**
 * Sends one request and reads its answer.
 * @throws QbitPayError; of an answer that is not the contract's it names paths and no values
 */
export async function call<T>(
  transport: Pick<Transport, 'send'>,
  request: TransportRequest,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await transport.send(request);
  const parsed = schema.safeParse(readJson(answer));
  if (parsed.success) return parsed.data;
  const explanation = `not the contract's at ${describeIssues(parsed.error)}`;
  throw unusable(answer, RESPONSE_FLAW.UNEXPECTED_SHAPE, explanation);
}

/** A kind of object that the provider shows by id (`getOrder`) and as a list (`readOrdersPage`). */
export function createResource<T extends { id: string }, Filter extends object>(
  transport: Pick<Transport, 'send'>,
  settings: {
    name: string;
    path: string;
    schema: z.ZodType<T>;
    toQuery: (filter: Filter) => NonNullable<TransportRequest['query']>;
  },
) {
  const { name, path, schema, toQuery } = settings;

  async function getOne(id: string): Promise<T> {
    const operation = `get${name}`;
    const found = await call(transport, { operation, path: `${path}/${toSegment(id)}` }, schema);
    if (found.id === id) return found;
    // Money is decided on what is read: another object's status is worse than none.
    throw new QbitPayResponseError(operation, { explanation: 'another object than the one asked for' });
  }

  /** A page of 100 after an item, newest first: whatever it holds, an object that cannot be read included. */
  async function readPage(startingAfter?: string, filter?: Filter): Promise<readonly ListedItem<T>[]> {
    const query = { ...(filter && toQuery(filter)), limit: PAGE_SIZE, starting_after: startingAfter };
    return call(transport, { operation: `list${name}s`, path, query }, listSchema(listedItemSchema(schema)));
  }

  return { getOne, readPage };
}

/** An id as one segment of a path. @throws QbitPayIdError */
function toSegment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new QbitPayIdError();
  return encodeURIComponent(id);
}

const JSON_MEDIA_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;

function readJson(answer: Answer): unknown {
  if (!JSON_MEDIA_TYPE.test(answer.headers['content-type']?.trim() ?? '')) {
    throw unusable(answer, RESPONSE_FLAW.WRONG_TYPE, 'the content type is not JSON');
  }
  try {
    return parseDecimalJson(answer.body);
  } catch {
    // The parser's message quotes the body.
    throw unusable(answer, RESPONSE_FLAW.NOT_JSON, 'the body is not a JSON text');
  }
}

function unusable({ operation, status }: Answer, reason: ResponseFlaw, explanation: string) {
  return new QbitPayResponseError(operation, { status, reason, explanation });
}
