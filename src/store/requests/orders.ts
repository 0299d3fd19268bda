import { sql } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { compareAmounts, multiply, roundDownToCurrency } from '../../domain/money.js';
import { isFailedOrCancelled, ORDER_ENDS, PROVIDER_ORDER_STATUS } from '../../domain/provider-status.js';
import { bookOrder } from '../ledger/bookings.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import {
  acceptRequest,
  currentRequest,
  getRequest,
  isCurrentRequest,
  prepareRequest,
  STATUS_OF_OPERATION,
  type ProviderRequestId,
} from './provider-requests.js';
import { isBooked, isCovered, lockLedger } from '../ledger/journal.js';
import {
  addFlag,
  holdFor,
  lockExistingPayout,
  transitionPayout,
  type PayoutRow,
} from '../payouts/payout-transitions.js';
import type { OrderRecord } from '../payouts/payout-records.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../schema.js';

/** Orders at the provider: the status before the request, the provider request around it, the answer after it. */

export type StepStart =
  /** The store is elsewhere: cancelled, held, or already further. */
  | { readonly kind: 'superseded' }
  /** The step goes on from what its provider request says. */
  | { readonly kind: 'entered' };

/** Enters `converting` or `paying` and prepares the provider request, both or neither. */
export async function enterStep(
  db: StoreDatabase,
  payoutId: string,
  id: ProviderRequestId,
  detail: string,
): Promise<StepStart> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    // Whoever was frozen since the attempt before must not answer for the one that is made now.
    if (!isCurrentRequest(row, id)) return { kind: 'superseded' };
    const status = await transitionPayout(trx, row, STATUS_OF_OPERATION[id.operation], { detail });
    if (status !== STATUS_OF_OPERATION[id.operation]) return { kind: 'superseded' };
    await prepareRequest(trx, id, payoutId);
    return { kind: 'entered' };
  });
}

/** A payout that was held because nobody knew what became of a request goes on, once that is known. */
export async function releaseKnown(
  db: StoreDatabase,
  payoutId: string,
  id: ProviderRequestId,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const { state } = await getRequest(trx, id);
    const isOpen = state === REQUEST_STATE.SENDING || state === REQUEST_STATE.UNKNOWN;
    if (isOpen || row.hold_reason !== FAILURE_TYPE.UNKNOWN_OUTCOME || row.held_from === null) return;
    const detail = `what became of the ${id.operation} is known by now: ${state}`;
    await transitionPayout(trx, row, row.held_from, { detail, resumes: true });
  });
}

/** Writes the order that QbitPay accepted; what it moved is booked when it was read back. */
export async function recordOrder(db: StoreDatabase, payoutId: string, order: OrderRecord): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // First, as everywhere: a outcome resolution that writes the same order at the same moment would wait for us in a circle.
    const row = await lockExistingPayout(trx, payoutId);
    if (!(await acceptOrder(trx, row, order))) return;
    // The answer that a hold was about has come: there is nothing left to decide.
    if (row.hold_reason === FAILURE_TYPE.UNKNOWN_OUTCOME && row.held_from === PAYOUT_STATUS.CONVERTING) {
      const detail = `order accepted by QbitPay as ${order.providerOrderId}, late`;
      await transitionPayout(trx, row, PAYOUT_STATUS.CONVERTING, { detail, resumes: true });
    }
  });
}

/** In the transaction of whoever takes the order over; false where it is a second one. */
export async function acceptOrder(
  trx: StoreTransaction,
  row: PayoutRow,
  order: OrderRecord,
): Promise<boolean> {
  const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId: order.externalOrderId };
  await acceptRequest(trx, id);
  const known = await trx
    .selectFrom('provider_orders')
    .select('provider_order_id')
    .where('external_order_id', '=', order.externalOrderId)
    .executeTakeFirst();
  if (known !== undefined && known.provider_order_id !== order.providerOrderId) {
    const which = `order ${order.providerOrderId} beside ${known.provider_order_id}`;
    // Once its money is booked, nobody has to say which one it is.
    const isOver = await isBooked(trx, ENTRY_CAUSE.ORDER, order.externalOrderId);
    await reportSecond(trx, row, which, isOver);
    return false;
  }
  // An end counts when it was read, not when a request was answered so.
  await writeOrder(trx, row.payout_id, { ...order, status: PROVIDER_ORDER_STATUS.PENDING });
  if (isFinalStatus(row.status)) {
    const detail = `order accepted by QbitPay as ${order.providerOrderId}, after the end`;
    await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, detail);
  }
  return true;
}

