import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Endpoint, RawRequest } from './endpoint.js';
import { parseExactJson } from './exact-json.js';
import { answerFault, faultStatus, type PlannedAnswer, sendJson } from './fault-answers.js';
import { FAULT_KINDS } from './fault-kinds.js';
import { badRequest, notFound, ProviderError } from './provider-error.js';
import type { FaultRecord, JournalRecord } from './records.js';
import { isWanted, takeRule } from './rules.js';
import type { Store } from './store.js';

/** Serves the provider's API: authentication, latency, faults, the endpoint itself, and the journal of it all. */
export function serveApi(
  app: FastifyInstance,
  store: Store,
  endpoints: readonly Endpoint[],
  closing: AbortSignal,
): void {
  register(app, endpoints, async (endpoint, request, reply) => {
    const { name } = endpoint;
    const at = new Date().toISOString();
    if (!isAuthorised(store, request)) {
      const error = unauthorised();
      journal(store, request, { at, endpoint: name, status: error.status });
      return sendJson(reply, error.status, error.body());
    }
    const { latencyMs, latencyByEndpoint } = store.settings;
    await pause(latencyByEndpoint[name] ?? latencyMs, closing);
    const fault = takeRequestFault(store, name, request);
    const strikes = fault === undefined ? undefined : FAULT_KINDS[fault.kind].strikes;
    const note = (planned?: PlannedAnswer, effects: readonly string[] = []): void => {
      const status = fault === undefined ? (planned?.status ?? null) : faultStatus(fault, planned);
      journal(store, request, { at, endpoint: name, status, fault: fault?.kind ?? null, effects });
    };
    if (fault !== undefined && strikes === 'instead') {
      note();
      return answerFault(reply, fault);
    }
    if (strikes === 'before') await pause(fault?.delayMs, closing);
    // What the endpoint changes and its journal entry are one transaction.
    const planned = store.transaction(() => {
      const effects: string[] = [];
      const answer = attempt(endpoint, { ...rawRequest(request), effects });
      note(answer, effects);
      return answer;
    });
    if (strikes === 'after') await pause(fault?.delayMs, closing);
    return fault === undefined
      ? sendJson(reply, planned.status, planned.body)
      : answerFault(reply, fault, planned);
  });
}

/** Serves the control surface; what a call changes is one transaction. */
export function serveControl(app: FastifyInstance, store: Store, endpoints: readonly Endpoint[]): void {
  register(app, endpoints, async (endpoint, request, reply) => {
    const raw = rawRequest(request);
    const body = request.body === undefined || request.body === '' ? () => ({}) : raw.body;
    return sendJson(reply, 200, await store.transaction(() => endpoint.serve({ ...raw, body })));
  });
}

/** Answers what no endpoint takes, or what failed on its way to one. */
export function serveRest(
  app: FastifyInstance,
  store: Store,
  closing: AbortSignal,
  log: (line: string) => void,
): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (closing.aborted) return reply.hijack();
    if (error instanceof ProviderError) {
      return sendJson(reply, error.status, { ...error.body(), field: error.field });
    }
    const { statusCode: status = 500 } = error;
    if (status >= 500) log(`${request.method} ${request.url} failed: ${error.stack ?? error.message}`);
    const type = status >= 500 ? 'api_error' : 'invalid_request_error';
    return answerUnserved(reply, store, new ProviderError(status, type, error.message));
  });
  app.setNotFoundHandler((request, reply) => {
    const needsKey = isApiCall(request) && !isAuthorised(store, request);
    return answerUnserved(reply, store, needsKey ? unauthorised() : notFound('resource'));
  });
}

function answerUnserved(reply: FastifyReply, store: Store, error: ProviderError): FastifyReply {
  if (isApiCall(reply.request)) journal(store, reply.request, { status: error.status });
  return sendJson(reply, error.status, error.body());
}

type Serve = (endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

function register(app: FastifyInstance, endpoints: readonly Endpoint[], serve: Serve): void {
  for (const endpoint of endpoints) {
    const [method = '', path = ''] = endpoint.name.split(' ');
    const url = path.replace('{id}', ':id');
    app.route({ method, url, handler: (request, reply) => serve(endpoint, request, reply) });
  }
}

function rawRequest(request: FastifyRequest): RawRequest {
  const { id = '' } = request.params as { id?: string };
  return { id, query: request.query, body: () => parseBody(request), effects: [] };
}

function parseBody(request: FastifyRequest): unknown {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw badRequest('the body must be application/json', 'body');
  }
  try {
    return parseExactJson(textOf(request) ?? '');
  } catch {
    throw badRequest('the body is not valid JSON', 'body');
  }
}

function attempt(endpoint: Endpoint, request: RawRequest): PlannedAnswer {
  try {
    return { status: 200, body: endpoint.serve(request) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { status: error.status, body: error.body() };
  }
}

/** The fault that strikes this request, if any. Its body is read leniently: a fault strikes before it is validated. */
function takeRequestFault(store: Store, name: string, request: FastifyRequest): FaultRecord | undefined {
  let externalOrderId: unknown;
  try {
    externalOrderId = (parseExactJson(textOf(request) ?? '{}') as { externalOrderId?: unknown })
      .externalOrderId;
  } catch {
    externalOrderId = undefined;
  }
  return store.transaction(() =>
    takeRule(
      store.faults,
      (fault) =>
        (fault.endpoint === name || fault.endpoint === '*') &&
        isWanted(fault.externalOrderId, externalOrderId),
    ),
  );
}

/** HTTP Basic: the API key is the user name, the password is empty (contract, first section). */
function isAuthorised({ apiKey }: Store, request: FastifyRequest): boolean {
  const [, credentials] = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  return credentials !== undefined && Buffer.from(credentials, 'base64').toString('utf8') === `${apiKey}:`;
}

function unauthorised(): ProviderError {
  return new ProviderError(401, 'authentication_error', 'no valid API key');
}

function isApiCall(request: FastifyRequest): boolean {
  return request.url.startsWith('/api/');
}

/** Bodies stay text: they are parsed where they are read, without losing digits, and journaled as they were sent. */
function textOf({ body }: FastifyRequest): string | null {
  return typeof body === 'string' ? body : null;
}

async function pause(delayMs = 0, closing: AbortSignal): Promise<void> {
  if (delayMs > 0) await wait(delayMs, undefined, { signal: closing });
}

function journal(
  store: Store,
  request: FastifyRequest,
  entry: Pick<JournalRecord, 'status'> & Partial<JournalRecord>,
): void {
  const now = new Date().toISOString();
  store.journal.put({
    id: String(store.journal.size + 1),
    at: now,
    servedAt: now,
    method: request.method,
    path: request.url,
    endpoint: null,
    requestBody: textOf(request),
    fault: null,
    effects: [],
    ...entry,
  });
}
