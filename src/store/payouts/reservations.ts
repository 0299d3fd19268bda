import { sql, type RawBuilder } from 'kysely';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import {
  compareAmounts,
  isSameInCurrency,
  leastAmount,
  subtractAmounts,
  type Money,
} from '../../domain/money.js';
import { AMOUNT_MODE } from '../../domain/payout-request.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { balanceNeeds } from '../../domain/quote.js';
import { bookReservation } from '../ledger/bookings.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { balanceOf, lockLedger } from '../ledger/journal.js';
import { AVAILABLE, owedAccount, positivePart, SHORTFALL } from '../ledger/movements.js';
import { releaseFunds } from '../ledger/releases.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { toFeeTerms, toRequest } from './payout-reading.js';
import {
  addTimelineEntry,
  isInTimeline,
  lockExistingPayout,
  transitionPayout,
} from './payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/** Reserves what owners are owed, and the available balance, for payouts that are paid from it: first come, first served. */

/** Takes what a waiting payout needs out of what its owner is owed and the available balance, all of it or nothing; answers with its status. */
export async function reserveFunds(db: StoreDatabase, payoutId: string): Promise<PayoutStatus> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (row.status === PAYOUT_STATUS.AWAITING_BALANCE) await reserve(trx, row);
    return (await lockExistingPayout(trx, payoutId)).status;
  });
}

/** As {@link reserveFunds}, for a payout whose row is locked. */
export async function reserve(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  await lockLedger(trx, [row.currency, row.funding_currency]);
  const draws = await drawsOf(trx, row);
  const draw = await findServable(trx, row, draws);
  if (draw !== undefined) {
    const { payout_id: payoutId, owner } = row;
    await bookReservation(trx, { ...draw, payoutId, owner });
    const isPayable = draw.currency === row.currency;
    await transitionPayout(trx, row, isPayable ? PAYOUT_STATUS.PAYING : PAYOUT_STATUS.CONVERTING, {
      detail: describe(draw),
    });
    return hintWaiting(trx, [row.currency, row.funding_currency]);
  }
  const detail = await describeWait(trx, draws);
  // The payout asks again and again; the timeline says it once.
  if (!(await isInTimeline(trx, row.payout_id, detail)))
    await addTimelineEntry(trx, row.payout_id, row.status, detail);
}

/** What the payout has left goes back to whose it was. */
export async function freeFunds(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  await releaseFunds(trx, row);
  await hintWaiting(trx, [row.currency, row.funding_currency]);
}

/** Tells the payouts whose turn it is by now, and only those: what does not suffice wakes nobody. */
export async function hintWaiting(trx: StoreTransaction, currencies: readonly string[]): Promise<void> {
  const owed = await trx
    .selectFrom('ledger_accounts')
    .select(['currency', 'owner'])
    .where('payout_id', 'is', null)
    .where('kind', '=', ACCOUNT_KIND.OWED)
    .where('balance', '>', '0')
    .where('currency', '=', sql<string>`any(${[...currencies]}::text[])`)
    .execute();
  const queues = [...currencies.map((currency) => ({ currency, owner: null })), ...owed];
  const served: string[] = [];
  for (const next of await findNext(trx, queues)) {
    if ((await findServable(trx, next, await drawsOf(trx, next))) !== undefined) served.push(next.payout_id);
  }
  await hintPayouts(trx, served, 'balanceReleased');
}

/** What a payout may be paid from: as much of it as there is out of what its owner is owed, the rest from the available balance. */
interface Draw extends Money {
  readonly fromOwed: string;
  readonly fromAvailable: string;
}