/** True when the provider's order is another payout's already. */
export async function isOrderOfAnother(
  trx: StoreTransaction,
  { externalOrderId, providerOrderId }: Pick<OrderRecord, 'externalOrderId' | 'providerOrderId'>,
): Promise<boolean> {
  const known = await trx
    .selectFrom('provider_orders')
    .select('external_order_id')
    .where('provider_order_id', '=', providerOrderId)
    .executeTakeFirst();
  return known !== undefined && known.external_order_id !== externalOrderId;
}

/** Those of these orders of the provider that belong to a payout. */
export async function knownOrderIds(
  db: StoreDatabase,
  providerOrderIds: readonly string[],
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('provider_orders')
    .select('provider_order_id')
    .where('provider_order_id', 'in', ['', ...providerOrderIds])
    .execute();
  return rows.map((row) => row.provider_order_id);
}

/** A payout that is taken on waits anew for its order, or itself, to be shown, and for what the order moved. */
export async function forgetUnclear(trx: StoreTransaction, payoutId: string): Promise<void> {
  await trx
    .updateTable('provider_orders')
    .set({ unclear_since: null, missing_since: null })
    .where('payout_id', '=', payoutId)
    .execute();
  await trx
    .updateTable('provider_payouts')
    .set({ missing_since: null })
    .where('payout_id', '=', payoutId)
    .execute();
}

/** The order that a person says is the one. */
export async function replaceOrder(trx: StoreTransaction, row: PayoutRow, order: OrderRecord): Promise<void> {
  await trx
    .updateTable('provider_orders')
    .set({ provider_order_id: order.providerOrderId, status: PROVIDER_ORDER_STATUS.PENDING })
    .where('external_order_id', '=', order.externalOrderId)
    .execute();
  await acceptOrder(trx, row, order);
}

/** QbitPay has two objects of one `externalOrderId`: one of them is one too many, and a person says which. */
export async function reportSecond(
  trx: StoreTransaction,
  row: PayoutRow,
  which: string,
  isOver = isFinalStatus(row.status),
): Promise<void> {
  const detail = `QbitPay has ${which}`;
  if (isOver) await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, detail);
  else await holdFor(trx, row, { detail, holdReason: FAILURE_TYPE.DUPLICATE_AT_PROVIDER });
}

/** A payout of an earlier attempt, which was over when the one after it was made, lives after all. */
export async function reportEarlier(
  db: StoreDatabase,
  payoutId: string,
  earlier: { readonly externalOrderId: string; readonly which: string },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const current = currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId;
    if (earlier.externalOrderId === current) return;
    await reportSecond(trx, row, `${earlier.which} of the attempt before, beside ${current}`);
  });
}

/**
 * Writes what a reading of the order says; once it has ended, what it moved is booked with it. One that ended unfilled
 * comes with the amounts that really moved. Answers with the payout's status.
 */
export async function upsertOrder(
  db: StoreDatabase,
  payoutId: string,
  order: OrderRecord,
): Promise<PayoutStatus> {
  return db.transaction().execute(async (trx) => {
    return writeExecuted(trx, await lockExistingPayout(trx, payoutId), order);
  });
}

/** In the transaction of whoever locks the payout. */
export async function writeExecuted(
  trx: StoreTransaction,
  row: PayoutRow,
  order: OrderRecord,
): Promise<PayoutStatus> {
  await writeOrder(trx, row.payout_id, order);
  return hasMoved(order) ? bookExecuted(trx, row, order) : row.status;
}

/**
 * Notes that the provider calls an order ended and does not show what it moved; answers for how long that is so, in
 * milliseconds.
 */
export function noteUnclear(db: StoreDatabase, externalOrderId: string): Promise<number> {
  return noteSince(db, externalOrderId, 'unclear_since');
}

/** Notes that the provider does not show an order that it had accepted; answers for how long, in milliseconds. */
export function noteOrderMissing(db: StoreDatabase, externalOrderId: string): Promise<number> {
  return noteSince(db, externalOrderId, 'missing_since');
}

async function noteSince(
  db: StoreDatabase,
  externalOrderId: string,
  column: 'unclear_since' | 'missing_since',
): Promise<number> {
  const row = await db
    .updateTable('provider_orders')
    .set({ [column]: sql<Date>`coalesce(${sql.ref(column)}, clock_timestamp())` })
    .where('external_order_id', '=', externalOrderId)
    .returning(
      sql<number>`(extract(epoch from clock_timestamp() - ${sql.ref(column)}) * 1000)::float8`.as('for_ms'),
    )
    .executeTakeFirstOrThrow();
  return row.for_ms;
}

