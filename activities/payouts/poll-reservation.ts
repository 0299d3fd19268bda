import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutState } from '../payout-state.js';
import { RetryLaterError } from '../retry-later.js';
import { createReserveFunds, type ReserveFundsInput } from './reserve-funds.js';

export interface PollReservationInput extends ReserveFundsInput {
  readonly pollIntervalMs: number;
}

/** As reserveFunds, again and again: for wake-ups that never came. */
export function createPollReservation(deps: ActivityDependencies) {
  const reserveFunds = createReserveFunds(deps);
  return async function pollReservation({
    payoutId,
    pollIntervalMs,
  }: PollReservationInput): Promise<PayoutState> {
    const state = await reserveFunds({ payoutId });
    if (state.status !== PAYOUT_STATUS.AWAITING_BALANCE) return state;
    throw new RetryLaterError('the available balance does not suffice', { afterMs: pollIntervalMs });
  };
}
