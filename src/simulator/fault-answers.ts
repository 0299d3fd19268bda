import type { FastifyReply } from 'fastify';
import { toExactJson } from './exact-json.js';
import type { FaultKind } from './fault-kinds.js';
import { type ErrorType, ProviderError } from './provider-error.js';
import type { FaultRecord } from './records.js';

/** What would have been answered without the fault. */
export interface PlannedAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The status a client sees: a default that the fault's own status overrides, null for none, or the planned one. */
const STATUSES: Readonly<Record<FaultKind, number | 'planned' | null>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  rate_limit_error: 429,
  api_error: 500,
  status: 500,
  redirect: 302,
  timeoutBeforeEffect: null,
  resetBeforeEffect: null,
  delayBeforeEffect: 'planned',
  delayAfterEffect: 'planned',
  errorAfterEffect: 500,
  statusAfterEffect: 500,
  timeoutAfterEffect: null,
  resetAfterEffect: null,
  notJson: 'planned',
  truncated: 'planned',
  webhookLost: 'planned',
  webhookDoubled: 'planned',
  webhookDelayed: 'planned',
  webhookHeld: 'planned',
  webhookStale: 'planned',
};

const PROXY_PAGE = '<html><head><title>Error</title></head><body>simulated answer of a proxy</body></html>';

/** The status that a fault makes the client see; null when it sees none. For the journal. */
export function faultStatus(fault: FaultRecord, planned: PlannedAnswer | undefined): number | null {
  const status = STATUSES[fault.kind];
  if (status === 'planned') return planned?.status ?? null;
  return status === null ? null : (fault.status ?? status);
}

/** Answers a request as its fault says. A time-out holds the connection until the client or the simulator ends it. */
export function answerFault(
  reply: FastifyReply,
  fault: FaultRecord,
  planned: PlannedAnswer | undefined,
): FastifyReply {
  const { kind } = fault;
  const status = faultStatus(fault, planned) ?? 0;
  switch (kind) {
    case 'invalid_request_error':
    case 'authentication_error':
    case 'rate_limit_error':
    case 'api_error':
      return sendError(reply, fault, status, kind);
    case 'errorAfterEffect':
      return sendError(reply, fault, status, 'api_error');
    case 'status':
    case 'statusAfterEffect':
      return withRetryAfter(reply, fault).code(status).type('text/html').send(PROXY_PAGE);
    case 'redirect':
      return reply.code(status).header('location', '/api/v1/redirected').send();
    case 'timeoutBeforeEffect':
    case 'timeoutAfterEffect':
      return reply.hijack();
    case 'resetBeforeEffect':
    case 'resetAfterEffect':
      reply.hijack();
      reply.request.raw.socket.resetAndDestroy();
      return reply;
    case 'notJson':
      return reply.code(status).type('text/html').send(PROXY_PAGE);
    case 'truncated':
      return sendTruncated(reply, status, toExactJson(planned?.body));
    case 'delayBeforeEffect':
    case 'delayAfterEffect':
    case 'webhookLost':
    case 'webhookDoubled':
    case 'webhookDelayed':
    case 'webhookHeld':
    case 'webhookStale':
      return sendJson(reply, status, planned?.body);
  }
}

export function sendJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(toExactJson(body));
}

function sendError(reply: FastifyReply, fault: FaultRecord, status: number, type: ErrorType): FastifyReply {
  const error = new ProviderError(status, type, fault.message ?? 'simulated fault').body();
  return sendJson(withRetryAfter(reply, fault), status, fault.wrapped ? { error } : error);
}

function withRetryAfter(reply: FastifyReply, fault: FaultRecord): FastifyReply {
  if (fault.retryAfterSeconds === undefined) return reply;
  return reply.header('retry-after', String(fault.retryAfterSeconds));
}

/** Promises the whole body, sends half of it and cuts the connection. */
function sendTruncated(reply: FastifyReply, status: number, body: string): FastifyReply {
  reply.hijack();
  const bytes = Buffer.from(body);
  reply.raw.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  reply.raw.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => reply.request.raw.socket.destroy());
  return reply;
}
