import type { ErrorType } from './provider-error.js';

/** One kind of fault: when it strikes, and what it makes of the answer or the event. */
export interface FaultEffect {
  /** `instead` of the effect, which then does not happen; `before` or `after` it; or on a webhook. */
  readonly strikes: 'instead' | 'before' | 'after' | 'webhook';
  /** What the client gets; left out: what it would have got. */
  readonly answer?: 'error' | 'page' | 'redirect' | 'nothing' | 'reset' | 'truncated';
  /** The status of the answer unless the fault names one; left out: what it would have been. */
  readonly status?: number;
  readonly type?: ErrorType;
  /** It takes, and needs, `delayMs`. */
  readonly delays?: true;
  /** Of an event: where its delivery begins, how often it is sent at first, and the status that it claims. */
  readonly delivery?: 'lost' | 'held';
  readonly copies?: number;
  readonly claims?: 'pending';
}

/** Every kind of fault (docs/simulator.md, "Faults"). */
export const FAULT_KINDS = {
  invalid_request_error: { strikes: 'instead', answer: 'error', status: 400, type: 'invalid_request_error' },
  authentication_error: { strikes: 'instead', answer: 'error', status: 401, type: 'authentication_error' },
  rate_limit_error: { strikes: 'instead', answer: 'error', status: 429, type: 'rate_limit_error' },
  api_error: { strikes: 'instead', answer: 'error', status: 500, type: 'api_error' },
  status: { strikes: 'instead', answer: 'page', status: 500 },
  redirect: { strikes: 'instead', answer: 'redirect', status: 302 },
  timeoutBeforeEffect: { strikes: 'instead', answer: 'nothing' },
  resetBeforeEffect: { strikes: 'instead', answer: 'reset' },
  delayBeforeEffect: { strikes: 'before', delays: true },
  delayAfterEffect: { strikes: 'after', delays: true },
  errorAfterEffect: { strikes: 'after', answer: 'error', status: 500, type: 'api_error' },
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
} as const satisfies Record<string, FaultEffect>;
export type FaultKind = keyof typeof FAULT_KINDS;
