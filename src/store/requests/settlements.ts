import { FAILURE_TYPE, FAILURES } from '../../domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { isFailedOrCancelled, PROVIDER_PAYOUT_STATUS } from '../../domain/provider-status.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { isNewest } from '../mirror/unread-objects.js';
import { DONE, type Outcome } from '../outcome.js';
import { markDiscrepancy, type Discrepancy } from '../payouts/discrepancies.js';
import type { ProviderPayoutRecord } from '../payouts/payout-reading.js';
import {
  addTimelineEntry,
  changeHold,
  transitionPayout,
  type TransitionDetail,
} from '../payouts/payout-transitions.js';
import { reopenPayout } from '../payouts/reopening.js';
import { freeFunds } from '../payouts/reservations.js';
import { REQUEST_OPERATION, type PayoutRow } from '../schema.js';
import { bookDebit, selectAttempt, type AttemptRow } from './provider-payouts.js';
import { currentRequest, isCurrentRequest } from './request-kind.js';

import {
  aboutAttempt,
  bookFailed,
  bookGivenUp,
  isFailureBooked,
  noteStatus,
  requestOf,
  reverseFailure,
} from './returns.js';

/** How payouts at QbitPay ended. */

export interface SettlementReading extends Omit<ProviderPayoutRecord, 'externalOrderId' | 'postAmount'> {
  readonly discrepancy?: Discrepancy | undefined;
  /** What it means for the payout; null while it is not settled. */
  readonly outcome: (TransitionDetail & { readonly status: PayoutStatus }) | null;
}

/**
 * Writes what QbitPay's API said of an accepted payout, and ends the payout when that is an end. One that has ended is
 * carried out after all, or was sent back by the bank, where QbitPay shows that.
 */
export async function recordSettlement(
  db: StoreDatabase,
  payoutId: string,
  reading: SettlementReading,
): Promise<void> {
  await aboutAttempt(db, payoutId, reading.providerPayoutId, async (trx, row, attempt) => {
    if (!isAboutPayout(row, attempt) || !(await isNewest(trx, reading))) return;
    if (isRevived(attempt, reading)) return settleRevived(trx, row, attempt, reading);
    if (WAS_PAID.includes(row.status)) return noteSentBack(trx, row, attempt, reading);
    const isFailed = row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED;
    if (!isFinalStatus(row.status) && !isFailed) await settle(trx, row, attempt, reading);
  });
}

const WAS_PAID: readonly PayoutStatus[] = [PAYOUT_STATUS.PAID, PAYOUT_STATUS.RETURNED];

/**
 * Nothing is said about the attempt after it. Of two payouts at QbitPay a person says which one it is: until then the end of
 * either says nothing.
 */
function isAboutPayout(row: PayoutRow, attempt: AttemptRow): boolean {
  const isDisputed = row.hold_reason === FAILURE_TYPE.DUPLICATE_AT_PROVIDER;
  return !isDisputed && isCurrentRequest(row, requestOf(attempt));
}

async function settle(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  reading: SettlementReading,
): Promise<void> {
  const { status, outcome, discrepancy } = reading;
  const booked = await bookDebit(trx, row, attempt, reading);
  if (!booked.ok) return holdUnbooked(trx, row, booked.message);
  if (discrepancy !== undefined) await markDiscrepancy(trx, row, discrepancy, { ends: outcome !== null });
  if (outcome !== null) await applyOutcome(trx, row, attempt, outcome, isFailedOrCancelled(status));
  await noteStatus(trx, attempt, status);
}

/** What it is held for already comes first; resumed, it is read again. */
async function holdUnbooked(trx: StoreTransaction, row: PayoutRow, detail: string): Promise<void> {
  const hold = { holdReason: FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER, detail };
  await transitionPayout(trx, row, PAYOUT_STATUS.HELD, hold);
}

/** QbitPay had given the attempt up, and now shows it as going on, or paid. */
function isRevived(attempt: AttemptRow, { status }: SettlementReading): boolean {
  const isLive = !isFailedOrCancelled(status) && status !== PROVIDER_PAYOUT_STATUS.UNKNOWN;
  return isLive && isFailedOrCancelled(attempt.status);
}

/** The payout, where it had ended or is held for that, is in transit again, and settled as any other. */
async function settleRevived(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  reading: SettlementReading,
): Promise<void> {
  const isPaid = reading.status === PROVIDER_PAYOUT_STATUS.PAID;
  // Of one whose return was awaited only that it was paid after all is news.
  if (row.status === PAYOUT_STATUS.PAID && !isPaid) return;
  const shown = `QbitPay shows payout ${reading.providerPayoutId} as ${reading.status}, after ${attempt.status}`;
  const isFailed = row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED;
  const isLeft = isFailed || (isFinalStatus(row.status) && row.status !== PAYOUT_STATUS.PAID);
  const current = isLeft ? await reopenPayout(trx, row, shown) : row;
  const reversed = await reverseFailure(trx, attempt);
  if (!reversed.ok) return holdUnbooked(trx, current, reversed.message);
  const ids = { provider_payout_id: reading.providerPayoutId };
  await settle(trx, current, await selectAttempt(trx, ids).executeTakeFirstOrThrow(), reading);
  if (current.status !== PAYOUT_STATUS.PAID) return;
  await addTimelineEntry(trx, current.payout_id, current.status, shown);
  await freeFunds(trx, current);
}

/** The payout was paid, and QbitPay reports it as failed: the bank sends it back. It stays paid until all of it is back. */
async function noteSentBack(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  { status }: Pick<SettlementReading, 'status'>,
): Promise<void> {
  if (!isFailedOrCancelled(status) || isFailedOrCancelled(attempt.status)) return;
  await noteStatus(trx, attempt, status);
  // Its money may have said so before.
  if (isFailureBooked(attempt)) return;
  await bookFailed(trx, attempt);
  const detail = `QbitPay shows it as ${status}: its money is on the way back`;
  await addTimelineEntry(trx, row.payout_id, row.status, detail);
}

async function applyOutcome(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  outcome: NonNullable<SettlementReading['outcome']>,
  isGivenUp: boolean,
): Promise<void> {
  const status = await transitionPayout(trx, row, outcome.status, outcome);
  const isNews = status !== row.status || (await changeHold(trx, row, outcome));
  if (!isNews) return;
  // What is left is freed.
  if (status === PAYOUT_STATUS.PAID) await freeFunds(trx, row);
  else if (isGivenUp) await bookGivenUp(trx, { ...row, status }, attempt);
}

/** How a payout ended at QbitPay. */
export type PayoutEnd = typeof PROVIDER_PAYOUT_STATUS.PAID | typeof PROVIDER_PAYOUT_STATUS.FAILED;

/** By a person's word the payout that QbitPay has ended so. The money of one that was not paid is on its way back. */
export async function settleByEvidence(
  trx: StoreTransaction,
  row: PayoutRow,
  end: PayoutEnd,
  detail: string,
): Promise<Outcome> {
  const ids = { external_order_id: currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId };
  const attempt = await selectAttempt(trx, ids).executeTakeFirstOrThrow();
  const isPaid = end === PROVIDER_PAYOUT_STATUS.PAID;
  const type = FAILURE_TYPE.CLOSED_BY_OPERATOR;
  const failure = { type, message: FAILURES[type].meaning };
  const outcome = isPaid
    ? { status: PAYOUT_STATUS.PAID, detail }
    : { status: PAYOUT_STATUS.FAILED, detail, failure };
  await applyOutcome(trx, row, attempt, outcome, !isPaid);
  await noteStatus(trx, attempt, end);
  return DONE;
}
