import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import {
  isFailedOrCancelled,
  PROVIDER_PAYOUT_STATUS,
  type ProviderPayoutStatus,
} from '../../domain/provider-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookFailure, bookReturn } from '../ledger/bookings.js';
import { isBooked, lockLedger } from '../ledger/journal.js';
import { DONE, refuse, type Outcome } from '../outcome.js';
import { markDiscrepancy, type Discrepancy } from '../payouts/discrepancies.js';
import type { ProviderPayoutRecord } from '../payouts/payout-reading.js';
import {
  addTimelineEntry,
  changeHold,
  lockExistingPayout,
  transitionPayout,
  type TransitionDetail,
} from '../payouts/payout-transitions.js';
import { freeFunds } from '../payouts/reservations.js';
import { REQUEST_OPERATION, type PayoutRow } from '../schema.js';
import {
  bookDebit,
  selectAttempt,
  isDebitBooked,
  toProviderDebit,
  updateAttempt,
  type AttemptRow,
} from './provider-payouts.js';
import { isCurrentRequest } from './send-guard.js';

/** How payouts at QbitPay ended, and what came back. */

export interface SettlementReading extends Omit<ProviderPayoutRecord, 'externalOrderId' | 'postAmount'> {
  readonly discrepancy?: Discrepancy | undefined;
  /** What it means for the payout; null while it is not settled. */
  readonly outcome: (TransitionDetail & { readonly status: PayoutStatus }) | null;
}

/** Writes what QbitPay's API said of an accepted payout, and ends the payout when that is an end. */
export async function recordSettlement(
  db: StoreDatabase,
  payoutId: string,
  reading: SettlementReading,
): Promise<void> {
  await aboutAttempt(db, payoutId, reading.providerPayoutId, async (trx, row, attempt) => {
    if (!isAwaited(row, attempt)) return;
    const { status, outcome, discrepancy } = reading;
    const booked = await bookDebit(trx, row, attempt, reading);
    if (!booked.ok) {
      const hold = { holdReason: FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER, detail: booked.message };
      // What it is held for already comes first; resumed, it is read again.
      await transitionPayout(trx, row, PAYOUT_STATUS.HELD, hold);
      return;
    }
    if (discrepancy !== undefined) await markDiscrepancy(trx, row, discrepancy, { ends: outcome !== null });
    if (outcome !== null) await applyOutcome(trx, row, attempt, outcome, isFailedOrCancelled(status));
    await noteStatus(trx, attempt, status);
  });
}

export interface ReturnReading {
  readonly providerPayoutId: string;
  readonly balanceTransactionId: string;
  /** What it did to the balance. */
  readonly net: string;
}

/** The money of a failed attempt is there again: it is booked, once, and what the payout then has becomes available. */
export async function recordReturn(
  db: StoreDatabase,
  payoutId: string,
  reading: ReturnReading,
): Promise<void> {
  await aboutAttempt(db, payoutId, reading.providerPayoutId, async (trx, row, attempt) => {
    if (await isReturnPending(trx, attempt)) await bookReturned(trx, row, attempt, reading);
  });
}

/** Does the work with the payout locked. */
async function aboutAttempt(
  db: StoreDatabase,
  payoutId: string,
  providerPayoutId: string,
  work: (trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow) => Promise<void>,
): Promise<void> {
  await inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const ids = { payout_id: payoutId, provider_payout_id: providerPayoutId };
    await work(trx, row, await selectAttempt(trx, ids).executeTakeFirstOrThrow());
  });
}

/**
 * Of two readings at once the older one may come last: it must not take back what ended the payout, or an attempt whose
 * money is on its way back, nor say anything about the attempt after it. Of two payouts at QbitPay a person says which
 * one it is: until then the end of either says nothing.
 */
function isAwaited(row: PayoutRow, attempt: AttemptRow): boolean {
  const isFailed = row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED;
  const isDisputed = row.hold_reason === FAILURE_TYPE.DUPLICATE_AT_PROVIDER;
  return !isFinalStatus(row.status) && !isFailed && !isDisputed && isCurrentRequest(row, requestOf(attempt));
}

function requestOf({ external_order_id: externalOrderId }: AttemptRow) {
  return { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
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
  // What is left is available.
  if (status === PAYOUT_STATUS.PAID) await freeFunds(trx, row);
  else if (isGivenUp) await bookGivenUp(trx, { ...row, status }, attempt);
}

/** What was taken is on its way back. What the ledger never saw leave does not come back to it. */
async function bookGivenUp(trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  if (await isDebitBooked(trx, attempt)) return bookFailure(trx, toProviderDebit(attempt));
  await noteReturned(trx, attempt, '0');
  if (isFinalStatus(row.status)) await freeFunds(trx, row);
}

function noteReturned(trx: StoreTransaction, attempt: AttemptRow, amount: string): Promise<void> {
  return updateAttempt(trx, attempt, { returned_amount: amount, returned_at: NOW });
}

/** What the API said of the attempt, and that it was read. */
export function noteStatus(
  trx: StoreTransaction,
  attempt: AttemptRow,
  status: ProviderPayoutStatus,
): Promise<void> {
  return updateAttempt(trx, attempt, { status, read_at: NOW });
}

/** It is booked that the attempt failed or was cancelled, and its money is not back. */
export async function isReturnPending(
  trx: StoreTransaction,
  { returned_at: returnedAt, external_order_id: id }: AttemptRow,
): Promise<boolean> {
  if (returnedAt !== null || !(await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE, id))) return false;
  return !(await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED, id));
}

/** That the attempt failed was never said in words that the engine knows: its money says it. */
export async function bookUnannouncedReturn(
  trx: StoreTransaction,
  row: PayoutRow,
  reading: ReturnReading,
): Promise<Outcome> {
  const ids = { payout_id: row.payout_id, provider_payout_id: reading.providerPayoutId };
  const attempt = await selectAttempt(trx, ids).executeTakeFirstOrThrow();
  if (attempt.returned_at !== null || !(await isDebitBooked(trx, attempt))) {
    return refuse('its money is not booked as taken');
  }
  await lockLedger(trx);
  await bookFailure(trx, toProviderDebit(attempt));
  await bookReturned(trx, row, attempt, reading);
  await noteStatus(trx, attempt, PROVIDER_PAYOUT_STATUS.FAILED);
  return DONE;
}

async function bookReturned(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  { balanceTransactionId, net }: ReturnReading,
): Promise<void> {
  await lockLedger(trx);
  const { currency, payout_id: payoutId } = attempt;
  await bookReturn(trx, { balanceTransactionId, payoutId, currency, expected: attempt.booked_amount, net });
  await noteReturned(trx, attempt, net);
  await addTimelineEntry(trx, payoutId, row.status, `${net} ${currency} came back from QbitPay`);
  if (isFinalStatus(row.status)) await freeFunds(trx, row);
}
