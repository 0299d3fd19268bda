import type { ReservationOutcome } from '../../src/store/payouts/reservations.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import { RetryLaterError } from '../retry-later.js';

export type { ReservationOutcome };

export interface ReserveFundsInput {
  readonly payoutId: string;
}

/** Takes what a payout needs out of the available balance, if it is its turn and there is enough. */
export function createReserveFunds({ store }: ActivityDependencies) {
  return async function reserveFunds({ payoutId }: ReserveFundsInput): Promise<ReservationOutcome> {
    return store.payouts.reserveFunds(payoutId);
  };
}

export interface PollReservationInput extends ReserveFundsInput {
  readonly pollIntervalMs: number;
}

/** As reserveFunds, again and again: for wake-ups that never came. */
export function createPollReservation({ store }: ActivityDependencies) {
  return async function pollReservation(input: PollReservationInput): Promise<ReservationOutcome> {
    const outcome = await store.payouts.reserveFunds(input.payoutId);
    if (outcome.status === PAYOUT_STATUS.AWAITING_BALANCE) {
      throw new RetryLaterError('the available balance does not suffice', { afterMs: input.pollIntervalMs });
    }
    return outcome;
  };
}
