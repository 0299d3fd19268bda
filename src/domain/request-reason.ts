/**
 * Why QbitPay is asked: to send what moves money, which must leave within seconds or not at all; for a step that a payout
 * is at; to keep the mirror fresh.
 */
export const REQUEST_REASON = { SEND: 'send', STEP: 'step', SYNC: 'sync' } as const;
export type RequestReason = (typeof REQUEST_REASON)[keyof typeof REQUEST_REASON];
