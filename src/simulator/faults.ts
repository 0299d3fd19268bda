import type { FastifyReply } from 'fastify';
import { toExactJson } from './exact-json.js';
import { choice, flag, integer, optional, text, withDefault } from './fields.js';
import { badRequest, type ErrorType, ProviderError } from './provider-error.js';
import type { Rule } from './records.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface FaultEffect {
  /** `instead` of the effect, which then does not happen; `before` or `after` it; or on a webhook. */
  readonly strikes: 'instead' | 'before' | 'after' | 'webhook';
  /** What it makes of the answer; left out: nothing. */
  readonly answer?: 'error' | 'page' | 'redirect' | 'nothing' | 'reset' | 'truncated';
  /** The status of the answer unless the fault names one; left out: what it would have been. */
  readonly status?: number;
  /** It takes, and needs, `delayMs`. */
  readonly delays?: true;
  /** Of an event: where its delivery begins, how often it is sent at first, and the status that it claims. */
  readonly delivery?: 'lost' | 'held';
  readonly copies?: number;
  readonly claims?: 'pending';
}

/** Every kind of fault (docs/simulator.md, "Faults"). */
export const FAULT_KINDS = {
  invalid_request_error: { strikes: 'instead', answer: 'error', status: 400 },
  authentication_error: { strikes: 'instead', answer: 'error', status: 401 },
  rate_limit_error: { strikes: 'instead', answer: 'error', status: 429 },
  api_error: { strikes: 'instead', answer: 'error', status: 500 },
  status: { strikes: 'instead', answer: 'page', status: 500 },
  redirect: { strikes: 'instead', answer: 'redirect', status: 302 },
  timeoutBeforeEffect: { strikes: 'instead', answer: 'nothing' },
  resetBeforeEffect: { strikes: 'instead', answer: 'reset' },
  delayBeforeEffect: { strikes: 'before', delays: true },
  delayAfterEffect: { strikes: 'after', delays: true },
  errorAfterEffect: { strikes: 'after', answer: 'error', status: 500 },
  statusAfterEffect: { strikes: 'after', answer: 'page', status: 500 },
  timeoutAfterEffect: { strikes: 'after', answer: 'nothing' },
  resetAfterEffect: { strikes: 'after', answer: 'reset' },
  notJson: { strikes: 'after', answer: 'page' },
  truncated: { strikes: 'after', answer: 'truncated' },
  webhookLost: { strikes: 'webhook', delivery: 'lost' },
  webhookDoubled: { strikes: 'webhook', copies: 2 },
  webhookDelayed: { strikes: 'webhook', delays: true },
  webhookHeld: { strikes: 'webhook', delivery: 'held' },
  webhookStale: { strikes: 'webhook', claims: 'pending' },
} as const satisfies Readonly<Record<string, FaultEffect>>;
export type FaultKind = keyof typeof FAULT_KINDS;

export const faultFields = {
  kind: choice(Object.keys(FAULT_KINDS) as FaultKind[]),
  endpoint: withDefault(text, null),
  eventType: withDefault(text, null),
  externalOrderId: withDefault(text, null),
  status: optional(integer(200, 599)),
  message: optional(text),
  retryAfterSeconds: optional(integer(0, 86_400)),
  wrapped: withDefault(flag, false),
  delayMs: optional(integer(0, 600_000)),
};
export type FaultRecord = Rule<typeof faultFields>;

export function effectOf({ kind }: FaultRecord): FaultEffect {
  return FAULT_KINDS[kind];
}

/** Throws 400 for a member that a fault of this kind cannot have, or must have and has not. */
export function assertApplicable(fault: FaultRecord): void {
  const { strikes, delays = false } = effectOf(fault);
  const onWebhook = strikes === 'webhook';
  const rules = [
    ['endpoint', !onWebhook, !onWebhook],
    ['externalOrderId', !onWebhook, false],
    ['eventType', onWebhook, false],
    ['delayMs', delays, delays],
  ] as const;
  for (const [name, isAllowed, isNeeded] of rules) {
    const isGiven = (fault[name] ?? null) !== null;
    if (isGiven ? isAllowed : !isNeeded) continue;
    throw badRequest(`${name} ${isGiven ? 'does not apply' : 'is required'} for ${fault.kind}`, name);
  }
}

/** The status that a client sees; null when it sees none. */
export function statusSeen(fault: FaultRecord, planned: Answer): number | null {
  const { answer, status } = effectOf(fault);
  if (answer === 'nothing' || answer === 'reset') return null;
  return status === undefined ? planned.status : (fault.status ?? status);
}

/** Answers a request as its fault says. */
export function answerFault(reply: FastifyReply, fault: FaultRecord, planned: Answer): FastifyReply {
  const { kind, retryAfterSeconds, message = 'simulated fault', wrapped } = fault;
  const status = statusSeen(fault, planned) ?? 0;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  const { answer } = effectOf(fault);
  if (answer === undefined) return sendJson(reply, planned);
  switch (answer) {
    case 'error': {
      const type = kind.endsWith('_error') ? (kind as ErrorType) : errorTypeOf(status);
      const error = new ProviderError(status, type, message).body;
      return sendJson(reply, { status, body: wrapped ? { error } : error });
    }
    case 'page':
      return reply.code(status).type('text/html').send('<html><body>simulated page of a proxy</body></html>');
    case 'redirect':
      return reply.code(status).header('location', '/api/v1/redirected').send();
    case 'nothing':
      return reply.hijack();
    case 'reset':
      reply.hijack().request.raw.socket.resetAndDestroy();
      return reply;
    case 'truncated': {
      const bytes = Buffer.from(toExactJson(planned.body));
      const { raw, request } = reply.hijack();
      raw.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
      raw.write(bytes.subarray(0, bytes.length / 2), () => request.raw.socket.destroy());
      return reply;
    }
  }
}

/** By the documented meaning of the status. */
function errorTypeOf(status: number): ErrorType {
  if (status === 401 || status === 403) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'api_error';
}

export function sendJson(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(toExactJson(body));
}
