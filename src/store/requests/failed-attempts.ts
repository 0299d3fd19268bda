import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { isFailedOrCancelled } from '../../domain/provider-status.js';
import { acceptPayout, type AcceptedRequest } from './accepted-requests.js';
import type { StoreTransaction } from '../database.js';
import { currentRequest, prepareRequest } from './provider-requests.js';
import { holdFor, lockExistingPayout, type PayoutRow } from '../payouts/payout-transitions.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../schema.js';
import { DecisionRefusedError, settleAfterAll } from './settlements.js';
import type { AttemptRow } from './provider-debits.js';

/**
 * What a person adopts once it is booked that the attempt failed. QbitPay paid that one after all, or it stays failed and
 * the payout can be tried again or be cancelled, or another object under the same `externalOrderId` is the payout.
 * @throws DecisionRefusedError where that cannot be
 */
export async function adoptAfterFailure(
  trx: StoreTransaction,
  row: PayoutRow,
  failed: AttemptRow,
  accepted: AcceptedRequest,
  detail: string,
): Promise<void> {
  const { payout } = accepted;
  if (payout.providerPayoutId !== failed.provider_payout_id) {
    await adoptAsNext(trx, row, failed, accepted, detail);
  } else if (isFailedOrCancelled(payout.status) && row.hold_reason !== FAILURE_TYPE.ATTEMPT_FAILED) {
    await holdFor(trx, row, { detail, holdReason: FAILURE_TYPE.ATTEMPT_FAILED });
  } else await settleAfterAll(trx, row, failed, payout, detail);
}

/**
 * What the attempt took and gave back stays booked as it is. The other object took money of its own: in the store it is
 * the next attempt, which QbitPay has under the id of the one before.
 */
async function adoptAsNext(
  trx: StoreTransaction,
  row: PayoutRow,
  failed: AttemptRow,
  accepted: AcceptedRequest,
  detail: string,
): Promise<void> {
  // As before any other attempt: what is not back yet cannot be paid out again.
  if (failed.returned_at === null) {
    throw new DecisionRefusedError(
      `the money of ${failed.provider_payout_id}, which failed, has not come back from QbitPay yet`,
    );
  }
  await trx
    .updateTable('payouts')
    .set({ payout_attempt: row.payout_attempt + 1 })
    .where('payout_id', '=', row.payout_id)
    .execute();
  const next = await lockExistingPayout(trx, row.payout_id);
  const providerRequest = currentRequest(next, REQUEST_OPERATION.PAYOUT);
  // There is nothing to send under it.
  await prepareRequest(trx, providerRequest, row.payout_id, REQUEST_STATE.ACCEPTED);
  const payout = { ...accepted.payout, externalOrderId: providerRequest.externalOrderId };
  await acceptPayout(trx, next, { ...accepted, payout }, { detail, resumes: true });
}
