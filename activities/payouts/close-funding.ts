import type { CloseOutcome } from '../../src/store/payouts/funding.js';
import type { FailureType } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import { whyNotReleasable } from './preflight-check.js';
import { awaitUnannounced } from '../deposits/unannounced-deposit.js';
import { toPayoutOrigin, type PayoutOriginInput } from './payout-origin.js';

export interface CloseFundingInput {
  readonly payoutId: string;
  readonly origin: PayoutOriginInput;
  readonly to: 'cancelled' | 'expired' | 'failed' | 'rejected';
  /** One line for the timeline. */
  readonly detail: string;
  readonly failure: { readonly type: FailureType; readonly message: string } | null;
}

/**
 * Ends a payout whose money has not left, under the lock that deposits are allocated under. QbitPay is read first where
 * it may know better: before a person's cancellation frees the money of a held payout, whose request may be there after
 * all, and before a deadline, whose deposit may have come in unannounced.
 */
export function createCloseFunding(deps: ActivityDependencies) {
  return async function closeFunding(input: CloseFundingInput): Promise<CloseOutcome> {
    return close(deps, input);
  };
}

async function close(deps: ActivityDependencies, input: CloseFundingInput): Promise<CloseOutcome> {
  const { store } = deps;
  const { payoutId } = input;
  if (input.to === PAYOUT_STATUS.EXPIRED) await awaitUnannounced(deps, payoutId);
  const why = input.to === PAYOUT_STATUS.CANCELLED ? await whyNotReleasable(deps, payoutId) : undefined;
  if (why !== undefined) {
    const { status, holdReason } = await store.payouts.getPayout(payoutId);
    return { kind: 'refused', status, holdReason, why };
  }
  return store.payouts.closeFunding({
    origin: await toPayoutOrigin(store, input.origin),
    to: input.to,
    detail: input.detail,
    ...(input.failure === null ? {} : { failure: input.failure }),
  });
}
