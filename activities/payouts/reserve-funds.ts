import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';

export interface ReserveFundsInput {
  readonly payoutId: string;
}

/** Takes what a payout needs out of the available balance, if it is its turn and there is enough. */
export function createReserveFunds({ store }: ActivityDependencies) {
  return async function reserveFunds({ payoutId }: ReserveFundsInput): Promise<PayoutState> {
    await store.mirror.takeHint(payoutId, 'balanceReleased');
    await store.payouts.reserveFunds(payoutId);
    return readState(store, payoutId);
  };
}
