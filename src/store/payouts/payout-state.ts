import type { FailureType } from '../../domain/failure-type.js';
import type { PayoutStatus } from '../../domain/payout-status.js';
import { inSnapshot, type StoreDatabase } from '../database.js';
import { isReturnPending, selectAttempt } from '../requests/provider-payouts.js';
import { currentRequest } from '../requests/send-guard.js';
import { REQUEST_OPERATION } from '../schema.js';
import { selectPayout } from './payout-transitions.js';

/** Where a payout is: what its workflow goes on from. */
export interface StoredPayoutState {
  readonly status: PayoutStatus;
  /** Why it is held, or what it waits for; null when all is well. */
  readonly holdReason: FailureType | null;
  /** QbitPay's payout of the attempt that is being made; null while there is none. */
  readonly providerPayoutId: string | null;
  /** QbitPay failed or cancelled that attempt, and its money is not back yet. */
  readonly isReturnPending: boolean;
}

export async function readPayoutState(db: StoreDatabase, payoutId: string): Promise<StoredPayoutState> {
  return inSnapshot(db, async (trx) => {
    const row = await selectPayout(trx, payoutId).executeTakeFirstOrThrow();
    // An earlier attempt is over: nothing more is to be expected of it.
    const { externalOrderId } = currentRequest(row, REQUEST_OPERATION.PAYOUT);
    const attempt = await selectAttempt(trx, { external_order_id: externalOrderId }).executeTakeFirst();
    return {
      status: row.status,
      holdReason: row.hold_reason,
      providerPayoutId: attempt?.provider_payout_id ?? null,
      isReturnPending: attempt !== undefined && isReturnPending(attempt),
    };
  });
}
