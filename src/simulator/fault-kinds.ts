/**
 * Every kind of fault and when it strikes: `instead` of the effect (which then does not happen), `before` or `after`
 * it (it does happen), or on a webhook.
 */
export const FAULT_KINDS = {
  invalid_request_error: 'instead',
  authentication_error: 'instead',
  rate_limit_error: 'instead',
  api_error: 'instead',
  status: 'instead',
  redirect: 'instead',
  timeoutBeforeEffect: 'instead',
  resetBeforeEffect: 'instead',
  delayBeforeEffect: 'before',
  delayAfterEffect: 'after',
  errorAfterEffect: 'after',
  statusAfterEffect: 'after',
  timeoutAfterEffect: 'after',
  resetAfterEffect: 'after',
  notJson: 'after',
  truncated: 'after',
  webhookLost: 'webhook',
  webhookDoubled: 'webhook',
  webhookDelayed: 'webhook',
  webhookHeld: 'webhook',
  webhookStale: 'webhook',
} as const satisfies Record<string, 'instead' | 'before' | 'after' | 'webhook'>;
export type FaultKind = keyof typeof FAULT_KINDS;
