import type { Selectable } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../domain/money.js';
import { AMOUNT_MODE } from '../../domain/payout-request.js';
import { isFailedOrCancelled } from '../../domain/provider-status.js';
import { expectedDebit } from '../../domain/quote.js';
import { bookAdjustment, bookPayout, type ProviderDebit } from '../ledger/bookings.js';
import type { StoreTransaction } from '../database.js';
import { isBooked, isCovered } from '../ledger/journal.js';
import { toFeeTerms } from '../payouts/payout-reading.js';
import { addFlag, type PayoutRow } from '../payouts/payout-transitions.js';
import type { ProviderPayoutRecord } from '../payouts/payout-records.js';
import type { StoreSchema } from '../schema.js';

/** What QbitPay took for a payout: as it was expected, and then what is different about it. */

export type AttemptRow = Selectable<StoreSchema['provider_payouts']>;

export async function findByExternalId(
  trx: StoreTransaction,
  externalOrderId: string,
): Promise<AttemptRow | undefined> {
  return trx
    .selectFrom('provider_payouts')
    .selectAll()
    .where('external_order_id', '=', externalOrderId)
    .executeTakeFirst();
}

/** What QbitPay says of a payout, as far as it says what was taken. */
type DebitAnswer = Pick<ProviderPayoutRecord, 'recipientAmount' | 'fee' | 'status'>;

/** What a failed payout shows as its amount and fee was not taken from anybody: its balance transactions say that. */
function isGivenBack({ status }: DebitAnswer): boolean {
  return isFailedOrCancelled(status);
}

/**
 * First what was expected to be taken, then, as an entry of its own, what is different about what was taken. False
 * when the ledger does not know of as much money: nothing is booked then, and a later reading books it.
 */
export async function bookAccepted(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer,
): Promise<boolean> {
  const terms = toFeeTerms(row);
  if (terms === null) throw new Error('the payout was never opened');
  const expected = expectedDebit(attempt.post_amount, attempt.currency, terms);
  const booked = addAmounts(expected.amount, expected.fee);
  const taken = isGivenBack(answer) ? booked : addAmounts(answer.recipientAmount, answer.fee);
  const most = compareAmounts(taken, booked) > 0 ? taken : booked;
  if (!(await isCovered(trx, attempt.currency, most))) return false;
  await bookPayout(trx, { ...toProviderDebit(attempt), ...expected });
  const columns = { booked_amount: expected.amount, booked_fee: expected.fee };
  if (!isGivenBack(answer)) return adjust(trx, row, { ...attempt, ...columns }, answer);
  await trx
    .updateTable('provider_payouts')
    .set(columns)
    .where('external_order_id', '=', attempt.external_order_id)
    .execute();
  return true;
}

/**
 * What a reading says was taken; what was not booked when it was accepted is booked now, once it is covered. Amounts in
 * another currency than it was accepted in say nothing, nor do those of what was given back.
 */
export async function bookDebit(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer & { readonly currency: string },
): Promise<boolean> {
  if (isGivenBack(answer) || answer.currency !== attempt.currency) return true;
  return (await isDebitBooked(trx, attempt))
    ? adjust(trx, row, attempt, answer)
    : bookAccepted(trx, row, attempt, answer);
}

export function isDebitBooked(trx: StoreTransaction, attempt: AttemptRow): Promise<boolean> {
  return isBooked(trx, ENTRY_CAUSE.PAYOUT, attempt.external_order_id);
}

/**
 * Books what the provider says was taken where it is not what was booked, and marks the payout. False when the
 * ledger does not know of as much money.
 */
async function adjust(
  trx: StoreTransaction,
  row: PayoutRow,
  attempt: AttemptRow,
  answer: DebitAnswer,
): Promise<boolean> {
  const before = toProviderDebit(attempt);
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
  if (isAmountDifferent) await flagAmount(trx, row, before, after);
  return true;
}

/** Fixed-receive promises the amount itself; in the other mode what was expected is due. */
async function flagAmount(
  trx: StoreTransaction,
  row: PayoutRow,
  before: ProviderDebit,
  { amount }: ProviderDebit,
): Promise<void> {
  const due = row.amount_mode === AMOUNT_MODE.RECEIVE ? row.amount : before.amount;
  const detail = `the recipient gets ${amount} ${before.currency}, ${due} are due`;
  if (compareAmounts(amount, due) < 0) await addFlag(trx, row, FAILURE_TYPE.AMOUNT_SHORT, detail);
  else if (compareAmounts(amount, due) > 0) await addFlag(trx, row, FAILURE_TYPE.AMOUNT_EXCEEDED, detail);
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

export function toRecord(attempt: AttemptRow): ProviderPayoutRecord & { readonly currency: string } {
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

/** Why a payout is held whose debit the ledger does not cover. */
export function beyondLedger({
  providerPayoutId,
  currency,
}: ProviderPayoutRecord & { readonly currency: string }) {
  return {
    reason: FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER,
    detail: `payout ${providerPayoutId} took more ${currency} than the ledger knows of`,
  };
}
