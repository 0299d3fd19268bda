import { sql } from 'kysely';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { compareAmounts, isSameInCurrency, type Money } from '../../domain/money.js';
import { AMOUNT_MODE } from '../../domain/payout-request.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { balanceNeeds } from '../../domain/quote.js';
import { bookReservation, releaseFunds } from '../ledger/bookings.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { balanceOf, lockLedger } from '../ledger/journal.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { toFeeTerms, toRequest } from './payout-reading.js';
import {
  addTimelineEntry,
  isInTimeline,
  lockExistingPayout,
  transitionPayout,
} from './payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/** Reserves the available balance for payouts that are paid from it: first come, first served. */

/** Takes what a waiting payout needs out of the available balance, all of it or nothing; answers with its status. */
export async function reserveFunds(db: StoreDatabase, payoutId: string): Promise<PayoutStatus> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status === PAYOUT_STATUS.AWAITING_BALANCE) await reserve(trx, row);
    return (await lockExistingPayout(trx, payoutId)).status;
  });
}

/** As {@link reserveFunds}, for a payout whose row is locked. */
export async function reserve(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  await lockLedger(trx);
  const need = await findServable(trx, row);
  if (need !== undefined) {
    await bookReservation(trx, row.payout_id, need);
    const isPayable = need.currency === row.currency;
    await transitionPayout(trx, row, isPayable ? PAYOUT_STATUS.PAYING : PAYOUT_STATUS.CONVERTING, {
      detail: `${need.amount} ${need.currency} reserved from the available balance`,
    });
    return hintWaiting(trx, [row.currency, row.funding_currency]);
  }
  const needs = needsOf(row);
  const wanted = needs.map(({ amount, currency }) => `${amount} ${currency}`).join(' or ');
  const isBlocked = await hasShortfall(trx, needs);
  const blocked = isBlocked ? ', and for a shortfall to be made good' : '';
  const detail = `waiting for ${wanted} in the available balance${blocked}`;
  // The payout asks again and again; the timeline says it once.
  if (!(await isInTimeline(trx, row.payout_id, detail)))
    await addTimelineEntry(trx, row.payout_id, row.status, detail);
}

/** What the payout has left becomes available. */
export async function freeFunds(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  await releaseFunds(trx, row.payout_id);
  await hintWaiting(trx, [row.currency, row.funding_currency]);
}

/** Tells the payouts whose turn it is by now, and only those: what does not suffice wakes nobody. */
export async function hintWaiting(trx: StoreTransaction, currencies: readonly string[]): Promise<void> {
  const served: string[] = [];
  for (const next of await findNext(trx, currencies)) {
    if ((await findServable(trx, next)) !== undefined) served.push(next.payout_id);
  }
  await hintPayouts(trx, served, 'balanceReleased');
}

function needsOf(row: PayoutRow): readonly Money[] {
  const feeTerms = toFeeTerms(row);
  if (feeTerms === null || row.deposit_amount === null) throw new Error('the payout was never opened');
  return balanceNeeds(toRequest(row), row.deposit_amount, feeTerms);
}

/** What the payout may be paid from now; undefined where nothing suffices, or it is not its turn. */
async function findServable(trx: StoreTransaction, row: PayoutRow): Promise<Money | undefined> {
  for (const need of needsOf(row)) {
    if (await isServable(trx, row, need)) return need;
  }
  return undefined;
}

async function hasShortfall(trx: StoreTransaction, needs: readonly Money[]): Promise<boolean> {
  for (const { currency } of needs) {
    const shortfall = await balanceOf(trx, { kind: ACCOUNT_KIND.SHORTFALL }, currency);
    if (!isSameInCurrency(shortfall, '0', currency)) return true;
  }
  return false;
}

async function isServable(trx: StoreTransaction, row: PayoutRow, need: Money): Promise<boolean> {
  const { currency, amount } = need;
  // What the provider took too much has to be made good first.
  if (await hasShortfall(trx, [need])) return false;
  const available = await balanceOf(trx, { kind: ACCOUNT_KIND.AVAILABLE }, currency);
  if (compareAmounts(available, amount) < 0) return false;
  const [first = row] = await findNext(trx, [currency]);
  return first.payout_id === row.payout_id;
}

/** The payouts that are next to be served, one for each currency; in send mode only the funding currency serves. */
async function findNext(trx: StoreTransaction, currencies: readonly string[]): Promise<readonly PayoutRow[]> {
  const { rows } = await sql<PayoutRow>`
    select next.* from unnest(${[...currencies]}::text[]) as wanted (currency)
    cross join lateral (
      select * from payouts
      where status = ${PAYOUT_STATUS.AWAITING_BALANCE}
        and (payouts.funding_currency = wanted.currency
          or (payouts.currency = wanted.currency and amount_mode = ${AMOUNT_MODE.RECEIVE}))
      order by sequence limit 1) as next`.execute(trx);
  return rows;
}
