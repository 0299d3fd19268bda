import { activityInfo } from '@temporalio/activity';
import { FAILURE_TYPE, type Failure } from '../../src/domain/failure-type.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { refuse, type Refusal } from '../../src/store/outcome.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { whyNotReleasable } from './preflight-check.js';
import { RetryLaterError } from '../retry-later.js';

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
 * all, and after a deadline, before which the deposit may have come in.
 */
export function createCloseFunding(deps: ActivityDependencies) {
  return async function closeFunding(input: CloseFundingInput): Promise<CloseFundingResult> {
    const { payoutId, to, detail, failure } = input;
    const { store } = deps;
    if (to === PAYOUT_STATUS.EXPIRED) await awaitSyncAfterDeadline(deps, payoutId);
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

const LOOK_AGAIN_MS = 1_000;

/**
 * What QbitPay showed at the deadline is in the store once a complete sync is over that began after it.
 * @throws RetryLaterError until then
 */
async function awaitSyncAfterDeadline({ store }: ActivityDependencies, payoutId: string): Promise<void> {
  const { deposit } = await store.payouts.getPayout(payoutId);
  if (deposit === null || compareAmounts(deposit.received, deposit.amount) >= 0) return;
  const { beganAt, problem } = await store.mirror.readSync();
  if (beganAt !== null && beganAt > deposit.expiresAt) return store.payouts.clearWaiting(payoutId);
  if (activityInfo().attempt === 1) await store.mirror.wishForSync('the deadline of a deposit');
  throw new RetryLaterError('no sync has shown yet what came in before the deadline', {
    afterMs: LOOK_AGAIN_MS,
    waitsFor: problem === null ? undefined : FAILURE_TYPE.PROVIDER_UNAVAILABLE,
  });
}
