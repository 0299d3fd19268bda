import { FAILURE_TYPE, FAILURES } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, leastAmount, subtractAmounts } from '../../domain/money.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import {
  isFailedOrCancelled,
  PROVIDER_PAYOUT_STATUS,
  type ProviderPayoutStatus,
} from '../../domain/provider-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookFailure, bookFailureReversed, bookReturn } from '../ledger/bookings.js';
import { isBooked, isCovered, lockLedger, type EntryDraft } from '../ledger/journal.js';
import { book, fundsAccount, RETURN_PENDING, type Movements } from '../ledger/movements.js';
import { rivalWords } from '../mirror/absence.js';
import { readStatus } from '../mirror/unread-objects.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { DONE, refuse, type Outcome } from '../outcome.js';
import { addTimelineEntry, lockExistingPayout, transitionPayout } from '../payouts/payout-transitions.js';
import { freeFunds } from '../payouts/reservations.js';
import { REQUEST_OPERATION, type PayoutRow } from '../schema.js';
import {
  selectAttempt,
  isDebitBooked,
  isReturnPending,
  toProviderDebit,
  updateAttempt,
  type AttemptRow,
} from './provider-payouts.js';
import { currentRequest, isCurrentRequest } from './request-kind.js';

/** What an attempt took and QbitPay gave back: on its way, there in parts, written off, or taken again. */

