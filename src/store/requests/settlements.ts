import { sql } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import {
  isFailedOrCancelled,
  PROVIDER_PAYOUT_STATUS,
  type ProviderPayoutStatus,
} from '../../domain/provider-status.js';
import { noteDiscrepancy, type ObjectDiscrepancy } from './accepted-requests.js';
import { bookFailure, bookFailureReversed, bookReturn, releaseFunds } from '../ledger/bookings.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { isCurrentRequest } from './provider-requests.js';
import { isBooked, lockLedger } from '../ledger/journal.js';
import {
  addTimelineEntry,
  changeHold,
  lockExistingPayout,
  transitionPayout,
  type PayoutRow,
} from '../payouts/payout-transitions.js';
import type { ProviderPayoutRecord } from '../payouts/payout-records.js';
import { findWaitingForBalance } from '../payouts/reservations.js';
import { REQUEST_OPERATION } from '../schema.js';
import {
  beyondLedger,
  bookDebit,
  findByExternalId,
  isDebitBooked,
  toRecord,
  toProviderDebit,
  type AttemptRow,
} from './provider-debits.js';

/** How payouts at the provider ended, and what came back. */

export interface SettlementReading {
  readonly providerPayoutId: string;
  readonly currency: string;
  readonly recipientAmount: string;
  readonly fee: string;
  readonly discrepancy?: ObjectDiscrepancy | undefined;
  readonly providerStatus: ProviderPayoutStatus;
  /** What it means for the payout; null while it is not settled. */
  readonly outcome: {
    readonly status: PayoutStatus;
    readonly detail: string;
    readonly holdReason?: FailureType;
    readonly failure?: { readonly type: FailureType; readonly message: string };
  } | null;
}

export interface SettlementOutcome {
  /** What the store then says. */
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
  /** The attempt failed or was cancelled, and its money is not back yet. */
  readonly isReturnPending: boolean;
  /** Payouts that wait for the available balance, which may have got what this one had left. */
  readonly wake: readonly string[];
}

/** Writes what the provider's API said of an accepted payout, and ends the payout when that is an end. */
export async function recordSettlement(
  db: StoreDatabase,
  payoutId: string,
  reading: SettlementReading,
): Promise<SettlementOutcome> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const attempt = await findAttempt(trx, payoutId, reading.providerPayoutId);
    if (isOver(row, attempt) || isDisputed(row)) return describe(trx, payoutId, attempt);
    const status = reading.providerStatus;
    if (!(await bookDebit(trx, row, attempt, { ...reading, status }))) {
      const { reason: holdReason, detail } = beyondLedger(toRecord(attempt));
      // What it is held for already comes first; resumed, it is read again.
      await transitionPayout(trx, row, PAYOUT_STATUS.HELD, { holdReason, detail });
      return describe(trx, payoutId, attempt);
    }
    if (reading.discrepancy !== undefined) {
      await noteDiscrepancy(trx, row, reading.discrepancy, { ends: reading.outcome !== null });
    }
    if (reading.outcome !== null) {
      await applyOutcome(trx, row, attempt, reading.outcome, isFailedOrCancelled(status));
    }
    await noteStatus(trx, attempt, status);
    return describe(trx, payoutId, attempt);
  });
}

/**
 * QbitPay does not show a payout that it had accepted: it may be late, or the key one of another account for a while. It
 * is held when that has lasted for the wait for an unknown outcome.
 */
export async function recordMissing(
  db: StoreDatabase,
  payoutId: string,
  missing: { readonly providerPayoutId: string; readonly unknownOutcomeWaitSeconds: number },
): Promise<SettlementOutcome> {
  const { providerPayoutId, unknownOutcomeWaitSeconds } = missing;
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const attempt = await findAttempt(trx, payoutId, providerPayoutId);
    const isLong = await noteMissing(trx, attempt, unknownOutcomeWaitSeconds);
    if (isLong && !isOver(row, attempt) && !isDisputed(row)) {
      const detail = `QbitPay does not show payout ${providerPayoutId}`;
      const holdReason = FAILURE_TYPE.STATUS_NOT_KNOWN;
      await transitionPayout(trx, row, PAYOUT_STATUS.HELD, { detail, holdReason });
    }
    return describe(trx, payoutId, attempt);
  });
}

/** True when it has been missing for as long. */
async function noteMissing(
  trx: StoreTransaction,
  { external_order_id: externalOrderId }: AttemptRow,
  seconds: number,
): Promise<boolean> {
  const row = await trx
    .updateTable('provider_payouts')
    .set({ missing_since: sql<Date>`coalesce(missing_since, clock_timestamp())` })
    .where('external_order_id', '=', externalOrderId)
    .returning(
      sql<boolean>`clock_timestamp() - missing_since >= make_interval(secs => ${seconds})`.as('is_long'),
    )
    .executeTakeFirstOrThrow();
  return row.is_long;
}

/**
 * Of two readings at once the older one may come last: it must not take back what ended the payout, or an attempt
 * whose money is on its way back, nor say anything about the attempt after it.
 */
function isOver(row: PayoutRow, attempt: AttemptRow): boolean {
  const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: attempt.external_order_id };
  const isFailed = row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED;
  return isFinalStatus(row.status) || isFailed || !isCurrentRequest(row, id);
}

/** Of two payouts at QbitPay a person says which one it is: until then the end of either says nothing. */
function isDisputed({ hold_reason: holdReason }: PayoutRow): boolean {
  return holdReason === FAILURE_TYPE.DUPLICATE_AT_PROVIDER;
}

