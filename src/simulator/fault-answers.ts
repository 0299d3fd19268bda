import type { FastifyReply } from 'fastify';
import { toExactJson } from './exact-json.js';
import { FAULT_KINDS, type FaultEffect } from './fault-kinds.js';
import { ProviderError } from './provider-error.js';
import type { FaultRecord } from './records.js';

/** What would have been answered without the fault. */
export interface PlannedAnswer {
  readonly status: number;
  readonly body: unknown;
}

type Answer = (reply: FastifyReply, planned: PlannedAnswer, fault: FaultRecord) => FastifyReply;

const PROXY_PAGE = '<html><head><title>Error</title></head><body>simulated answer of a proxy</body></html>';

const ANSWERS: Readonly<Record<NonNullable<FaultEffect['answer']>, Answer>> = {
  error: (reply, { status }, { kind, message = 'simulated fault', wrapped }) => {
    const { type = 'api_error' }: FaultEffect = FAULT_KINDS[kind];
    const error = new ProviderError(status, type, message).body();
    return sendJson(reply, status, wrapped ? { error } : error);
  },
  page: (reply, { status }) => reply.code(status).type('text/html').send(PROXY_PAGE),
  redirect: (reply, { status }) => reply.code(status).header('location', '/api/v1/redirected').send(),
  // Holds the connection until the client or the simulator ends it.
  nothing: (reply) => reply.hijack(),
  reset: (reply) => {
    reply.hijack().request.raw.socket.resetAndDestroy();
    return reply;
  },
  // Promises the whole body, sends half of it and cuts the connection.
  truncated: (reply, { status, body }) => {
    reply.hijack();
    const bytes = Buffer.from(toExactJson(body));
    reply.raw.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
    reply.raw.write(bytes.subarray(0, bytes.length / 2), () => reply.request.raw.socket.destroy());
    return reply;
  },
};

/** The status that a client sees; null when it sees none. */
export function faultStatus(fault: FaultRecord, planned?: PlannedAnswer): number | null {
  const { answer, status }: FaultEffect = FAULT_KINDS[fault.kind];
  if (answer === 'nothing' || answer === 'reset') return null;
  return (status === undefined ? planned?.status : (fault.status ?? status)) ?? null;
}

/** Answers a request as its fault says. */
export function answerFault(reply: FastifyReply, fault: FaultRecord, planned?: PlannedAnswer): FastifyReply {
  const { answer }: FaultEffect = FAULT_KINDS[fault.kind];
  const status = faultStatus(fault, planned) ?? 0;
  if (fault.retryAfterSeconds !== undefined) reply.header('retry-after', String(fault.retryAfterSeconds));
  if (answer === undefined) return sendJson(reply, status, planned?.body);
  return ANSWERS[answer](reply, { status, body: planned?.body }, fault);
}

export function sendJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(toExactJson(body));
}
