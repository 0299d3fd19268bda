import { sql, type Selectable } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../domain/failure-type.js';
import { ENTRY_CAUSE } from '../domain/ledger.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../domain/money.js';
import { AMOUNT_MODE } from '../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import { RETURNED_STATUSES } from '../domain/provider-objects.js';
import { expectedTaking } from '../domain/quote.js';
import { reportSecond } from './attempts.js';
import {
  bookAdjustment,
  bookFailure,
  bookPayout,
  bookReturn,
  releaseFunds,
  type Taking,
} from './bookings.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { isCurrentFence, settleFence } from './fences.js';
import { balanceOf, isBooked, lockLedger, PROVIDER_ACCOUNT } from './ledger.js';
import { toFeeTerms } from './payout-reading.js';
import {
  type PayoutRow,
  addFlag,
  addTimelineEntry,
  changeHeldFrom,
  changeHold,
  holdFor,
  lockExistingPayout,
  transitionPayout,
  type TransitionDetail,
} from './payouts.js';
import type { ProviderPayoutRecord } from './records.js';
import { findWaitingForBalance } from './reservations.js';
import { FENCE_OPERATION, FENCE_STATE, type BookSchema } from './schema.js';

/** Payouts at the provider: what it took, how it ended, and what came back. */

type AttemptRow = Selectable<BookSchema['provider_payouts']>;

/** What QbitPay has under an `externalOrderId`, and what about it needs a person. */
export interface AcceptedRecord {
  readonly payout: ProviderPayoutRecord & { readonly currency: string };
  /** Which sending it answers. */
  readonly sends: number;
  readonly finding?: { readonly reason: FailureType; readonly detail: string } | undefined;
}

/** Writes the accepted payout, books what it took, and moves on to `in_transit`: all or nothing. */
export async function recordProviderPayout(
  db: BookDatabase,
  payoutId: string,
  accepted: AcceptedRecord,
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
  trx: BookTransaction,
  row: PayoutRow,
  { payout, sends, finding }: AcceptedRecord,
  transition: TransitionDetail,
): Promise<PayoutStatus> {
  const { payout_id: payoutId } = row;
  const id = { operation: FENCE_OPERATION.PAYOUT, externalOrderId: payout.externalOrderId };
  await settleFence(trx, id, sends, FENCE_STATE.ACCEPTED);
  const known = await findByExternalId(trx, payout.externalOrderId);
  if (known !== undefined) return acceptAgain(trx, row, known, payout);
  const attempt = await insertAttempt(trx, payoutId, payout);
  const isBooked = await bookAccepted(trx, row, attempt, payout);
  if (isFinalStatus(row.status)) {
    await addFlag(trx, row, FAILURE_TYPE.SURPLUS_ACCEPTANCE, `${transition.detail}, after the end`);
    return row.status;
  }
  const status = await transitionPayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, transition);
  if (status !== PAYOUT_STATUS.IN_TRANSIT) {
    // Held meanwhile: whoever decides has to know of it, and what it goes on with.
    await addTimelineEntry(trx, payoutId, status, `${transition.detail}, late`);
    await changeHeldFrom(trx, payoutId, PAYOUT_STATUS.IN_TRANSIT);
  }
  const hold = finding ?? (isBooked ? undefined : beyondLedger(payout));
  if (hold === undefined) return status;
  const { reason: holdReason, detail } = hold;
  return holdFor(trx, await lockExistingPayout(trx, payoutId), { holdReason, detail });
}

/** Another object under the same `externalOrderId` is one payout too many. */
async function acceptAgain(
  trx: BookTransaction,
  row: PayoutRow,
  known: AttemptRow,
  { providerPayoutId }: ProviderPayoutRecord,
): Promise<PayoutStatus> {
  if (known.provider_payout_id === providerPayoutId) return row.status;
  await reportSecond(trx, row, `payout ${providerPayoutId} beside ${known.provider_payout_id}`);
  return (await lockExistingPayout(trx, row.payout_id)).status;
}

