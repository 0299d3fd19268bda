import type { ReservationOutcome } from '../../src/store/payouts/reservations.js';
import { CRASH_POINT } from '../../src/domain/crash-point.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import { retryLater } from '../retry-later.js';

export type { ReservationOutcome };

export interface ReserveFundsInput {
  readonly payoutId: string;
}

/** Takes what a payout needs out of the available balance, if it is its turn and there is enough. */
export function createReserveFunds({ store, reached }: ActivityDependencies) {
  return async function reserveFunds({ payoutId }: ReserveFundsInput): Promise<ReservationOutcome> {
    const outcome = await store.payouts.reserveFunds(payoutId);
    if (hasReserved(outcome.status)) await reached(CRASH_POINT.BALANCE_RESERVED);
    return outcome;
  };
}

/** Whether a payout that the available balance funds has its money, and has not done anything with it yet. */
export function hasReserved(status: PayoutStatus): boolean {
  return status === PAYOUT_STATUS.CONVERTING || status === PAYOUT_STATUS.PAYING;
}

export interface PollReservationInput extends ReserveFundsInput {
  readonly pollIntervalMs: number;
}

/** As reserveFunds, again and again: for wake-ups that never came. */
export function createPollReservation({ store, reached }: ActivityDependencies) {
  return async function pollReservation(input: PollReservationInput): Promise<ReservationOutcome> {
    const outcome = await store.payouts.reserveFunds(input.payoutId);
    if (outcome.status === PAYOUT_STATUS.AWAITING_BALANCE) {
      throw retryLater('the available balance does not suffice', input.pollIntervalMs);
    }
    if (hasReserved(outcome.status)) await reached(CRASH_POINT.BALANCE_RESERVED);
    return outcome;
  };
}
