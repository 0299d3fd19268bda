import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { compareAmounts, multiply, roundDownToCurrency } from '../../domain/money.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import {
  isEndAtProvider,
  isFailedOrCancelled,
  ORDER_ENDS,
  PROVIDER_ORDER_STATUS,
} from '../../domain/provider-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookOrder } from '../ledger/bookings.js';
import { isBooked, lockLedger } from '../ledger/journal.js';
import { DONE, refuse, type Outcome } from '../outcome.js';
import { holdUncovered, markDiscrepancy, type Discrepancy } from '../payouts/discrepancies.js';
import { addFlag, lockExistingPayout } from '../payouts/payout-transitions.js';
import { REQUEST_OPERATION, type PayoutRow } from '../schema.js';
import { OBJECT_END, type ObjectEnd, type ProviderObject } from './request-kind.js';
import { get } from './send-guard.js';
import type { OrderRecord } from '../payouts/payout-reading.js';

/** Orders at QbitPay. What an order moved is booked when it was read back, not when it was accepted. */

/** QbitPay's answer to the request may call the order ended already: an end counts when it was read. */
export function toOrderObject(order: OrderRecord): ProviderObject {
  const { externalOrderId, providerOrderId } = order;
  const accepted = { ...order, status: PROVIDER_ORDER_STATUS.PENDING };
  return {
    operation: REQUEST_OPERATION.ORDER,
    externalOrderId,
    providerId: providerOrderId,
    // One that was given up may have been filled in part.
    isVoid: false,
    record: async (trx, row) => {
      await writeOrder(trx, row, accepted, { replaces: true });
      return DONE;
    },
    isDecided: (trx) => isBooked(trx, ENTRY_CAUSE.ORDER, externalOrderId),
  };
}

/** An order is over once it has ended and what it moved is booked, if it moved anything. */
export async function readOrderEnd(trx: StoreTransaction, externalOrderId: string): Promise<ObjectEnd> {
  const order = await trx
    .selectFrom('provider_orders')
    .select(['status', 'quote_amount'])
    .where('external_order_id', '=', externalOrderId)
    .executeTakeFirst();
  if (order === undefined || !isEndAtProvider(order.status)) return OBJECT_END.OPEN;
  const isFilled = order.status === PROVIDER_ORDER_STATUS.FILLED;
  const hasMovedNothing = !isFilled && compareAmounts(order.quote_amount, '0') === 0;
  if (!hasMovedNothing && !(await isBooked(trx, ENTRY_CAUSE.ORDER, externalOrderId))) return OBJECT_END.OPEN;
  return isFilled ? OBJECT_END.CARRIED_OUT : OBJECT_END.GIVEN_UP;
}

/**
 * Writes what a reading of the order says; once the order has ended, what it moved is booked with it. One that ended
 * unfilled comes with the amounts that it really moved. Nothing is written of an order whose discrepancy a person has
 * to see first. Answers with the payout's status.
 */
export async function recordExecution(
  db: StoreDatabase,
  payoutId: string,
  order: OrderRecord,
  discrepancies: readonly Discrepancy[] = [],
): Promise<PayoutStatus> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    for (const discrepancy of discrepancies) {
      if ((await markDiscrepancy(trx, row, discrepancy)) === PAYOUT_STATUS.HELD) return PAYOUT_STATUS.HELD;
    }
    const booked = await writeExecution(trx, row, order);
    return booked.ok ? row.status : holdUncovered(trx, row, booked);
  });
}

/** As {@link recordExecution}, for a payout whose row is locked. */
export async function writeExecution(
  trx: StoreTransaction,
  row: PayoutRow,
  order: OrderRecord,
): Promise<Outcome> {
  await writeOrder(trx, row, order, { replaces: false });
  const { status, quoteAmount } = order;
  const isUnfilled = isFailedOrCancelled(status) && compareAmounts(quoteAmount, '0') > 0;
  const hasMoved = status === PROVIDER_ORDER_STATUS.FILLED || isUnfilled;
  return hasMoved ? bookExecution(trx, row, order) : DONE;
}

async function writeOrder(
  trx: StoreTransaction,
  { payout_id: payoutId }: PayoutRow,
  order: OrderRecord,
  { replaces }: { readonly replaces: boolean },
): Promise<void> {
  const columns = {
    amount: order.amount,
    price: order.price,
    quote_amount: order.quoteAmount,
    fee: order.fee,
    status: order.status,
    read_at: NOW,
  };
  const id = { external_order_id: order.externalOrderId, provider_order_id: order.providerOrderId };
  await trx
    .insertInto('provider_orders')
    .values({ ...id, ...columns, payout_id: payoutId, symbol: order.symbol })
    .onConflict((conflict) => {
      const known = conflict.column('external_order_id');
      if (replaces) return known.doUpdateSet({ ...id, ...columns });
      // Of two readings at once the older one may come last: it must not take back an end.
      return known.doUpdateSet(columns).where('provider_orders.status', 'not in', ORDER_ENDS);
    })
    .execute();
}

async function bookExecution(trx: StoreTransaction, row: PayoutRow, order: OrderRecord): Promise<Outcome> {
  const { externalOrderId, amount, price, fee } = order;
  const [base = '', quote = ''] = order.symbol.split('/');
  if (await isBooked(trx, ENTRY_CAUSE.ORDER, externalOrderId)) return DONE;
  const heldIn = await lockLedger(trx, [base, quote]);
  if (compareAmounts(amount, heldIn(base)) > 0) {
    return refuse(`order ${order.providerOrderId} sold ${amount} ${base}: more than the ledger knows of`);
  }
  await flagWorsePrice(trx, row, order);
  const { estimated_price: estimatedPrice, payout_id: payoutId } = row;
  const estimate = estimatedPrice && roundDownToCurrency(multiply(amount, estimatedPrice), quote);
  await bookOrder(trx, {
    externalOrderId,
    payoutId,
    sold: { currency: base, amount },
    bought: { currency: quote, amount: order.quoteAmount },
    fee,
    price,
    estimatedPrice,
    estimate,
  });
  return DONE;
}

/**
 * The order was accepted at the price that was quoted: a worse one is worth a look. What the order brought in counts as
 * well as the price that it names, which may be none ("0").
 */
async function flagWorsePrice(trx: StoreTransaction, row: PayoutRow, order: OrderRecord): Promise<void> {
  const { externalOrderId, price, amount, quoteAmount, symbol } = order;
  const { asked } = await get(trx, { operation: REQUEST_OPERATION.ORDER, externalOrderId });
  const [base = '', quote = ''] = symbol.split('/');
  if (asked?.price === undefined || asked.currency !== base) return;
  const due = roundDownToCurrency(multiply(amount, asked.price), quote);
  const isNamedWorse = price !== '0' && compareAmounts(price, asked.price) < 0;
  if (!isNamedWorse && compareAmounts(quoteAmount, due) >= 0) return;
  const detail = `QbitPay sold ${amount} ${base} for ${quoteAmount} ${quote}, at ${asked.price} as quoted it is ${due}`;
  await addFlag(trx, row, FAILURE_TYPE.PRICE_DIFFERS, detail);
}
