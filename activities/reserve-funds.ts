import type { ReservationOutcome } from '../src/book/reservations.js';
import { MILESTONE } from '../src/domain/milestone.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';

export type { ReservationOutcome };

export interface ReserveFundsInput {
  readonly payoutId: string;
}

/** Takes what a payout needs out of the free balance, if it is its turn and there is enough. */
export function createReserveFunds({ book, reached }: ActivityDependencies) {
  return async function reserveFunds({ payoutId }: ReserveFundsInput): Promise<ReservationOutcome> {
    const outcome = await book.payouts.reserve(payoutId);
    if (hasReserved(outcome.status)) await reached(MILESTONE.BALANCE_RESERVED);
    return outcome;
  };
}

/** Whether a payout that the free balance funds has its money, and has not done anything with it yet. */
export function hasReserved(status: PayoutStatus): boolean {
  return status === PAYOUT_STATUS.CONVERTING || status === PAYOUT_STATUS.PAYING;
}

export interface PollReservationInput extends ReserveFundsInput {
  readonly pollIntervalMs: number;
}

/** As reserveFunds, again and again: for wake-ups that never came. */
export function createPollReservation({ book, reached }: ActivityDependencies) {
  return async function pollReservation(input: PollReservationInput): Promise<ReservationOutcome> {
    const outcome = await book.payouts.reserve(input.payoutId);
    if (outcome.status === PAYOUT_STATUS.AWAITING_BALANCE) {
      throw notYet('the free balance does not suffice', input.pollIntervalMs);
    }
    if (hasReserved(outcome.status)) await reached(MILESTONE.BALANCE_RESERVED);
    return outcome;
  };
}
