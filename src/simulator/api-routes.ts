import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ApiEndpoint, apiEndpoints, type ApiRequest } from './api-endpoints.js';
import { parseExactJson } from './exact-json.js';
import { answerFault, faultStatus, type PlannedAnswer, sendJson } from './fault-answers.js';
import { FAULT_KINDS } from './fault-kinds.js';
import { badRequest, notFound, ProviderError } from './provider-error.js';
import type { FaultRecord, JournalRecord } from './records.js';
import { RequestFields } from './request-fields.js';
import type { SimulatorCore } from './simulator-core.js';

/** What a served request leaves: the answer to give, and which ids it made. */
type Served = PlannedAnswer & { readonly effects: readonly string[] };

interface Exchange {
  readonly core: SimulatorCore;
  readonly endpoint: ApiEndpoint;
  readonly request: FastifyRequest;
  readonly arrivedAt: string;
  /** Aborted when the simulator closes. */
  readonly closing: AbortSignal;
}

/** The name of an endpoint in faults, latency settings and the journal: `GET /api/v1/payouts/{id}`. */
export function endpointName(endpoint: Pick<ApiEndpoint, 'method' | 'path'>): string {
  return `${endpoint.method} ${endpoint.path}`;
}

/** Serves the provider's API: authentication, latency, faults, the endpoint itself, and the journal of it all. */
export function registerApi(app: FastifyInstance, core: SimulatorCore, closing: AbortSignal): void {
  for (const endpoint of apiEndpoints(core)) {
    app.route({
      method: endpoint.method,
      url: endpoint.path.replace('{id}', ':id'),
      handler: (request, reply) =>
        handle({ core, endpoint, request, closing, arrivedAt: new Date().toISOString() }, reply),
    });
  }
}

/** Answers a request that no route takes. */
export function answerUnknownPath(
  core: SimulatorCore,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const needsKey = isApiCall(request) && !isAuthorised(core, request);
  const error = needsKey ? unauthorised() : notFound('resource');
  journalUnserved(core, request, error.status);
  return sendJson(reply, error.status, error.body());
}

/** Journals an API request that was answered before it reached an endpoint. */
export function journalUnserved(core: SimulatorCore, request: FastifyRequest, status: number): void {
  if (isApiCall(request)) journal(core, request, { at: new Date().toISOString(), endpoint: null, status });
}

function isApiCall(request: FastifyRequest): boolean {
  return request.url.startsWith('/api/');
}

async function handle(exchange: Exchange, reply: FastifyReply): Promise<FastifyReply> {
  const { core, request, closing } = exchange;
  if (!isAuthorised(core, request)) {
    const error = unauthorised();
    record(exchange, error.status, undefined, []);
    return sendJson(reply, error.status, error.body());
  }
  await pause(latencyOf(exchange), closing);
  const fault = core.state.transaction(() =>
    core.faults.takeForRequest(endpointName(exchange.endpoint), externalOrderIdOf(request)),
  );
  if (fault === undefined) {
    const served = serve(exchange, undefined);
    return sendJson(reply, served.status, served.body);
  }
  const phase = FAULT_KINDS[fault.kind];
  if (phase === 'instead') {
    record(exchange, faultStatus(fault, undefined), fault, []);
    return answerFault(reply, fault, undefined);
  }
  if (phase === 'before') await pause(fault.delayMs ?? 0, closing);
  const served = serve(exchange, fault);
  if (phase === 'after') await pause(fault.delayMs ?? 0, closing);
  return answerFault(reply, fault, served);
}

/** Runs the endpoint; its changes and its journal entry are one transaction. */
function serve(exchange: Exchange, fault: FaultRecord | undefined): Served {
  return exchange.core.state.transaction(() => {
    const served = attempt(exchange);
    const status = fault === undefined ? served.status : faultStatus(fault, served);
    record(exchange, status, fault, served.effects);
    return served;
  });
}

function attempt({ endpoint, request }: Exchange): Served {
  try {
    const answer = endpoint.serve(apiRequest(request));
    return { status: 200, body: answer.body, effects: answer.effects ?? [] };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { status: error.status, body: error.body(), effects: [] };
  }
}

function apiRequest(request: FastifyRequest): ApiRequest {
  const { id = '' } = request.params as { id?: string };
  return {
    id,
    query: new RequestFields({ ...(request.query as object) }, 'query'),
    body: () => readBody(request),
  };
}

/** The JSON object of a request's body; throws 400 when it is anything else, or not declared as JSON. */
export function readBody(request: FastifyRequest, decimalTexts = false): RequestFields {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw badRequest('the body must be application/json', 'body');
  }
  let body: unknown;
  try {
    body = parseExactJson(typeof request.body === 'string' ? request.body : '');
  } catch {
    throw badRequest('the body is not valid JSON', 'body');
  }
  return new RequestFields(body, '', decimalTexts);
}

/** HTTP Basic: the API key is the user name, the password is empty (contract, first section). */
function isAuthorised(core: SimulatorCore, request: FastifyRequest): boolean {
  const match = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) return false;
  return Buffer.from(match[1], 'base64').toString('utf8') === `${core.settings.apiKey}:`;
}

function unauthorised(): ProviderError {
  return new ProviderError(401, 'authentication_error', 'no valid API key');
}

/** Read leniently, since a fault strikes before the body is validated. */
function externalOrderIdOf(request: FastifyRequest): string | undefined {
  try {
    const body = parseExactJson(typeof request.body === 'string' ? request.body : '{}') as {
      externalOrderId?: unknown;
    } | null;
    return typeof body?.externalOrderId === 'string' ? body.externalOrderId : undefined;
  } catch {
    return undefined;
  }
}

function latencyOf({ core, endpoint }: Exchange): number {
  const { latencyMs, latencyByEndpoint } = core.settings.current;
  return latencyByEndpoint[endpointName(endpoint)] ?? latencyMs;
}

async function pause(delayMs: number, closing: AbortSignal): Promise<void> {
  if (delayMs > 0) await wait(delayMs, undefined, { signal: closing });
}

function record(
  { core, request, arrivedAt, endpoint }: Exchange,
  status: number | null,
  fault: FaultRecord | undefined,
  effects: readonly string[],
): void {
  const entry = {
    at: arrivedAt,
    endpoint: endpointName(endpoint),
    status,
    fault: fault?.kind ?? null,
    effects,
  };
  journal(core, request, entry);
}

function journal(
  core: SimulatorCore,
  request: FastifyRequest,
  entry: Pick<JournalRecord, 'at' | 'endpoint' | 'status'> &
    Partial<Pick<JournalRecord, 'fault' | 'effects'>>,
): void {
  core.state.journal.put({
    fault: null,
    effects: [],
    ...entry,
    id: String(core.state.journal.size + 1),
    servedAt: new Date().toISOString(),
    method: request.method,
    path: request.url,
    requestBody: typeof request.body === 'string' ? request.body : null,
  });
}
