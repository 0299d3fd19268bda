import { sql } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import { payoutAttemptOf } from '../../domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { whyAnotherLives } from '../mirror/absence.js';
import { holdUncovered, markDiscrepancy, type Discrepancy } from '../payouts/discrepancies.js';
import type { OrderRecord, ProviderPayoutRecord } from '../payouts/payout-reading.js';
import {
  addFlag,
  addTimelineEntry,
  holdFor,
  lockExistingPayout,
  movePayout,
  updatePayout,
} from '../payouts/payout-transitions.js';
import { reopenPayout } from '../payouts/reopening.js';
import { REQUEST_OPERATION, REQUEST_STATE, type PayoutRow } from '../schema.js';
import { judgeAnswers } from './answer-checks.js';
import { readOrderEnd, toOrderObject } from './orders.js';
import { readPayoutEnd, toPayoutObject } from './provider-payouts.js';
import {
  currentRequest,
  isCurrentRequest,
  OBJECT_END,
  REQUEST_KIND,
  type ObjectEnd,
  type ProviderObject,
  type ProviderRequestId,
} from './request-kind.js';
import { leaveAttempt } from './returns.js';
import { insertRequest, isOf, markAccepted, OPEN_STATES } from './send-guard.js';

/** What QbitPay has: taken over from an answer, from resolving an unknown outcome, or by a person's word. */

export type AcceptedObject = OrderRecord | ProviderPayoutRecord;

export function toProviderObject(accepted: AcceptedObject): ProviderObject {
  return 'providerOrderId' in accepted ? toOrderObject(accepted) : toPayoutObject(accepted);
}

/** Writes what QbitPay accepted, books what is known of it and moves the payout on: all or nothing. */
export async function accept(
  db: StoreDatabase,
  payoutId: string,
  accepted: AcceptedObject,
  discrepancy?: Discrepancy,
  mostDifferences?: number,
): Promise<PayoutStatus> {
  return inTransaction(db, async (trx) => {
    // First, as everywhere: whoever else writes the same object at this moment would wait for us in a circle.
    const row = await lockExistingPayout(trx, payoutId);
    const object = toProviderObject(accepted);
    const { operation, providerId } = object;
    // The answer that a hold was about has come: there is nothing left to decide.
    const isAboutRequest = row.hold_reason !== null && ABOUT_REQUEST.includes(row.hold_reason);
    const isAwaited = isAboutRequest && row.held_from === REQUEST_KIND[operation].sentIn;
    const detail = `${operation} accepted by QbitPay as ${providerId}`;
    const status = await takeOver(trx, row, object, { detail, discrepancy, resumes: isAwaited });
    if (mostDifferences !== undefined && 'providerPayoutId' in accepted) {
      await judgeAnswers(trx, accepted.currency, mostDifferences);
    }
    return status;
  });
}

/** Holds about a request that QbitPay refused, or whose outcome is not known. */
export const ABOUT_REQUEST: readonly FailureType[] = [
  FAILURE_TYPE.UNKNOWN_OUTCOME,
  FAILURE_TYPE.ANSWER_CONTRADICTS,
  FAILURE_TYPE.DESTINATION_REFUSED,
  FAILURE_TYPE.PROVIDER_REFUSED,
];

export interface Takeover {
  /** One line for the timeline. */
  readonly detail: string;
  readonly discrepancy: Discrepancy | undefined;
  /** A held payout goes on. */
  readonly resumes: boolean;
  /** It is the right one, whatever stands in the store under its `externalOrderId`. @default false */
  readonly replaces?: boolean;
}

/** As {@link accept}, for a payout whose row is locked. */
export async function takeOver(
  trx: StoreTransaction,
  row: PayoutRow,
  object: ProviderObject,
  { detail, discrepancy, resumes, replaces = false }: Takeover,
): Promise<PayoutStatus> {
  await markAccepted(trx, object);
  if (!replaces) {
    const known = await findKnown(trx, object);
    const first = known.find(({ externalOrderId }) => externalOrderId === object.externalOrderId);
    // The same one again; or, adopted, it is another attempt of the payout than the one whose id it carries.
    const isKnown = known.some(({ providerId }) => providerId === object.providerId);
    if (first !== undefined) return isKnown ? row.status : takeSecond(trx, row, first, object);
  }
  if (isFinalStatus(row.status)) return takeAfterEnd(trx, row, object, detail);
  const booked = await object.record(trx, row);
  const { acceptedIn } = REQUEST_KIND[object.operation];
  const current = await movePayout(trx, row, acceptedIn, { detail, resumes });
  if (current.status !== acceptedIn && row.held_from !== acceptedIn) {
    // Held meanwhile: whoever decides has to know of it, and what the payout goes on with.
    await addTimelineEntry(trx, row.payout_id, current.status, `${detail}, late`);
    await updatePayout(trx, row.payout_id, { held_from: acceptedIn });
  }
  if (discrepancy !== undefined) return markDiscrepancy(trx, current, discrepancy);
  return booked.ok ? current.status : holdUncovered(trx, current, booked);
}

/**
 * The payout had ended, and QbitPay carries it out: it is in transit again, with the money that it had left. An order, or a
 * payout beside one that was paid, is one too many; what QbitPay gave up changes nothing.
 */
