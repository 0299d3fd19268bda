import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { isFailedOrCancelled } from '../../domain/provider-status.js';
import { reportSecond } from './orders.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { acceptRequest } from './provider-requests.js';
import {
  addFlag,
  addTimelineEntry,
  changeHeldFrom,
  holdFor,
  isInTimeline,
  lockExistingPayout,
  transitionPayout,
  type PayoutRow,
  type TransitionDetail,
} from '../payouts/payout-transitions.js';
import type { ProviderPayoutRecord } from '../payouts/payout-records.js';
import { REQUEST_OPERATION } from '../schema.js';
import {
  beyondLedger,
  bookAccepted,
  bookDebit,
  findByExternalId,
  type AttemptRow,
} from './provider-debits.js';

/** Payouts that QbitPay has accepted: taken over by an answer, a outcome resolution, or a person. */

/** What QbitPay has under an `externalOrderId`, and what about it needs a person. */
export interface AcceptedRequest {
  readonly payout: ProviderPayoutRecord & { readonly currency: string };
  readonly discrepancy?: ObjectDiscrepancy | undefined;
}

/** What about an object of QbitPay's needs a person. */
export interface ObjectDiscrepancy {
  readonly reason: FailureType;
  readonly detail: string;
}

/** Writes the accepted payout, books what it took, and moves on to `in_transit`: all or nothing. */
export async function recordProviderPayout(
  db: StoreDatabase,
  payoutId: string,
  accepted: AcceptedRequest,
): Promise<PayoutStatus> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const detail = `accepted by QbitPay as ${accepted.payout.providerPayoutId}`;
    // The answer that a hold was about has come: there is nothing left to decide.
    const isAbout =
      row.hold_reason === FAILURE_TYPE.UNKNOWN_OUTCOME && row.held_from === PAYOUT_STATUS.PAYING;
    const resumes = isAbout ? { resumes: true as const } : {};
    return acceptPayout(trx, row, accepted, { detail, ...resumes });
  });
}

/** In the transaction of whoever takes the payout over. */
export async function acceptPayout(
  trx: StoreTransaction,
  row: PayoutRow,
  { payout, discrepancy }: AcceptedRequest,
  transition: TransitionDetail,
): Promise<PayoutStatus> {
  const { payout_id: payoutId } = row;
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payout.externalOrderId };
  await acceptRequest(trx, id);
  const known = await findByExternalId(trx, payout.externalOrderId);
  if (known !== undefined) return acceptAgain(trx, row, known, payout);
  const attempt = await insertAttempt(trx, payoutId, payout);
  const isBooked = await bookAccepted(trx, row, attempt, payout);
  if (isFinalStatus(row.status)) {
    await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, `${transition.detail}, after the end`);
    return row.status;
  }
  const status = await transitionPayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, transition);
  if (status !== PAYOUT_STATUS.IN_TRANSIT) {
    // Held meanwhile: whoever decides has to know of it, and what it goes on with.
    await addTimelineEntry(trx, payoutId, status, `${transition.detail}, late`);
    await changeHeldFrom(trx, payoutId, PAYOUT_STATUS.IN_TRANSIT);
  }
  const current = await lockExistingPayout(trx, payoutId);
  if (discrepancy !== undefined) return noteDiscrepancy(trx, current, discrepancy);
  if (isBooked) return status;
  const { reason: holdReason, detail } = beyondLedger(payout);
  return holdFor(trx, current, { holdReason, detail });
}

/**
 * Marks the payout for what was found, once, and holds it unless it ends now: a person takes the hold on, and an end
 * that is read ends it, but what was found stays to be seen.
 */
export async function noteDiscrepancy(
  trx: StoreTransaction,
  row: PayoutRow,
  { reason: holdReason, detail }: ObjectDiscrepancy,
  { ends }: { readonly ends: boolean } = { ends: false },
): Promise<PayoutStatus> {
  // The words name the object, so that another attempt's are other ones.
  if (await isInTimeline(trx, row.payout_id, detail)) return row.status;
  const status = ends ? row.status : await holdFor(trx, row, { holdReason, detail });
  // A hold has put it in the timeline; otherwise the mark does.
  await addFlag(trx, { ...row, status }, holdReason, detail);
  return status;
}

/** As {@link noteDiscrepancy}, of an order that is read; answers with the payout's status. */
export async function noteOrderDiscrepancy(
  db: StoreDatabase,
  payoutId: string,
  discrepancy: ObjectDiscrepancy,
): Promise<PayoutStatus> {
  return db.transaction().execute(async (trx) => {
    return noteDiscrepancy(trx, await lockExistingPayout(trx, payoutId), discrepancy);
  });
}

/** Another object under the same `externalOrderId` is one payout too many. */
async function acceptAgain(
  trx: StoreTransaction,
  row: PayoutRow,
  known: AttemptRow,
  { providerPayoutId, status }: ProviderPayoutRecord,
): Promise<PayoutStatus> {
  if (await isKnown(trx, providerPayoutId)) return row.status;
  // One that QbitPay has given up is no second payout: that is what it was asked for.
  if (isFailedOrCancelled(status)) return row.status;
  await reportSecond(trx, row, `payout ${providerPayoutId} beside ${known.provider_payout_id}`);
  return (await lockExistingPayout(trx, row.payout_id)).status;
}

/** Adopted, it may be another attempt of the payout than the one whose id it carries. */
async function isKnown(trx: StoreTransaction, providerPayoutId: string): Promise<boolean> {
  const attempt = await trx
    .selectFrom('provider_payouts')
    .select('external_order_id')
    .where('provider_payout_id', '=', providerPayoutId)
    .executeTakeFirst();
  return attempt !== undefined;
}

/** The payout that a person says is the one; `accepted` is what QbitPay says of it. */
export async function replaceAttempt(
  trx: StoreTransaction,
  row: PayoutRow,
  { payout }: AcceptedRequest,
): Promise<boolean> {
  const known = await findByExternalId(trx, payout.externalOrderId);
  if (known === undefined) return false;
  await trx
    .updateTable('provider_payouts')
    .set({ provider_payout_id: payout.providerPayoutId, status: payout.status, missing_since: null })
    .where('external_order_id', '=', payout.externalOrderId)
    .execute();
  await bookDebit(trx, row, known, payout);
  return true;
}

async function insertAttempt(
  trx: StoreTransaction,
  payoutId: string,
  payout: ProviderPayoutRecord & { readonly currency: string },
): Promise<AttemptRow> {
  return trx
    .insertInto('provider_payouts')
    .values({
      external_order_id: payout.externalOrderId,
      payout_id: payoutId,
      provider_payout_id: payout.providerPayoutId,
      currency: payout.currency,
      post_amount: payout.postAmount,
      recipient_amount: payout.recipientAmount,
      fee: payout.fee,
      status: payout.status,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}
