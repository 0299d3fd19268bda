import { sql } from 'kysely';
import { ENTRY_CAUSE } from '../domain/ledger.js';
import { multiply, roundDownToCurrency } from '../domain/money.js';
import { bookOrder } from './bookings.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { prepareFence, settleFence, STATUS_OF_OPERATION, type FenceId } from './fences.js';
import { isBooked, lockLedger } from './ledger.js';
import { lockExistingPayout, transitionPayout, type PayoutRow } from './payouts.js';
import type { OrderRecord } from './records.js';
import { FENCE_OPERATION, FENCE_STATE } from './schema.js';

/** Orders at the provider: the status before the request, the fence around it, the answer after it. */

export type StepStart =
  /** The book is elsewhere: cancelled, held, or already further. */
  | { readonly kind: 'superseded' }
  /** The step goes on from what its fence says. */
  | { readonly kind: 'entered' };

/** Enters `converting` or `paying` and prepares the fence, both or neither. */
export async function enterStep(
  db: BookDatabase,
  payoutId: string,
  id: FenceId,
  detail: string,
): Promise<StepStart> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const status = await transitionPayout(trx, row, STATUS_OF_OPERATION[id.operation], { detail });
    if (status !== STATUS_OF_OPERATION[id.operation]) return { kind: 'superseded' };
    await prepareFence(trx, id, payoutId);
    return { kind: 'entered' };
  });
}

export async function recordOrder(
  db: BookDatabase,
  payoutId: string,
  sends: number,
  order: OrderRecord,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // First, as everywhere: a look-up that writes the same order at the same moment would wait for us in a circle.
    await lockExistingPayout(trx, payoutId);
    const id = { operation: FENCE_OPERATION.ORDER, externalOrderId: order.externalOrderId };
    await settleFence(trx, id, sends, FENCE_STATE.ACCEPTED);
    await writeOrder(trx, payoutId, order);
  });
}

/** Writes what a reading of the order says; once it is filled, its money is booked. */
export async function upsertOrder(db: BookDatabase, payoutId: string, order: OrderRecord): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    await writeOrder(trx, payoutId, order);
    if (order.status === FILLED) await bookFilled(trx, row, order);
  });
}

/** The provider's word. */
const FILLED = 'filled';

async function bookFilled(trx: BookTransaction, row: PayoutRow, order: OrderRecord): Promise<void> {
  await lockLedger(trx);
  if (await isBooked(trx, ENTRY_CAUSE.ORDER, order.externalOrderId)) return;
  const [base = '', quote = ''] = order.symbol.split('/');
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
}

async function writeOrder(trx: BookTransaction, payoutId: string, order: OrderRecord): Promise<void> {
  const columns = {
    amount: order.amount,
    price: order.price,
    quote_amount: order.quoteAmount,
    fee: order.fee,
    status: order.status,
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
    .onConflict((conflict) => conflict.column('external_order_id').doUpdateSet(columns))
    .execute();
}
