import type { Store } from '../src/store/store.js';
import type { Hold } from '../src/store/payouts/holds.js';
import { payoutExternalId } from '../src/domain/identifiers.js';
import type { FailureType } from '../src/domain/failure-type.js';
import type { PayoutStatus } from '../src/domain/payout-status.js';

/** The store is elsewhere than the step: the workflow adopts its status. */
export interface PayoutState {
  readonly kind: 'superseded';
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
  /** The provider payout that is being settled; null when there is none. */
  readonly providerPayoutId: string | null;
}

export async function superseded(store: Store, payoutId: string): Promise<PayoutState> {
  const { status, holdReason, providerPayout, payoutAttempt } = await store.payouts.getPayout(payoutId);
  // An earlier attempt is over: nothing more is to be expected of it.
  const isCurrent = providerPayout?.externalOrderId === payoutExternalId(payoutId, payoutAttempt);
  const providerPayoutId = isCurrent ? providerPayout.providerPayoutId : null;
  return { kind: 'superseded', status, holdReason, providerPayoutId };
}

/** Puts a payout aside for a person; the answer is what the store then says. */
export async function hold(store: Store, payoutId: string, decided: Hold): Promise<PayoutState> {
  await store.payouts.holdPayout(payoutId, decided);
  return superseded(store, payoutId);
}