/** The payout that a person says is the one; `accepted` is what QbitPay says of it. */
export async function replaceAttempt(
  trx: BookTransaction,
  row: PayoutRow,
  { payout }: AcceptedRecord,
): Promise<boolean> {
  const known = await findByExternalId(trx, payout.externalOrderId);
  if (known === undefined) return false;
  await trx
    .updateTable('provider_payouts')
    .set({ provider_payout_id: payout.providerPayoutId, status: payout.status })
    .where('external_order_id', '=', payout.externalOrderId)
    .execute();
  await bookTaking(trx, row, known, payout);
  return true;
}

function beyondLedger({ providerPayoutId, currency }: ProviderPayoutRecord & { readonly currency: string }) {
  return {
    reason: FAILURE_TYPE.TAKEN_BEYOND_LEDGER,
    detail: `payout ${providerPayoutId} took more ${currency} than the ledger knows of`,
  };
}

async function findByExternalId(
  trx: BookTransaction,
  externalOrderId: string,
): Promise<AttemptRow | undefined> {
  return trx
    .selectFrom('provider_payouts')
    .selectAll()
    .where('external_order_id', '=', externalOrderId)
    .executeTakeFirst();
}

async function insertAttempt(
  trx: BookTransaction,
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

/**
 * First what was expected to be taken, then, as an entry of its own, what is different about what was taken. False
 * when the ledger does not know of as much money: nothing is booked then, and a later reading books it.
 */
async function bookAccepted(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee'>,
): Promise<boolean> {
  const terms = toFeeTerms(row);
  if (terms === null) throw new Error('the payout was never opened');
  const expected = expectedTaking(attempt.post_amount, attempt.currency, terms);
  const taken = addAmounts(answer.recipientAmount, answer.fee);
  const booked = addAmounts(expected.amount, expected.fee);
  const most = compareAmounts(taken, booked) > 0 ? taken : booked;
  if (!(await isCovered(trx, attempt.currency, most))) return false;
  await bookPayout(trx, { ...toTaking(attempt), ...expected });
  return adjust(trx, row, { ...attempt, booked_amount: expected.amount, booked_fee: expected.fee }, answer);
}

/** What a reading says was taken; what was not booked when it was accepted is booked now, once it is covered. */
async function bookTaking(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee'>,
): Promise<boolean> {
  return (await isTakingBooked(trx, attempt))
    ? adjust(trx, row, attempt, answer)
    : bookAccepted(trx, row, attempt, answer);
}

function isTakingBooked(trx: BookTransaction, attempt: AttemptRow): Promise<boolean> {
  return isBooked(trx, ENTRY_CAUSE.PAYOUT, attempt.external_order_id);
}

/** True when the ledger knows of as much money in the account at QbitPay. */
async function isCovered(trx: BookTransaction, currency: string, amount: string): Promise<boolean> {
  await lockLedger(trx);
  return compareAmounts(amount, await balanceOf(trx, PROVIDER_ACCOUNT, currency)) <= 0;
}

/**
 * Books what the provider says was taken where it is not what was booked, and marks the payout. False when the
 * ledger does not know of as much money.
 */
async function adjust(
  trx: BookTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee'>,
): Promise<boolean> {
  const before = toTaking(attempt);
  const after = { ...before, amount: answer.recipientAmount, fee: answer.fee };
  const isFeeDifferent = compareAmounts(after.fee, before.fee) !== 0;
  const isAmountDifferent = compareAmounts(after.amount, before.amount) !== 0;
  const isDifferent = isFeeDifferent || isAmountDifferent;
  const more = subtractAmounts(addAmounts(after.amount, after.fee), addAmounts(before.amount, before.fee));
  if (isDifferent && !(await isCovered(trx, before.currency, more))) return false;
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
  return true;
}

function toRecord(attempt: AttemptRow): ProviderPayoutRecord & { readonly currency: string } {
  return {
    externalOrderId: attempt.external_order_id,
    providerPayoutId: attempt.provider_payout_id,
    currency: attempt.currency,
    postAmount: attempt.post_amount,
    recipientAmount: attempt.recipient_amount,
    fee: attempt.fee,
    status: attempt.status,
  };
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
    readonly holdReason?: FailureType;
    readonly failure?: { readonly type: FailureType; readonly message: string };
  } | null;
}