async function applyOutcome(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  outcome: NonNullable<SettlementReading['outcome']>,
  isGivenBack: boolean,
): Promise<void> {
  const status = await transitionPayout(trx, row, outcome.status, outcome);
  const isNews = status !== row.status || (await changeHold(trx, row, outcome));
  const isEnd = status === PAYOUT_STATUS.PAID || isGivenBack;
  if (isNews && isEnd) await bookEnd(trx, { ...row, status }, attempt);
}

async function findAttempt(
  trx: StoreTransaction,
  payoutId: string,
  providerPayoutId: string,
): Promise<AttemptRow> {
  return trx
    .selectFrom('provider_payouts')
    .selectAll()
    .where('provider_payout_id', '=', providerPayoutId)
    .where('payout_id', '=', payoutId)
    .executeTakeFirstOrThrow();
}

/** Paid: what is left is available. Failed or cancelled: what was taken is on its way back, and nothing is available yet. */
async function bookEnd(trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  if (row.status === PAYOUT_STATUS.PAID) await releaseFunds(trx, row.payout_id);
  else if (await isDebitBooked(trx, attempt)) await bookFailure(trx, toProviderDebit(attempt));
  else await endUndebited(trx, row, attempt);
}

/** What the ledger never saw leave does not come back to it: all that the payout has is there. */
async function endUndebited(trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  await trx
    .updateTable('provider_payouts')
    .set({ returned_amount: '0', returned_at: sql<Date>`clock_timestamp()` })
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  if (isFinalStatus(row.status)) await releaseFunds(trx, row.payout_id);
}

async function describe(
  trx: StoreTransaction,
  payoutId: string,
  attempt: AttemptRow,
): Promise<SettlementOutcome> {
  const row = await lockExistingPayout(trx, payoutId);
  const { status, currency, funding_currency: fundingCurrency, hold_reason: holdReason } = row;
  return {
    status,
    holdReason,
    isReturnPending: await isReturnPending(trx, attempt),
    wake: await findWaitingForBalance(trx, [currency, fundingCurrency]),
  };
}

/** The attempt under this `externalOrderId`, where it is booked that it failed or was cancelled. */
export async function findFailedAttempt(
  trx: StoreTransaction,
  externalOrderId: string,
): Promise<AttemptRow | undefined> {
  const attempt = await findByExternalId(trx, externalOrderId);
  if (attempt === undefined) return undefined;
  return attempt.returned_at !== null || (await isReturnPending(trx, attempt)) ? attempt : undefined;
}

async function isReturnPending(
  trx: StoreTransaction,
  { returned_at: returnedAt, external_order_id: id }: AttemptRow,
): Promise<boolean> {
  if (returnedAt !== null || !(await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE, id))) return false;
  return !(await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED, id));
}

/** Thrown where a decision turns out to make no sense when a part of it is written: all of that is undone. */
export class DecisionRefusedError extends Error {
  override readonly name = 'DecisionRefusedError';
}

/**
 * A person believes QbitPay that an attempt which it had called failed was paid after all: what was booked as on its
 * way back is the recipient's, and the payout ends as paid.
 * @throws DecisionRefusedError where that cannot be
 */
export async function settleAfterAll(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  payout: ProviderPayoutRecord & { readonly currency: string },
  detail: string,
): Promise<void> {
  if (payout.status !== PROVIDER_PAYOUT_STATUS.PAID)
    throw new DecisionRefusedError('QbitPay does not say that it was paid');
  if (!(await isReturnPending(trx, attempt))) {
    throw new DecisionRefusedError('its money is back: QbitPay cannot have paid it as well');
  }
  // First: what was taken on top of what was booked must not be taken out of what is the recipient's.
  await bookFailureReversed(trx, toProviderDebit(attempt));
  if (!(await bookDebit(trx, row, attempt, payout))) {
    throw new DecisionRefusedError(beyondLedger(toRecord(attempt)).detail);
  }
  await transitionPayout(trx, row, PAYOUT_STATUS.PAID, { detail });
  await releaseFunds(trx, row.payout_id);
  await noteStatus(trx, attempt, payout.status);
}

/** What the API said of the attempt, and that it was read. */
async function noteStatus(
  trx: StoreTransaction,
  { external_order_id: externalOrderId }: AttemptRow,
  status: ProviderPayoutStatus,
): Promise<void> {
  await trx
    .updateTable('provider_payouts')
    .set({ status, missing_since: null, read_at: sql<Date>`clock_timestamp()` })
    .where('external_order_id', '=', externalOrderId)
    .execute();
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
): Promise<SettlementOutcome> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const attempt = await findAttempt(trx, payoutId, reading.providerPayoutId);
    if (await isReturnPending(trx, attempt)) await bookReturned(trx, row, attempt, reading);
    return describe(trx, payoutId, await findAttempt(trx, payoutId, reading.providerPayoutId));
  });
}

/** That the attempt failed was never said in words that the engine knows: its money says it. False where it took none. */
export async function bookUnannouncedReturn(
  trx: StoreTransaction,
  row: PayoutRow,
  reading: ReturnReading,
): Promise<boolean> {
  const attempt = await findAttempt(trx, row.payout_id, reading.providerPayoutId);
  if (attempt.returned_at !== null || !(await isDebitBooked(trx, attempt))) return false;
  await lockLedger(trx);
  await bookFailure(trx, toProviderDebit(attempt));
  await bookReturned(trx, row, attempt, reading);
  await noteStatus(trx, attempt, PROVIDER_PAYOUT_STATUS.FAILED);
  return true;
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
  await trx
    .updateTable('provider_payouts')
    .set({ returned_amount: net, returned_at: sql<Date>`clock_timestamp()` })
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  await addTimelineEntry(trx, payoutId, row.status, `${net} ${currency} came back from QbitPay`);
  if (isFinalStatus(row.status)) await releaseFunds(trx, payoutId);
}
