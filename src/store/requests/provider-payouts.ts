import type { Selectable, UpdateObject } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, isSameInCurrency, subtractAmounts } from '../../domain/money.js';
import { AMOUNT_MODE } from '../../domain/payout-request.js';
import { isFailedOrCancelled } from '../../domain/provider-status.js';
import { expectedDebit } from '../../domain/quote.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { bookAdjustment, bookPayout, type ProviderDebit } from '../ledger/bookings.js';
import { isBooked, isCovered } from '../ledger/journal.js';
import { checkAnswer } from './answer-checks.js';
import { DONE, refuse, type Outcome, type Refusal } from '../outcome.js';
import { toFeeTerms, type ProviderPayoutRecord } from '../payouts/payout-reading.js';
import { addFlag } from '../payouts/payout-transitions.js';
import { REQUEST_OPERATION, type StoreSchema, type PayoutRow } from '../schema.js';
import { OBJECT_END, type ObjectEnd, type ProviderObject } from './request-kind.js';

/**
 * Payouts at QbitPay and what it took for them. What was expected is booked when a payout is accepted; what is different
 * about it is an entry of its own.
 */

export type AttemptRow = Selectable<StoreSchema['provider_payouts']>;

export function toPayoutObject(payout: ProviderPayoutRecord): ProviderObject {
  const { externalOrderId, providerPayoutId } = payout;
  return {
    operation: REQUEST_OPERATION.PAYOUT,
    externalOrderId,
    providerId: providerPayoutId,
    isVoid: isFailedOrCancelled(payout.status),
    record: async (trx, row) => {
      const known = await selectAttempt(trx, { external_order_id: externalOrderId }).executeTakeFirst();
      if (known === undefined) return bookAccepted(trx, row, await insertAttempt(trx, row, payout), payout);
      const { status } = payout;
      await updateAttempt(trx, known, { provider_payout_id: providerPayoutId, status });
      return bookDebit(trx, row, known, payout);
    },
    isDecided: () => Promise.resolve(false),
  };
}

/** A payout is over once QbitPay has given it up and its money is back. */
export async function readPayoutEnd(trx: StoreTransaction, externalOrderId: string): Promise<ObjectEnd> {
  const attempt = await selectAttempt(trx, { external_order_id: externalOrderId }).executeTakeFirst();
  if (attempt === undefined || !isFailedOrCancelled(attempt.status)) return OBJECT_END.OPEN;
  const isBack = attempt.returned_at !== null && !isReturnPending(attempt);
  return isBack ? OBJECT_END.GIVEN_UP : OBJECT_END.RETURN_PENDING;
}

/** It is booked that the attempt failed or was cancelled, and not all of its money is back. */
export function isReturnPending({ return_pending: pending }: Pick<AttemptRow, 'return_pending'>): boolean {
  return compareAmounts(pending, '0') > 0;
}

export function selectAttempt(
  trx: StoreTransaction,
  by: Partial<Pick<AttemptRow, 'external_order_id' | 'payout_id' | 'provider_payout_id'>>,
) {
  return trx
    .selectFrom('provider_payouts')
    .selectAll()
    .where((eb) => eb.and(by));
}

/** What QbitPay accepted of a payout's attempts, oldest first. */
export async function listAccepted(db: StoreDatabase, payoutId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('provider_payouts')
    .select('provider_payout_id')
    .where('payout_id', '=', payoutId)
    .orderBy('recorded_at')
    .execute();
  return rows.map((row) => row.provider_payout_id);
}

export async function updateAttempt(
  trx: StoreTransaction,
  { external_order_id: externalOrderId }: AttemptRow,
  changes: UpdateObject<StoreSchema, 'provider_payouts'>,
): Promise<void> {
  await trx
    .updateTable('provider_payouts')
    .set(changes)
    .where('external_order_id', '=', externalOrderId)
    .execute();
}

