import type { Store } from '../../src/store/store.js';
import type { PayoutOrigin } from '../../src/store/payouts/payout-transitions.js';

/** A payout's origin as the workflow knows it: plain JSON. */
export interface PayoutOriginInput extends Omit<PayoutOrigin, 'requestHash' | 'startedAt'> {
  /** Milliseconds of Unix time. */
  readonly startedAtMs: number;
}

/** The hash is taken here again: a workflow may have been started by anyone. */
export async function toPayoutOrigin(
  store: Store,
  { startedAtMs, ...origin }: PayoutOriginInput,
): Promise<PayoutOrigin> {
  const requestHash = await store.payouts.hashRequest(origin.request);
  return { ...origin, requestHash, startedAt: new Date(startedAtMs) };
}