async function takeAfterEnd(
  trx: StoreTransaction,
  row: PayoutRow,
  object: ProviderObject,
  detail: string,
): Promise<PayoutStatus> {
  if (object.isVoid) return row.status;
  const isPayout = object.operation === REQUEST_OPERATION.PAYOUT && row.status !== PAYOUT_STATUS.PAID;
  if (!isPayout || !isCurrentRequest(row, object)) {
    await object.record(trx, row);
    await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, `${detail}, after the end`);
    return row.status;
  }
  const current = await reopenPayout(trx, row, detail);
  await recordAsAccepted(trx, object, row.payout_id);
  const booked = await object.record(trx, current);
  return booked.ok ? current.status : holdUncovered(trx, current, booked);
}

/** Whatever was believed of the request before: QbitPay has it. */
async function recordAsAccepted(
  trx: StoreTransaction,
  id: ProviderRequestId,
  payoutId: string,
): Promise<void> {
  await insertRequest(trx, id, payoutId);
  const rejection = { failure_type: null, failure_message: null };
  await trx
    .updateTable('provider_requests')
    .set({ state: REQUEST_STATE.ACCEPTED, resend_by: null, ...rejection, updated_at: NOW })
    .where(isOf(id))
    .execute();
}

/** Another object under the same `externalOrderId` is one too many, unless QbitPay took nothing for it. */
async function takeSecond(
  trx: StoreTransaction,
  row: PayoutRow,
  first: ObjectIds,
  { operation, providerId, isVoid, isDecided }: ProviderObject,
): Promise<PayoutStatus> {
  if (isVoid) return row.status;
  const isOver = isFinalStatus(row.status) || (await isDecided(trx));
  return reportSecond(trx, row, `${operation} ${providerId} beside ${first.providerId}`, isOver);
}

/** QbitPay has two objects where one was asked for: a person says which one it is, unless all is over. */
async function reportSecond(
  trx: StoreTransaction,
  row: PayoutRow,
  which: string,
  isOver: boolean,
): Promise<PayoutStatus> {
  const detail = `QbitPay has ${which}`;
  if (!isOver) return holdFor(trx, row, { detail, holdReason: FAILURE_TYPE.DUPLICATE_AT_PROVIDER });
  await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, detail);
  return row.status;
}

/** A payout of another attempt, which was believed to be over, lives after all. */
export async function reportEarlier(
  db: StoreDatabase,
  payoutId: string,
  earlier: { readonly externalOrderId: string; readonly which: string },
): Promise<void> {
  await inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const current = currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId;
    if (earlier.externalOrderId === current) return;
    const which = `${earlier.which} of the attempt before, beside ${current}`;
    await reportSecond(trx, row, which, isFinalStatus(row.status));
  });
}

/**
 * A payout ended without paying, and another attempt than the one that it ended with is carried out after all: the payout is
 * at that one from now on. False where it is not so, or where the one that it ended with may be carried out as well.
 */
export async function returnToAttempt(
  db: StoreDatabase,
  payoutId: string,
  externalOrderId: string,
): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (!isFinalStatus(row.status) || row.status === PAYOUT_STATUS.PAID) return false;
    if (!(await leaveAttempt(trx, row, [])).ok) return false;
    await updatePayout(trx, payoutId, { payout_attempt: payoutAttemptOf(externalOrderId) });
    return true;
  });
}

type ObjectIds = Pick<ProviderObject, 'externalOrderId' | 'providerId'>;

/** What stands in the store under the object's `externalOrderId`, and under its own id. */
export async function findKnown(
  trx: StoreTransaction,
  object: ProviderObject,
): Promise<readonly ObjectIds[]> {
  const { table, providerId: column } = REQUEST_KIND[object.operation];
  const { rows } = await sql<ObjectIds>`
    select external_order_id as "externalOrderId", ${sql.ref(column)} as "providerId" from ${sql.table(table)}
    where external_order_id = ${object.externalOrderId} or ${sql.ref(column)} = ${object.providerId}`.execute(
    trx,
  );
  return rows;
}

/** How far what QbitPay accepted under this request is. */
export function readEnd(
  trx: StoreTransaction,
  { operation, externalOrderId }: ProviderRequestId,
): Promise<ObjectEnd> {
  return operation === REQUEST_OPERATION.ORDER
    ? readOrderEnd(trx, externalOrderId)
    : readPayoutEnd(trx, externalOrderId);
}

/**
 * Why a payout cannot be cancelled: QbitPay has, or may have, a payout of this one, or an order that has not come to its
 * end or whose proceeds are not booked. Undefined where it can.
 */
export async function whyAtProvider(trx: StoreTransaction, row: PayoutRow): Promise<string | undefined> {
  const { payout_id: payoutId } = row;
  const requests = await trx
    .selectFrom('provider_requests')
    .select(['operation', 'external_order_id as externalOrderId', 'state'])
    .where('payout_id', '=', payoutId)
    .where('state', 'in', [...OPEN_STATES, REQUEST_STATE.ACCEPTED])
    .orderBy('operation', 'desc')
    .execute();
  if (requests.some(({ state }) => OPEN_STATES.includes(state))) {
    return 'a request of it may have arrived at QbitPay: what became of it has to be known first';
  }
  for (const request of requests) {
    const end = await readEnd(trx, request);
    if (end === OBJECT_END.RETURN_PENDING) return 'its money has not come back from QbitPay yet';
    if (end !== OBJECT_END.OPEN) continue;
    return request.operation === REQUEST_OPERATION.ORDER
      ? 'QbitPay has its order, which has not come to its end'
      : 'QbitPay has it';
  }
  // An attempt that the store believes to be over may live after all.
  return whyAnotherLives(trx, payoutId, currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId);
}
