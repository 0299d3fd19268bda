import type { Failure } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { refuse, type Refusal } from '../../src/store/outcome.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { whyNotReleasable } from './preflight-check.js';
import { awaitUnannounced } from '../deposits/unannounced-deposit.js';

export interface CloseFundingInput {
  readonly payoutId: string;
  readonly to: 'cancelled' | 'expired' | 'failed' | 'rejected';
  /** One line for the timeline. */
  readonly detail: string;
  readonly failure: Failure | null;
}

/** Refused where it is too late, or where QbitPay or the store knows better; in each case with what the store then says. */
export type CloseFundingResult = PayoutState & ({ readonly ok: true } | Refusal);

/**
 * Ends a payout whose money has not left, under the lock that deposits are allocated under. QbitPay is read first where
 * it may know better: before a person's cancellation frees the money of a held payout, whose request may be there after
 * all, and before a deadline, whose deposit may have come in unannounced.
 */
export function createCloseFunding(deps: ActivityDependencies) {
  return async function closeFunding(input: CloseFundingInput): Promise<CloseFundingResult> {
    const { payoutId, to, detail, failure } = input;
    const { store } = deps;
    if (to === PAYOUT_STATUS.EXPIRED) await awaitUnannounced(deps, payoutId);
    const why = to === PAYOUT_STATUS.CANCELLED ? await whyNotReleasable(deps, payoutId) : undefined;
    if (why !== undefined) return { ...(await readState(store, payoutId)), ...refuse(why) };
    const outcome = await store.payouts.closeFunding({
      payoutId,
      to,
      detail,
      ...(failure === null ? {} : { failure }),
    });
    return { ...(await readState(store, payoutId)), ...outcome };
  };
}