function hasMoved({ status, quoteAmount }: OrderRecord): boolean {
  return (
    status === PROVIDER_ORDER_STATUS.FILLED ||
    (isFailedOrCancelled(status) && compareAmounts(quoteAmount, '0') > 0)
  );
}

/** How much of a currency a payout's orders have sold, as far as it is booked: as all of it is once they have ended. */
export async function soldByOrders(db: StoreDatabase, payoutId: string, currency: string): Promise<string> {
  const row = await db
    .selectFrom('ledger_postings')
    .innerJoin('ledger_entries', 'ledger_entries.entry_id', 'ledger_postings.entry_id')
    .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id')
    .select(sql<string>`coalesce(-sum(amount), 0)`.as('sold'))
    .where('ledger_entries.payout_id', '=', payoutId)
    .where('cause', '=', ENTRY_CAUSE.ORDER)
    .where('kind', '=', ACCOUNT_KIND.PROVIDER)
    .where('currency', '=', currency)
    .executeTakeFirstOrThrow();
  return row.sold;
}

/** True when the ledger knows of as much money in the account at QbitPay. */
export async function isSaleCovered(
  trx: StoreTransaction,
  { symbol, amount }: Pick<OrderRecord, 'symbol' | 'amount'>,
): Promise<boolean> {
  const [base = ''] = symbol.split('/');
  return isCovered(trx, base, amount);
}

async function bookExecuted(
  trx: StoreTransaction,
  row: PayoutRow,
  order: OrderRecord,
): Promise<PayoutStatus> {
  await lockLedger(trx);
  if (await isBooked(trx, ENTRY_CAUSE.ORDER, order.externalOrderId)) return row.status;
  const [base = '', quote = ''] = order.symbol.split('/');
  if (!(await isSaleCovered(trx, order))) {
    const detail = `order ${order.providerOrderId} sold ${order.amount} ${base}: more than the ledger knows of`;
    return holdFor(trx, row, { detail, holdReason: FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER });
  }
  await flagWorsePrice(trx, row, order);
  const estimatedPrice = row.estimated_price;
  await bookOrder(trx, {
    externalOrderId: order.externalOrderId,
    payoutId: row.payout_id,
    sold: { currency: base, amount: order.amount },
    bought: { currency: quote, amount: order.quoteAmount },
    fee: order.fee,
    price: order.price,
    estimatedPrice,
    estimate:
      estimatedPrice === null ? null : roundDownToCurrency(multiply(order.amount, estimatedPrice), quote),
  });
  return row.status;
}

/**
 * It was accepted at the price that was quoted: a worse one is worth a look. What the order brought in counts as well as
 * the price that it names, which may be none ("0").
 */
async function flagWorsePrice(trx: StoreTransaction, row: PayoutRow, order: OrderRecord): Promise<void> {
  const { externalOrderId, price, amount, quoteAmount, symbol } = order;
  const { asked } = await getRequest(trx, { operation: REQUEST_OPERATION.ORDER, externalOrderId });
  const [base = '', quote = ''] = symbol.split('/');
  if (asked?.price === undefined || asked.currency !== base) return;
  const due = roundDownToCurrency(multiply(amount, asked.price), quote);
  const isNamedWorse = price !== '0' && compareAmounts(price, asked.price) < 0;
  if (!isNamedWorse && compareAmounts(quoteAmount, due) >= 0) return;
  const detail = `QbitPay sold ${amount} ${base} for ${quoteAmount} ${quote}, at ${asked.price} as quoted it is ${due}`;
  await addFlag(trx, row, FAILURE_TYPE.PRICE_DIFFERS, detail);
}

async function writeOrder(trx: StoreTransaction, payoutId: string, order: OrderRecord): Promise<void> {
  const columns = {
    amount: order.amount,
    price: order.price,
    quote_amount: order.quoteAmount,
    fee: order.fee,
    status: order.status,
    missing_since: null,
    read_at: sql<Date>`clock_timestamp()`,
  };
  await trx
    .insertInto('provider_orders')
    .values({
      external_order_id: order.externalOrderId,
      payout_id: payoutId,
      provider_order_id: order.providerOrderId,
      symbol: order.symbol,
      ...columns,
    })
    .onConflict((conflict) =>
      conflict
        .column('external_order_id')
        .doUpdateSet(columns)
        // Of two readings at once the older one may come last: it must not take back an end.
        .where('provider_orders.status', 'not in', ORDER_ENDS),
    )
    .execute();
}
