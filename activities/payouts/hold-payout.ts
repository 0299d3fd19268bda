import { SENDABLE_STATES } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { orderExternalId } from '../../src/domain/identifiers.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, type PayoutState } from '../payout-state.js';

export interface HoldPayoutInput {
  readonly payoutId: string;
  readonly reason: FailureType;
  readonly detail: string;
}

/**
 * Puts a payout aside that could not be converted; answers with the status that the store then has. One whose order
 * may be under way is not: that has to be found first.
 */
export function createHoldPayout({ store }: ActivityDependencies) {
  return async function holdPayout(input: HoldPayoutInput): Promise<PayoutState> {
    const { payoutId, reason, detail } = input;
    const { orderAttempt } = await store.payouts.getPayout(payoutId);
    const id = {
      operation: REQUEST_OPERATION.ORDER,
      externalOrderId: orderExternalId(payoutId, orderAttempt),
    };
    const providerRequest = await store.requests.find(id);
    if (providerRequest?.mayBeResent !== true) {
      return putOnHold(store, payoutId, { reason, detail, about: { id, states: SENDABLE_STATES } });
    }
    // An earlier sending is unknown still, and there was no price to send it again at.
    await store.requests.withdrawResend(id);
    const about = { id, states: [REQUEST_STATE.UNKNOWN], sends: providerRequest.sends };
    return putOnHold(store, payoutId, { reason: FAILURE_TYPE.UNKNOWN_OUTCOME, detail, about });
  };
}