async function drawsOf(trx: StoreTransaction, row: PayoutRow): Promise<readonly Draw[]> {
  const feeTerms = toFeeTerms(row);
  if (feeTerms === null || row.deposit_amount === null) throw new Error('the payout was never opened');
  const draws: Draw[] = [];
  for (const { currency, amount } of balanceNeeds(toRequest(row), row.deposit_amount, feeTerms)) {
    const owed = positivePart(await balanceOf(trx, owedAccount(row.owner), currency));
    const fromOwed = leastAmount(amount, owed);
    draws.push({ currency, amount, fromOwed, fromAvailable: subtractAmounts(amount, fromOwed) });
  }
  return draws;
}

function isOwed({ fromAvailable }: Draw): boolean {
  return compareAmounts(fromAvailable, '0') === 0;
}

function describe({ currency, fromOwed, fromAvailable }: Draw): string {
  const parts = [
    [fromOwed, 'what is owed to its owner'],
    [fromAvailable, 'the available balance'],
  ] as const;
  return parts
    .filter(([amount]) => compareAmounts(amount, '0') > 0)
    .map(([amount, source]) => `${amount} ${currency} reserved from ${source}`)
    .join(', ');
}

async function describeWait(trx: StoreTransaction, draws: readonly Draw[]): Promise<string> {
  if (draws.some(isOwed)) return 'waiting for an earlier payout of its owner';
  const wanted = draws.map(({ currency, fromAvailable }) => `${fromAvailable} ${currency}`).join(' or ');
  const blocked = (await hasShortfall(trx, draws)) ? ', and for a shortfall to be made good' : '';
  return `waiting for ${wanted} in the available balance${blocked}`;
}

/** What the payout may be paid from now; undefined where nothing suffices, or it is not its turn. What is owed comes first. */
async function findServable(
  trx: StoreTransaction,
  row: PayoutRow,
  draws: readonly Draw[],
): Promise<Draw | undefined> {
  for (const draw of [...draws.filter(isOwed), ...draws.filter((one) => !isOwed(one))]) {
    if (await isServable(trx, row, draw)) return draw;
  }
  return undefined;
}

async function hasShortfall(trx: StoreTransaction, draws: readonly Draw[]): Promise<boolean> {
  for (const { currency } of draws) {
    if (!isSameInCurrency(await balanceOf(trx, SHORTFALL, currency), '0', currency)) return true;
  }
  return false;
}

/** What is owed to its owner alone waits for his own payouts only. */
async function isServable(trx: StoreTransaction, row: PayoutRow, draw: Draw): Promise<boolean> {
  const { currency, fromAvailable } = draw;
  const owner = isOwed(draw) ? row.owner : null;
  // What the provider took too much has to be made good before others get of the available balance.
  if (owner === null && (await hasShortfall(trx, [draw]))) return false;
  if (compareAmounts(await balanceOf(trx, AVAILABLE, currency), fromAvailable) < 0) return false;
  const [first = row] = await findNext(trx, [{ currency, owner }]);
  return first.payout_id === row.payout_id;
}

/** Those who wait for a currency; null: of all owners. */
interface Queue {
  readonly currency: string;
  readonly owner: string | null;
}

/** The payouts that are next to be served, one for each queue; in send mode only the funding currency serves. */
async function findNext(trx: StoreTransaction, queues: readonly Queue[]): Promise<readonly PayoutRow[]> {
  const firstOf = (owners: RawBuilder<unknown>) => sql`(
    select * from payouts
    where status = ${PAYOUT_STATUS.AWAITING_BALANCE} and ${owners}
      and (payouts.funding_currency = queue.currency
        or (payouts.currency = queue.currency and amount_mode = ${AMOUNT_MODE.RECEIVE}))
    order by sequence limit 1)`;
  const { rows } = await sql<PayoutRow>`
    select distinct on (next.payout_id) next.*
    from unnest(${queues.map(({ currency }) => currency)}::text[], ${queues.map(({ owner }) => owner)}::text[])
      as queue (currency, owner)
    cross join lateral (
      ${firstOf(sql`queue.owner is null`)} union all ${firstOf(sql`payouts.owner = queue.owner`)}) as next`.execute(
    trx,
  );
  return rows;
}
