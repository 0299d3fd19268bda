import { sql } from 'kysely';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { compareAmounts, type Money } from '../../domain/money.js';
import { AMOUNT_MODE } from '../../domain/payout-request.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { balanceNeeds } from '../../domain/quote.js';
import { bookReservation } from '../ledger/bookings.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { balanceOf, lockLedger } from '../ledger/journal.js';
import { toFeeTerms, toRequest } from './payout-reading.js';
import {
  addTimelineEntry,
  isInTimeline,
  lockExistingPayout,
  transitionPayout,
} from './payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/** Reserves the available balance for payouts that are paid from it: first come, first served. */

export interface ReservationOutcome {
  /** What the store then says; `awaiting_balance` while there is not enough, or somebody waits before this payout. */
  readonly status: PayoutStatus;
  /** Whose turn it may be now. */
  readonly wake: readonly string[];
}

/** Takes what a waiting payout needs out of the available balance, all of it or nothing. */
export async function reserveFunds(db: StoreDatabase, payoutId: string): Promise<ReservationOutcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status === PAYOUT_STATUS.AWAITING_BALANCE) await reserve(trx, row);
    const { status } = await lockExistingPayout(trx, payoutId);
    const isServed = status !== PAYOUT_STATUS.AWAITING_BALANCE;
    const wake = isServed ? await findWaitingForBalance(trx, [row.currency, row.funding_currency]) : [];
    return { status, wake };
  });
}

/** As {@link reserveFunds}, for a payout whose row is locked. */
export async function reserve(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  await lockLedger(trx);
  const feeTerms = toFeeTerms(row);
  if (feeTerms === null || row.deposit_amount === null) throw new Error('the payout was never opened');
  const needs = balanceNeeds(toRequest(row), row.deposit_amount, feeTerms);
  for (const need of needs) {
    if (!(await isServable(trx, row, need))) continue;
    await bookReservation(trx, row.payout_id, need);
    const isPayable = need.currency === row.currency;
    await transitionPayout(trx, row, isPayable ? PAYOUT_STATUS.PAYING : PAYOUT_STATUS.CONVERTING, {
      detail: `${need.amount} ${need.currency} reserved from the available balance`,
    });
    return;
  }
  const wanted = needs.map(({ amount, currency }) => `${amount} ${currency}`).join(' or ');
  const isBlocked = await hasShortfall(trx, needs);
  const blocked = isBlocked ? ', and for a shortfall to be made good' : '';
  const detail = `waiting for ${wanted} in the available balance${blocked}`;
  // The payout asks again and again; the timeline says it once.
  if (!(await isInTimeline(trx, row.payout_id, detail)))
    await addTimelineEntry(trx, row.payout_id, row.status, detail);
}

async function hasShortfall(trx: StoreTransaction, needs: readonly Money[]): Promise<boolean> {
  for (const { currency } of needs) {
    const shortfall = await balanceOf(trx, { kind: ACCOUNT_KIND.SHORTFALL }, currency);
    if (compareAmounts(shortfall, '0') < 0) return true;
  }
  return false;
}

async function isServable(trx: StoreTransaction, row: PayoutRow, need: Money): Promise<boolean> {
  const { currency, amount } = need;
  // What the provider took too much has to be made good first.
  if (await hasShortfall(trx, [need])) return false;
  const available = await balanceOf(trx, { kind: ACCOUNT_KIND.AVAILABLE }, currency);
  if (compareAmounts(available, amount) < 0) return false;
  const [first] = await findWaitingForBalance(trx, [currency]);
  return first === undefined || first === row.payout_id;
}

/** The payouts that are next to be served, one for each currency; in send mode only the funding currency serves. */
export async function findWaitingForBalance(
  trx: StoreTransaction,
  currencies: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ payout_id: string }>`
    select distinct next.payout_id from unnest(${[...currencies]}::text[]) as wanted (currency)
    cross join lateral (
      select payout_id from payouts
      where status = ${PAYOUT_STATUS.AWAITING_BALANCE}
        and (payouts.funding_currency = wanted.currency
          or (payouts.currency = wanted.currency and amount_mode = ${AMOUNT_MODE.RECEIVE}))
      order by sequence limit 1) as next`.execute(trx);
  return rows.map((row) => row.payout_id);
}
