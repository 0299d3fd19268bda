import { sql, type Selectable } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../domain/failure-type.js';
import { ENTRY_CAUSE } from '../domain/ledger.js';
import { compareAmounts } from '../domain/money.js';
import { AMOUNT_MODE } from '../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import { expectedTaking } from '../domain/quote.js';
import {
  bookAdjustment,
  bookFailure,
  bookPayout,
  bookReturn,
  releaseFunds,
  type Taking,
} from './bookings.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { settleFence } from './fences.js';
import { isBooked, lockLedger } from './ledger.js';
import { toFeeTerms } from './payout-reading.js';
import {
  addFlag,
  addTimelineEntry,
  lockExistingPayout,
  transitionPayout,
  type PayoutRow,
} from './payouts.js';
import type { ProviderPayoutRecord } from './records.js';
import { findWaitingForBalance } from './reservations.js';
import { FENCE_OPERATION, FENCE_STATE, type BookSchema } from './schema.js';

/** Payouts at the provider: what it took, how it ended, and what came back. */

type AttemptRow = Selectable<BookSchema['provider_payouts']>;

/** Writes the accepted payout, books what it took, and moves on to `in_transit`: all or nothing. */
export async function recordProviderPayout(
  db: BookDatabase,
  payoutId: string,
  sends: number,
  payout: ProviderPayoutRecord & { readonly currency: string },
): Promise<PayoutStatus> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const id = { operation: FENCE_OPERATION.PAYOUT, externalOrderId: payout.externalOrderId };
    await settleFence(trx, id, sends, FENCE_STATE.ACCEPTED);
    const inserted = await insertAttempt(trx, payoutId, payout);
    if (inserted !== undefined) await bookAccepted(trx, row, inserted, payout);
    const detail = `accepted by QbitPay as ${payout.providerPayoutId}`;
    const status = await transitionPayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, { detail });
    // Somebody gave up waiting for this answer: whoever decides now has to know of it.
    if (status !== PAYOUT_STATUS.IN_TRANSIT) await addTimelineEntry(trx, payoutId, status, `${detail}, late`);
    return status;
  });
}

async function insertAttempt(
  trx: BookTransaction,
  payoutId: string,
  payout: ProviderPayoutRecord & { readonly currency: string },
): Promise<AttemptRow | undefined> {
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
    .onConflict((conflict) => conflict.column('external_order_id').doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** First what was expected to be taken, then, as an entry of its own, what is different about what was taken. */
async function bookAccepted(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee'>,
): Promise<void> {
  const terms = toFeeTerms(row);
  if (terms === null) throw new Error('the payout was never opened');
  const expected = expectedTaking(attempt.post_amount, attempt.currency, terms);
  await bookPayout(trx, { ...toTaking(attempt), ...expected });
  await adjust(trx, row, { ...attempt, booked_amount: expected.amount, booked_fee: expected.fee }, answer);
}

/** Books what the provider says was taken where it is not what was booked, and marks the payout. */
async function adjust(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee'>,
): Promise<void> {
  const before = toTaking(attempt);
  const after = { ...before, amount: answer.recipientAmount, fee: answer.fee };
  const isFeeDifferent = compareAmounts(after.fee, before.fee) !== 0;
  const isAmountDifferent = compareAmounts(after.amount, before.amount) !== 0;
  const isDifferent = isFeeDifferent || isAmountDifferent;
  const adjustments = attempt.adjustments + (isDifferent ? 1 : 0);
  if (isDifferent) await bookAdjustment(trx, before, after, adjustments);
  await trx
    .updateTable('provider_payouts')
    .set({
      recipient_amount: after.amount,
      fee: after.fee,
      booked_amount: after.amount,
      booked_fee: after.fee,
      adjustments,
    })
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  if (isFeeDifferent) {
    const detail = `QbitPay took a fee of ${after.fee} ${before.currency}, expected were ${before.fee}`;
    await addFlag(trx, row, FAILURE_TYPE.FEE_DIFFERS, detail);
  }
  const due = row.amount_mode === AMOUNT_MODE.RECEIVE ? row.amount : before.amount;
  if (isAmountDifferent && compareAmounts(after.amount, due) < 0) {
    const detail = `the recipient gets ${after.amount} ${before.currency}, ${due} are due`;
    await addFlag(trx, row, FAILURE_TYPE.AMOUNT_SHORT, detail);
  }
}

function toTaking(attempt: AttemptRow): Taking {
  return {
    externalOrderId: attempt.external_order_id,
    payoutId: attempt.payout_id,
    currency: attempt.currency,
    amount: attempt.booked_amount,
    fee: attempt.booked_fee,
  };
}

export interface SettlementReading {
  readonly providerPayoutId: string;
  readonly recipientAmount: string;
  readonly fee: string;
  /** The provider's word. */
  readonly providerStatus: string;
  /** What it means for the payout; null while it is not settled. */
  readonly outcome: {
    readonly status: PayoutStatus;
    readonly detail: string;
    readonly failure?: { readonly type: FailureType; readonly message: string };
  } | null;
}

export interface SettlementOutcome {
  /** What the book then says. */
  readonly status: PayoutStatus;
  /** The attempt failed or was cancelled, and its money is not back yet. */
  readonly isReturning: boolean;
  /** Payouts that wait for the free balance, which may have got what this one had left. */
  readonly wake: readonly string[];
}

/** Writes what the provider's API said of an accepted payout, and ends the payout when that is an end. */
export async function recordSettlement(
  db: BookDatabase,
  payoutId: string,
  reading: SettlementReading,
): Promise<SettlementOutcome> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const attempt = await findAttempt(trx, payoutId, reading.providerPayoutId);
    // Of two readings at once the older one may come last: it must not take back what ended the payout.
    if (isFinalStatus(row.status)) return describe(trx, payoutId, attempt);
    // What a failed payout shows as its amount and fee was not taken from anybody: its balance transactions say that.
    const isGivenBack = GIVEN_BACK_WORDS.includes(reading.providerStatus);
    if (!isGivenBack) await adjust(trx, row, attempt, reading);
    if (reading.outcome !== null) {
      const status = await transitionPayout(trx, row, reading.outcome.status, reading.outcome);
      if (status !== row.status) await bookEnd(trx, { ...row, status }, attempt);
    }
    await trx
      .updateTable('provider_payouts')
      .set({ status: reading.providerStatus, read_at: sql<Date>`clock_timestamp()` })
      .where('external_order_id', '=', attempt.external_order_id)
      .execute();
    return describe(trx, payoutId, attempt);
  });
}

