import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { payoutAttemptOf } from '../../domain/identifiers.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { isFailedOrCancelled, PROVIDER_PAYOUT_STATUS } from '../../domain/provider-status.js';
import type { StoreTransaction } from '../database.js';
import { DONE, refuse, type Outcome } from '../outcome.js';
import type { ProviderPayoutRecord } from '../payouts/payout-reading.js';
import {
  holdFor,
  lockExistingPayout,
  transitionPayout,
  updatePayout,
} from '../payouts/payout-transitions.js';
import { reopenPayout } from '../payouts/reopening.js';
import { freeFunds } from '../payouts/reservations.js';
import { REQUEST_OPERATION, REQUEST_STATE, type PayoutRow } from '../schema.js';
import {
  findKnown,
  takeOver,
  toProviderObject,
  type AcceptedObject,
  type Takeover,
} from '../requests/accepted-requests.js';
import {
  bookDebit,
  selectAttempt,
  isReturnPending,
  toPayoutObject,
  type AttemptRow,
} from '../requests/provider-payouts.js';
import { currentRequest, isCurrentRequest, nextAttempt } from '../requests/request-kind.js';
import { find, insertRequest } from '../requests/send-guard.js';
import { leaveAttempt, noteStatus, reverseFailure, type ReturnReading } from '../requests/returns.js';
import { isBeingSent, STILL_SENDING } from '../sending-lock.js';

/** What QbitPay has is the payout's by a person's word: the payout goes on as if its answer had come. */
export async function adoptObject(
  trx: StoreTransaction,
  row: PayoutRow,
  adopted: AcceptedObject,
  how: Takeover & {
    /** What came back of the attempt that the payout is at, where another one is adopted. */
    readonly returns?: readonly ReturnReading[] | undefined;
  },
): Promise<Outcome> {
  const object = toProviderObject(adopted);
  const { operation, externalOrderId, providerId } = object;
  const known = await findKnown(trx, object);
  if (known.some((one) => one.providerId === providerId && one.externalOrderId !== externalOrderId)) {
    return refuse(`it is the ${operation} of another payout`);
  }
  if ('providerPayoutId' in adopted) {
    if (!isCurrentRequest(row, object)) return adoptEarlier(trx, row, adopted, how);
    const attempt = await selectAttempt(trx, { external_order_id: externalOrderId }).executeTakeFirst();
    const isFailed = attempt && (attempt.returned_at !== null || isReturnPending(attempt));
    if (isFailed === true) return adoptAfterFailure(trx, row, attempt, adopted, how);
  }
  await takeOver(trx, row, object, { ...how, replaces: true });
  return DONE;
}

/** Another attempt lives after all: the payout is at that one again, and the one that it was at is over. */
async function adoptEarlier(
  trx: StoreTransaction,
  row: PayoutRow,
  adopted: ProviderPayoutRecord,
  { returns = [], ...how }: Parameters<typeof adoptObject>[3],
): Promise<Outcome> {
  const left = currentRequest(row, REQUEST_OPERATION.PAYOUT);
  const state = (await find(trx, left))?.state;
  if (state === REQUEST_STATE.SENDING || (await isBeingSent(trx, left))) return STILL_SENDING;
  const isGivenUp = isFailedOrCancelled(adopted.status);
  if (isGivenUp && state === REQUEST_STATE.ACCEPTED) {
    return refuse(`it is ${adopted.status}, as the attempt after it: adopt that of ${left.externalOrderId}`);
  }
  // It may be carried out yet: beside one that was paid that would be a surplus; another attempt is not made.
  if (state === REQUEST_STATE.UNKNOWN && adopted.status !== PROVIDER_PAYOUT_STATUS.PAID) {
    return refuse(`what became of ${left.externalOrderId} has to be known first`);
  }
  const isLeft = await leaveAttempt(trx, row, returns);
  if (!isLeft.ok) return isLeft;
  await updatePayout(trx, row.payout_id, { payout_attempt: payoutAttemptOf(adopted.externalOrderId) });
  return adoptObject(trx, await lockExistingPayout(trx, row.payout_id), adopted, how);
}

/**
 * It is booked that the attempt failed. Either QbitPay paid it after all; or it stays failed, and the payout can be tried
 * again or be cancelled; or another object under the same `externalOrderId` is the payout.
 */
async function adoptAfterFailure(
  trx: StoreTransaction,
  row: PayoutRow,
  failed: AttemptRow,
  payout: ProviderPayoutRecord,
  how: Takeover,
): Promise<Outcome> {
  if (payout.providerPayoutId !== failed.provider_payout_id) {
    return adoptAsNext(trx, row, failed, payout, how);
  }
  if (!isFailedOrCancelled(payout.status) || row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED) {
    return settleAfterAll(trx, row, failed, payout, how.detail);
  }
  await holdFor(trx, row, { detail: how.detail, holdReason: FAILURE_TYPE.ATTEMPT_FAILED });
  return DONE;
}

/**
 * What the attempt took and gave back stays booked as it is. The other object took money of its own: in the store it is
 * the next attempt, which QbitPay has under the id of the one before.
 */
async function adoptAsNext(
  trx: StoreTransaction,
  row: PayoutRow,
  failed: AttemptRow,
  payout: ProviderPayoutRecord,
  how: Takeover,
): Promise<Outcome> {
  // As before any other attempt: what is not back yet cannot be paid out again.
  if (failed.returned_at === null || isReturnPending(failed)) {
    return refuse(
      `the money of ${failed.provider_payout_id}, which failed, has not come back from QbitPay yet`,
    );
  }
  const number = await nextAttempt(trx, row, REQUEST_OPERATION.PAYOUT);
  await updatePayout(trx, row.payout_id, { payout_attempt: number });
  const next = await lockExistingPayout(trx, row.payout_id);
  const request = currentRequest(next, REQUEST_OPERATION.PAYOUT);
  // There is nothing to send under it.
  await insertRequest(trx, request, row.payout_id, REQUEST_STATE.ACCEPTED);
  await takeOver(trx, next, toPayoutObject({ ...payout, externalOrderId: request.externalOrderId }), how);
  return DONE;
}

/**
 * A person believes QbitPay that an attempt which it had called failed is carried out after all: what was booked as back, or
 * as on its way back, is the recipient's, and the payout is in transit again, or ends as paid.
 */
async function settleAfterAll(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  payout: ProviderPayoutRecord,
  detail: string,
): Promise<Outcome> {
  const isPaid = payout.status === PROVIDER_PAYOUT_STATUS.PAID;
  const isLiving = !isFailedOrCancelled(payout.status) && payout.status !== PROVIDER_PAYOUT_STATUS.UNKNOWN;
  if (!isLiving) return refuse('QbitPay does not say that it was paid');
  const current = await reopenPayout(trx, row, detail);
  // First: what was taken on top of what was booked must not be taken out of what is the recipient's.
  const reversed = await reverseFailure(trx, attempt);
  if (!reversed.ok) return reversed;
  const booked = await bookDebit(trx, current, attempt, payout);
  if (!booked.ok) return booked;
  if (isPaid) {
    await transitionPayout(trx, current, PAYOUT_STATUS.PAID, { detail });
    await freeFunds(trx, current);
  }
  await noteStatus(trx, attempt, payout.status);
  return DONE;
}