export interface SettlementOutcome {
  /** What the book then says. */
  readonly status: PayoutStatus;
  readonly holdReason: FailureType | null;
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
    if (isOver(row, attempt) || isDisputed(row)) return describe(trx, payoutId, attempt);
    // What a failed payout shows as its amount and fee was not taken from anybody: its balance transactions say that.
    const isGivenBack = RETURNED_STATUSES.includes(reading.providerStatus);
    if (!isGivenBack && !(await bookTaking(trx, row, attempt, reading))) {
      const { reason: holdReason, detail } = beyondLedger(toRecord(attempt));
      // What it is held for already comes first; resumed, it is read again.
      await transitionPayout(trx, row, PAYOUT_STATUS.HELD, { holdReason, detail });
      return describe(trx, payoutId, attempt);
    }
    if (reading.outcome !== null) await applyOutcome(trx, row, attempt, reading.outcome, isGivenBack);
    await trx
      .updateTable('provider_payouts')
      .set({ status: reading.providerStatus, read_at: sql<Date>`clock_timestamp()` })
      .where('external_order_id', '=', attempt.external_order_id)
      .execute();
    return describe(trx, payoutId, attempt);
  });
}

/**
 * Of two readings at once the older one may come last: it must not take back what ended the payout, or an attempt
 * whose money is on its way back, nor say anything about the attempt after it.
 */
function isOver(row: PayoutRow, attempt: AttemptRow): boolean {
  const id = { operation: FENCE_OPERATION.PAYOUT, externalOrderId: attempt.external_order_id };
  const isFailed = row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED;
  return isFinalStatus(row.status) || isFailed || !isCurrentFence(row, id);
}

/** Of two payouts at QbitPay a person says which one it is: until then the end of either says nothing. */
function isDisputed({ hold_reason: holdReason }: PayoutRow): boolean {
  return holdReason === FAILURE_TYPE.DUPLICATE_AT_PROVIDER;
}

async function applyOutcome(
  trx: BookTransaction,
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

/** Paid: what is left is free. Failed or cancelled: what was taken is on its way back, and nothing is free yet. */
async function bookEnd(trx: BookTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  if (row.status === PAYOUT_STATUS.PAID) await releaseFunds(trx, row.payout_id);
  else if (await isTakingBooked(trx, attempt)) await bookFailure(trx, toTaking(attempt));
  else await endUntaken(trx, row, attempt);
}

/** What the ledger never saw leave does not come back to it: all that the payout has is there. */
async function endUntaken(trx: BookTransaction, row: PayoutRow, attempt: AttemptRow): Promise<void> {
  await trx
    .updateTable('provider_payouts')
    .set({ returned: '0', returned_at: sql<Date>`clock_timestamp()` })
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  if (isFinalStatus(row.status)) await releaseFunds(trx, row.payout_id);
}

async function describe(
  trx: BookTransaction,
  payoutId: string,
  attempt: AttemptRow,
): Promise<SettlementOutcome> {
  const row = await lockExistingPayout(trx, payoutId);
  const { status, currency, funding_currency: fundingCurrency, hold_reason: holdReason } = row;
  const isReturning =
    attempt.returned_at === null &&
    (await isBooked(trx, ENTRY_CAUSE.PAYOUT_FAILURE, attempt.external_order_id));
  return {
    status,
    holdReason,
    isReturning,
    wake: await findWaitingForBalance(trx, [currency, fundingCurrency]),
  };
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