async function insertAttempt(
  trx: StoreTransaction,
  { payout_id: payoutId }: PayoutRow,
  payout: ProviderPayoutRecord,
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

/** What QbitPay says of a payout, as far as it says what was taken. */
type DebitAnswer = Pick<ProviderPayoutRecord, 'currency' | 'recipientAmount' | 'fee' | 'status'>;

/**
 * Books first what was expected to be taken, then, as an entry of its own, what is different about what was taken. Refused
 * when the ledger does not know of as much money: nothing is booked then, and a later reading books it. What a failed
 * payout shows as its amount and fee was not taken from anybody: its balance transactions say what was.
 */
async function bookAccepted(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer,
): Promise<Outcome> {
  const terms = toFeeTerms(row);
  const isGivenUp = isFailedOrCancelled(answer.status);
  // Of one that was never opened, and that QbitPay carries out all the same, nothing else was expected.
  const expected =
    terms === null
      ? { amount: answer.recipientAmount, fee: answer.fee }
      : expectedDebit(attempt.post_amount, attempt.currency, terms);
  const booked = addAmounts(expected.amount, expected.fee);
  const taken = isGivenUp ? booked : addAmounts(answer.recipientAmount, answer.fee);
  const most = compareAmounts(taken, booked) > 0 ? taken : booked;
  if (!isGivenUp) {
    await checkAnswer(trx, row, attempt, expected, { amount: answer.recipientAmount, fee: answer.fee });
  }
  if (!(await isCovered(trx, attempt.currency, most))) return refuseDebit(attempt);
  await bookPayout(trx, { ...toProviderDebit(attempt), ...expected });
  const columns = { booked_amount: expected.amount, booked_fee: expected.fee };
  const shown = { recipient_amount: answer.recipientAmount, fee: answer.fee };
  await updateAttempt(trx, attempt, isGivenUp ? columns : { ...columns, ...shown });
  return isGivenUp ? DONE : adjust(trx, row, { ...attempt, ...columns }, answer);
}

function refuseDebit({ provider_payout_id: providerId, currency }: AttemptRow): Refusal {
  return refuse(`payout ${providerId} took more ${currency} than the ledger knows of`);
}

/**
 * Books what a reading says was taken; what was not booked when it was accepted is booked now, once it is covered.
 * Amounts in another currency than it was accepted in say nothing, nor do those of what was given up.
 */
export async function bookDebit(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer,
): Promise<Outcome> {
  if (isFailedOrCancelled(answer.status) || answer.currency !== attempt.currency) return DONE;
  return (await isDebitBooked(trx, attempt))
    ? adjust(trx, row, attempt, answer)
    : bookAccepted(trx, row, attempt, answer);
}

export function isDebitBooked(trx: StoreTransaction, attempt: AttemptRow): Promise<boolean> {
  return isBooked(trx, ENTRY_CAUSE.PAYOUT, attempt.external_order_id);
}

/**
 * Books what QbitPay says was taken where it is not what was booked, and flags the payout. Refused when the ledger
 * does not know of as much money.
 */
async function adjust(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer,
): Promise<Outcome> {
  const before = toProviderDebit(attempt);
  const after = { ...before, amount: answer.recipientAmount, fee: answer.fee };
  const isFeeDifferent = compareAmounts(after.fee, before.fee) !== 0;
  const isAmountDifferent = compareAmounts(after.amount, before.amount) !== 0;
  if (!isFeeDifferent && !isAmountDifferent) return DONE;
  const more = subtractAmounts(addAmounts(after.amount, after.fee), addAmounts(before.amount, before.fee));
  if (!(await isCovered(trx, before.currency, more))) return refuseDebit(attempt);
  const adjustments = attempt.adjustments + 1;
  await bookAdjustment(trx, before, after, adjustments);
  await updateAttempt(trx, attempt, {
    recipient_amount: after.amount,
    fee: after.fee,
    booked_amount: after.amount,
    booked_fee: after.fee,
    adjustments,
  });
  // Booked to the last digit; what nobody could pay is no finding.
  if (!isSameInCurrency(after.fee, before.fee, before.currency)) {
    const detail = `QbitPay took a fee of ${after.fee} ${before.currency}, expected were ${before.fee}`;
    await addFlag(trx, row, FAILURE_TYPE.FEE_DIFFERS, detail);
  }
  if (isAmountDifferent) await flagAmount(trx, row, before, after);
  return DONE;
}

/** Fixed-receive promises the amount itself; in the other mode what was expected is due. */
async function flagAmount(
  trx: StoreTransaction,
  row: PayoutRow,
  before: ProviderDebit,
  { amount }: ProviderDebit,
): Promise<void> {
  const due = row.amount_mode === AMOUNT_MODE.RECEIVE ? row.amount : before.amount;
  if (isSameInCurrency(amount, due, before.currency)) return;
  const order = compareAmounts(amount, due);
  const detail = `the recipient gets ${amount} ${before.currency}, ${due} are due`;
  await addFlag(trx, row, order < 0 ? FAILURE_TYPE.AMOUNT_SHORT : FAILURE_TYPE.AMOUNT_EXCEEDED, detail);
}

export function toProviderDebit(attempt: AttemptRow): ProviderDebit {
  return {
    externalOrderId: attempt.external_order_id,
    payoutId: attempt.payout_id,
    currency: attempt.currency,
    amount: attempt.booked_amount,
    fee: attempt.booked_fee,
  };
}
