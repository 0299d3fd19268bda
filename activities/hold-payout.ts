import { SENDABLE_STATES } from '../src/book/fences.js';
import { FENCE_OPERATION, FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { orderExternalId } from '../src/domain/identifiers.js';
import type { ActivityDependencies } from './dependencies.js';
import { hold, type Superseded } from './superseded.js';

export interface HoldPayoutInput {
  readonly payoutId: string;
  readonly reason: FailureType;
  readonly detail: string;
}

/**
 * Puts a payout aside that could not be converted; answers with the status that the book then has. One whose order
 * may be under way is not: that has to be found first.
 */
export function createHoldPayout({ book }: ActivityDependencies) {
  return async function holdPayout(input: HoldPayoutInput): Promise<Superseded> {
    const { payoutId, reason, detail } = input;
    const { orderAttempt } = await book.payouts.get(payoutId);
    const id = { operation: FENCE_OPERATION.ORDER, externalOrderId: orderExternalId(payoutId, orderAttempt) };
    const fence = await book.attempts.findFence(id);
    if (fence?.mayBeResent !== true) {
      return hold(book, payoutId, { reason, detail, about: { id, states: SENDABLE_STATES } });
    }
    // An earlier sending is unknown still, and there was no price to send it again at.
    await book.attempts.withdrawResend(id);
    const about = { id, states: [FENCE_STATE.UNKNOWN], sends: fence.sends };
    return hold(book, payoutId, { reason: FAILURE_TYPE.UNKNOWN_OUTCOME, detail, about });
  };
}