export function requestOf({ external_order_id: externalOrderId }: AttemptRow) {
  return { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
}

/**
 * What was booked as given back, or on its way, is the recipient's: it is taken out of what the payout has.
 * Refused where the ledger does not know of as much money.
 */
export async function reverseFailure(trx: StoreTransaction, attempt: AttemptRow): Promise<Outcome> {
  const { payout_id: payoutId, currency, booked_amount: amount, return_pending: pending } = attempt;
  const returned = returnedSince(attempt);
  if (!(await isCovered(trx, currency, returned))) {
    return refuse(`payout ${attempt.provider_payout_id} took more ${currency} than the ledger knows of`);
  }
  const ofAmount = leastAmount(returned, amount);
  await bookFailureReversed(trx, {
    ...{ causeId: failureCauseId(attempt), payoutId, currency, pending },
    returned: ofAmount,
    returnedFee: subtractAmounts(returned, ofAmount),
  });
  const retaken = addAmounts(attempt.retaken_amount, returned);
  await updateAttempt(trx, attempt, { return_pending: '0', retaken_amount: retaken });
  return DONE;
}

/** What came back of the attempt since it failed last. */
function returnedSince({ returned_amount: returned, retaken_amount: retaken }: AttemptRow): string {
  return subtractAmounts(returned ?? '0', retaken);
}

function failureCauseId({ external_order_id: externalOrderId, failures }: AttemptRow): string {
  return `${externalOrderId}#${failures}`;
}

export function isFailureBooked(attempt: AttemptRow): boolean {
  return isReturnPending(attempt) || compareAmounts(returnedSince(attempt), '0') > 0;
}

export interface ReturnReading {
  readonly providerPayoutId: string;
  readonly balanceTransactionId: string;
  readonly currency: string;
  /** What it did to the balance. */
  readonly net: string;
}

/**
 * Money of a failed attempt is there again: it is booked, once. Of a payout that was paid it says by itself that the bank
 * sent it back. When all is back, what the payout then has is freed. More than was taken does not come back: what is beyond
 * that is left to the reconciliation, as is money in another currency.
 */
export async function recordReturn(
  db: StoreDatabase,
  payoutId: string,
  reading: ReturnReading,
): Promise<void> {
  await aboutAttempt(db, payoutId, reading.providerPayoutId, async (trx, row, attempt) => {
    if (!isInItsCurrency(attempt, reading)) return;
    if (await isBooked(trx, ENTRY_CAUSE.RETURN, reading.balanceTransactionId)) return;
    const isPaid = row.status === PAYOUT_STATUS.PAID && isCurrentRequest(row, requestOf(attempt));
    if (isPaid && !isFailureBooked(attempt)) await bookFailed(trx, attempt);
    await takeReturn(trx, row, attempt, reading);
  });
}

/** Of an attempt that goes on, as far as is known, QbitPay's word comes first. */
async function takeReturn(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  reading: ReturnReading,
): Promise<void> {
  const ids = { external_order_id: attempt.external_order_id };
  const current = await selectAttempt(trx, ids).executeTakeFirstOrThrow();
  if (isFailureBooked(current)) await bookReturned(trx, row, current, reading);
}

/**
 * The payout goes on with another attempt than this one, whose end nobody has posted while both were disputed: what it took
 * is on its way back, or is back. Refused where it may have been carried out.
 */
export async function leaveAttempt(
  trx: StoreTransaction,
  row: PayoutRow,
  returns: readonly ReturnReading[],
): Promise<Outcome> {
  const id = currentRequest(row, REQUEST_OPERATION.PAYOUT);
  const attempt = await selectAttempt(trx, { external_order_id: id.externalOrderId }).executeTakeFirst();
  if (attempt === undefined) return DONE;
  const shown = await readStatus(trx, attempt.provider_payout_id);
  if (shown == null || !isFailedOrCancelled(shown)) {
    return refuse(rivalWords(attempt.provider_payout_id, shown ?? 'not shown'));
  }
  await lockLedger(trx, [row.currency, row.funding_currency]);
  if (!isFailedOrCancelled(attempt.status)) {
    await bookGivenUp(trx, row, attempt);
    await noteStatus(trx, attempt, shown);
  }
  for (const reading of returns) {
    const isBookedBefore = await isBooked(trx, ENTRY_CAUSE.RETURN, reading.balanceTransactionId);
    if (!isBookedBefore && isInItsCurrency(attempt, reading)) await takeReturn(trx, row, attempt, reading);
  }
  return DONE;
}

function isInItsCurrency({ currency }: AttemptRow, reading: ReturnReading): boolean {
  return reading.currency === currency;
}

/** Does the work with the payout locked. */
export async function aboutAttempt(
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

/** What was taken is on its way back. What the ledger never saw leave does not come back to it. */
export async function bookGivenUp(trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  if (await isDebitBooked(trx, attempt)) return bookFailed(trx, attempt);
  await updateAttempt(trx, attempt, { returned_amount: '0', returned_at: NOW });
  if (isFinalStatus(row.status)) await freeFunds(trx, row);
}

export async function bookFailed(trx: StoreTransaction, attempt: AttemptRow): Promise<void> {
  const failures = attempt.failures + 1;
  await bookFailure(trx, toProviderDebit(attempt), failureCauseId({ ...attempt, failures }));
  const returned = attempt.returned_amount ?? '0';
  await updateAttempt(trx, attempt, {
    ...{ failures, return_pending: attempt.booked_amount },
    // That nothing was to come back is true no more.
    returned_amount: compareAmounts(returned, '0') === 0 ? null : returned,
  });
}

/** What the API said of the attempt, and that it was read. */
export function noteStatus(
  trx: StoreTransaction,
  attempt: AttemptRow,
  status: ProviderPayoutStatus,
): Promise<void> {
  return updateAttempt(trx, attempt, { status, read_at: NOW });
}

/** That the attempt failed was never said in words that the engine knows: its money says it, once all of it is back. */
export async function bookUnannouncedReturns(
  trx: StoreTransaction,
  row: PayoutRow,
  readings: readonly ReturnReading[],
): Promise<Outcome> {
  const ids = { payout_id: row.payout_id, provider_payout_id: readings[0]?.providerPayoutId ?? '' };
  const find = () => selectAttempt(trx, ids).executeTakeFirstOrThrow();
  const attempt = await find();
  if (attempt.returned_at !== null || !(await isDebitBooked(trx, attempt))) {
    return refuse('its money is not booked as taken');
  }
  await lockLedger(trx, [row.currency, row.funding_currency]);
  await bookFailed(trx, attempt);
  for (const reading of readings.filter((one) => isInItsCurrency(attempt, one)))
    await bookReturned(trx, row, await find(), reading);
  await noteStatus(trx, attempt, PROVIDER_PAYOUT_STATUS.FAILED);
  const { return_pending: pending, currency } = await find();
  return compareAmounts(pending, '0') === 0 ? DONE : refuse(`${pending} ${currency} of it are not back yet`);
}

/** Of what was taken, the recipient's amount comes first, and what is beyond it is the fee. */
async function bookReturned(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  reading: ReturnReading,
): Promise<void> {
  const { currency, payout_id: payoutId, return_pending: pending } = attempt;
  // All that is freed in the end.
  await lockLedger(trx, [currency, row.currency, row.funding_currency]);
  const taken = addAmounts(attempt.booked_amount, attempt.booked_fee);
  const net = leastAmount(reading.net, subtractAmounts(taken, returnedSince(attempt)));
  if (compareAmounts(net, '0') <= 0) return;
  const { balanceTransactionId } = reading;
  const amount = leastAmount(net, pending);
  const fee = subtractAmounts(net, amount);
  await bookReturn(trx, { balanceTransactionId, payoutId, currency, amount, fee });
  const rest = subtractAmounts(pending, amount);
  const returned = addAmounts(attempt.returned_amount ?? '0', net);
  await updateAttempt(trx, attempt, { return_pending: rest, returned_amount: returned, returned_at: NOW });
  const isAll = !isReturnPending({ return_pending: rest });
  const missing = isAll ? '' : `; ${rest} ${currency} are still to come`;
  await addTimelineEntry(trx, payoutId, row.status, `${net} ${currency} came back from QbitPay${missing}`);
  if (isAll) await endReturned(trx, row, attempt);
}

/** Nothing is awaited any more: one that was paid by this attempt is returned, and what an ended one has is freed. */
async function endReturned(trx: StoreTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  const type = FAILURE_TYPE.PAYOUT_RETURNED;
  if (isCurrentRequest(row, requestOf(attempt))) {
    await transitionPayout(trx, row, PAYOUT_STATUS.RETURNED, {
      detail: 'the bank sent it back',
      failure: { type, message: FAILURES[type].meaning },
    });
  }
  if (isFinalStatus(row.status)) await freeFunds(trx, row);
}

/** By a person's word the rest of what an attempt took does not come back: the payout bears that, and nothing is awaited. */
export async function writeOffReturn(
  trx: StoreTransaction,
  draft: EntryDraft & { readonly payoutId: string },
  {
    currency,
    amount,
    reason,
  }: { readonly currency: string; readonly amount: string; readonly reason: string },
): Promise<Outcome> {
  const { payoutId } = draft;
  const attempts = await selectAttempt(trx, { payout_id: payoutId })
    .where('return_pending', '>', '0')
    .execute();
  const attempt = attempts.find((one) => one.currency === currency);
  if (attempt === undefined) return refuse(`nothing is on its way back of payout ${payoutId} in ${currency}`);
  const { return_pending: pending } = attempt;
  if (compareAmounts(amount, pending) > 0) return refuse(`on its way back are ${pending} ${currency}`);
  const row = await lockExistingPayout(trx, payoutId);
  const write = (entry: Movements): void =>
    entry.move(fundsAccount(payoutId), RETURN_PENDING, { currency, amount });
  await book(trx, { ...draft, write });
  const rest = subtractAmounts(pending, amount);
  const isAll = !isReturnPending({ return_pending: rest });
  // Then what has come back is all that was to come.
  const returned = attempt.returned_amount ?? (isAll ? '0' : null);
  await updateAttempt(trx, attempt, { return_pending: rest, returned_amount: returned, returned_at: NOW });
  const detail = `${amount} ${currency} written off by ${draft.actor ?? ''}: ${reason}`;
  await addTimelineEntry(trx, payoutId, row.status, detail);
  await hintPayouts(trx, [payoutId], 'payoutEvent');
  if (isAll) await endReturned(trx, row, attempt);
  return DONE;
}
