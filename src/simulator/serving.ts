import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { byItsClock } from './clock.js';
import { parseExactJson, parseLeniently } from './exact-json.js';
import { type Answer, answerFault, effectOf, type FaultRecord, sendJson, statusSeen } from './faults.js';
import { type Fields, readFields, type Shape } from './fields.js';
import { badRequest, notFound, ProviderError } from './provider-error.js';
import type { JournalRecord } from './records.js';
import type { Store } from './store.js';
import { isWanted, takeRule } from './table.js';

/** One call of the API or of the control surface. */
export interface Endpoint {
  /** As faults, latency and the journal name it: `GET /api/v1/payouts/{id}`. */
  readonly name: string;
  /** Answers the body of the answer, and adds the ids of what it made; throws a `ProviderError` for a refusal. */
  readonly serve: (request: FastifyRequest, effects: string[]) => unknown;
}

/** An endpoint with the parameters that it takes, in its body or else in its query; all others are refused. */
export function endpoint<S extends Shape>(
  name: string,
  shape: S,
  serve: (fields: Fields<S>, id: string, effects: string[]) => unknown,
): Endpoint {
  const hasBody = /^(?:POST|PATCH) /.test(name);
  return {
    name,
    serve: (request, effects) => {
      if (hasBody) readFields({}, request.query);
      const { id = '' } = request.params as { id?: string };
      return serve(readFields(shape, hasBody ? parseBody(request) : request.query), id, effects);
    },
  };
}

/** Serves the provider's API: authentication, latency, faults, the endpoint itself, and the journal of it all. */
export function serveApi(app: FastifyInstance, store: Store, endpoints: readonly Endpoint[]): void {
  register(app, endpoints, async (api, request, reply) => {
    const at = new Date().toISOString();
    if (!isAuthorised(store, request)) throw UNAUTHORISED;
    const { latencyMs, latencyByEndpoint, clockOffsetMs } = store.settings;
    if (clockOffsetMs !== 0) reply.header('date', new Date(Date.now() + clockOffsetMs).toUTCString());
    await pause(store, latencyByEndpoint[api.name] ?? latencyMs);
    const fault = takeRequestFault(store, api.name, request);
    const strikes = fault === undefined ? undefined : effectOf(fault).strikes;
    if (strikes === 'before') await pause(store, fault?.delayMs);
    // What the endpoint changes and its journal entry are one transaction.
    const planned = store.transaction(() => {
      const effects: string[] = [];
      const answer = strikes === 'instead' ? NO_ANSWER : attempt(store, api, request, effects);
      const status = fault === undefined ? answer.status : statusSeen(fault, answer);
      journal(store, request, { at, status, fault: fault?.kind ?? null, effects });
      return answer;
    });
    if (strikes === 'after') await pause(store, fault?.delayMs);
    return fault === undefined ? sendJson(reply, planned) : answerFault(reply, fault, planned);
  });
}

/** Serves the control surface; what a call changes is one transaction. */
export function serveControl(app: FastifyInstance, store: Store, endpoints: readonly Endpoint[]): void {
  register(app, endpoints, async (control, request, reply) => {
    const body = await store.transaction(() => control.serve(request, []));
    return sendJson(reply, { status: 200, body });
  });
}

/** Answers what no endpoint takes, and what was refused or failed on its way to one. */
export function serveRest(app: FastifyInstance, store: Store): void {
  const refuse = (reply: FastifyReply, error: ProviderError): FastifyReply => {
    if (isApiCall(reply.request)) journal(store, reply.request, { status: error.status });
    const { status, body, field } = error;
    return sendJson(reply, { status, body: { ...body, field } });
  };
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (store.closing.signal.aborted) return reply.hijack();
    if (error instanceof ProviderError) return refuse(reply, error);
    const { statusCode: status = 500, message, stack = message } = error;
    if (status >= 500) store.warn(`${request.method} ${request.url} failed: ${stack}`);
    const type = status >= 500 ? 'api_error' : 'invalid_request_error';
    return refuse(reply, new ProviderError(status, type, message));
  });
  app.setNotFoundHandler((request, reply) => {
    const needsKey = isApiCall(request) && !isAuthorised(store, request);
    return refuse(reply, needsKey ? UNAUTHORISED : notFound('resource'));
  });
}

const UNAUTHORISED = new ProviderError(401, 'authentication_error', 'no valid API key');
const NO_ANSWER: Answer = { status: 0, body: undefined };

type Serve = (endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

function register(app: FastifyInstance, endpoints: readonly Endpoint[], serve: Serve): void {
  for (const one of endpoints) {
    const [method = '', path = ''] = one.name.split(' ');
    const url = path.replace('{id}', ':id');
    app.route({ method, url, handler: (request, reply) => serve(one, request, reply) });
  }
}

function attempt(store: Store, api: Endpoint, request: FastifyRequest, effects: string[]): Answer {
  try {
    return { status: 200, body: byItsClock(store.settings, api.serve(request, effects)) };
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

/** A control call may leave its body out. */
function parseBody(request: FastifyRequest): unknown {
  const text = textOf(request);
  if (text === '' && !isApiCall(request)) return {};
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw badRequest('the body must be application/json', 'body');
  }
  try {
    return parseExactJson(text);
  } catch {
    throw badRequest('the body is not valid JSON', 'body');
  }
}

/** The fault that strikes this request, if any; it strikes before the body is validated. */
function takeRequestFault(store: Store, name: string, request: FastifyRequest): FaultRecord | undefined {
  const body = parseLeniently(textOf(request)) as { readonly externalOrderId?: unknown } | null;
  const isStruck = ({ endpoint: struck, externalOrderId }: FaultRecord): boolean =>
    (struck === name || struck === '*') && isWanted(externalOrderId, body?.externalOrderId);
  return store.transaction(() => takeRule(store.faults, isStruck));
}

/** HTTP Basic: the API key is the user name, the password is empty (contract, first section). */
function isAuthorised({ apiKey }: Store, { headers }: FastifyRequest): boolean {
  const [, credentials = ''] = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? '') ?? [];
  return Buffer.from(credentials, 'base64').toString('utf8') === `${apiKey}:`;
}

const isApiCall = ({ url }: FastifyRequest): boolean => url.startsWith('/api/');

/** Bodies stay text: they are parsed where they are read, without losing digits, and journaled as they were sent. */
const textOf = ({ body }: FastifyRequest): string => (typeof body === 'string' ? body : '');

async function pause({ closing }: Store, delayMs = 0): Promise<void> {
  if (delayMs > 0) await wait(delayMs, undefined, { signal: closing.signal });
}

type Happened = Pick<JournalRecord, 'status'> & Partial<JournalRecord>;

function journal({ journal: entries }: Store, request: FastifyRequest, happened: Happened): void {
  const { method, url: path, routeOptions } = request;
  const now = new Date().toISOString();
  const route = routeOptions.url?.replace(':id', '{id}');
  const asked = { method, path, endpoint: route === undefined ? null : `${method} ${route}` };
  const nothing = { fault: null, effects: [], requestBody: textOf(request) || null };
  entries.put({ id: String(entries.size + 1), at: now, servedAt: now, ...asked, ...nothing, ...happened });
}
