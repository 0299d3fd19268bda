import type { Hold } from '../src/store/payouts/holds.js';
import type { StoredPayoutState } from '../src/store/payouts/payout-reading.js';
import type { Store } from '../src/store/store.js';

/**
 * Where the store says the payout is. Every activity that may move a payout answers with it, so that a workflow that
 * was reset, or overtaken, goes on from the truth.
 */
export interface PayoutState<Next = never> extends StoredPayoutState {
  /** What the step does next. Left out: what the status says. */
  readonly next?: Next;
}

/** What the store says now, beside what the activity itself has to say. */
export async function readState<Next = never>(
  store: Store,
  payoutId: string,
  more: Pick<PayoutState<Next>, 'next'> = {},
): Promise<PayoutState<Next>> {
  return { ...(await store.payouts.readPayoutState(payoutId)), ...more };
}

/** Puts a payout aside for a person. */
export async function putOnHold(store: Store, payoutId: string, decided: Hold): Promise<PayoutState> {
  await store.payouts.holdPayout(payoutId, decided);
  return readState(store, payoutId);
}
