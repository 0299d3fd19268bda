import type { Store } from '../../src/store/store.js';
import type { PayoutOrigin } from '../../src/store/payouts/payout-transitions.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';

/** A payout's origin as the workflow knows it: plain JSON. */
export interface PayoutOriginInput {
  readonly request: PayoutRequest;
  readonly firstExecutionRunId: string;
  readonly openRequestId: string | null;
  readonly maker: string;
  /** Milliseconds of Unix time. */
  readonly startedAtMs: number;
}

/** The hash is taken here again: a workflow may have been started by anyone. */
export async function toPayoutOrigin(store: Store, origin: PayoutOriginInput): Promise<PayoutOrigin> {
  return {
    request: origin.request,
    requestHash: await store.payouts.hashRequest(origin.request),
    firstExecutionRunId: origin.firstExecutionRunId,
    openRequestId: origin.openRequestId,
    maker: origin.maker,
    startedAt: new Date(origin.startedAtMs),
  };
}