async function findAttempt(
  trx: BookTransaction,
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

/** The provider's words for a payout whose money it gives back. */
const GIVEN_BACK_WORDS = ['failed', 'cancelled'];

/** Paid: what is left is free. Failed or cancelled: what was taken is on its way back, and nothing is free yet. */
async function bookEnd(trx: BookTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  if (row.status === PAYOUT_STATUS.PAID) await releaseFunds(trx, row.payout_id);
  else await bookFailure(trx, toTaking(attempt));
}

async function describe(
  trx: BookTransaction,
  payoutId: string,
  attempt: AttemptRow,
): Promise<SettlementOutcome> {
  const { status, currency, funding_currency: fundingCurrency } = await lockExistingPayout(trx, payoutId);
  const isReturning =
    attempt.returned_at === null &&
    (await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE, attempt.external_order_id));
  return { status, isReturning, wake: await findWaitingForBalance(trx, [currency, fundingCurrency]) };
}

export interface ReturnReading {
  readonly providerPayoutId: string;
  readonly balanceTransactionId: string;
  /** What it did to the balance. */
  readonly net: string;
}

/** The money of a failed attempt is there again: it is booked, once, and what the payout then has becomes free. */
export async function recordReturn(
  db: BookDatabase,
  payoutId: string,
  reading: ReturnReading,
): Promise<SettlementOutcome> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const attempt = await findAttempt(trx, payoutId, reading.providerPayoutId);
    const { isReturning } = await describe(trx, payoutId, attempt);
    if (isReturning) await bookReturned(trx, row, attempt, reading);
    return describe(trx, payoutId, await findAttempt(trx, payoutId, reading.providerPayoutId));
  });
}

async function bookReturned(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  { balanceTransactionId, net }: ReturnReading,
): Promise<void> {
  await lockLedger(trx);
  const { currency, payout_id: payoutId } = attempt;
  await bookReturn(trx, { balanceTransactionId, payoutId, currency, expected: attempt.booked_amount, net });
  await trx
    .updateTable('provider_payouts')
    .set({ returned: net, returned_at: sql<Date>`clock_timestamp()` })
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  await addTimelineEntry(trx, payoutId, row.status, `${net} ${currency} came back from QbitPay`);
  if (isFinalStatus(row.status)) await releaseFunds(trx, payoutId);
}
