import { sql } from 'kysely';
import type { FailureType } from '../domain/failure-type.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { prepareFence, settleFence, STATUS_OF_OPERATION, type FenceId } from './fences.js';
import { addTimelineEntry, lockExistingPayout, transitionPayout } from './payouts.js';
import type { OrderRecord, ProviderPayoutRecord } from './records.js';
import { FENCE_OPERATION, FENCE_STATE } from './schema.js';

/** Orders and payouts at the provider: the status before the request, the fence around it, the answer after it. */

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
    const id = { operation: FENCE_OPERATION.ORDER, externalOrderId: order.externalOrderId };
    await settleFence(trx, id, sends, FENCE_STATE.ACCEPTED);
    await upsertOrder(trx, payoutId, order);
  });
}

/** Writes what a later reading of the order says. */
export async function upsertOrder(
  db: BookDatabase | BookTransaction,
  payoutId: string,
  order: OrderRecord,
): Promise<void> {
  const columns = {
    amount: order.amount,
    price: order.price,
    quote_amount: order.quoteAmount,
    fee: order.fee,
    status: order.status,
  };
  await db
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

/** Writes the accepted payout and moves on to `in_transit`, both or neither. */
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
    await trx
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
      .execute();
    const detail = `accepted by QbitPay as ${payout.providerPayoutId}`;
    const status = await transitionPayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, { detail });
    // Somebody gave up waiting for this answer: whoever decides now has to know of it.
    if (status !== PAYOUT_STATUS.IN_TRANSIT) await addTimelineEntry(trx, payoutId, status, `${detail}, late`);
    return status;
  });
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

/** Writes what the provider's API said of an accepted payout, and ends the payout when that is an end. */
export async function recordSettlement(
  db: BookDatabase,
  payoutId: string,
  reading: SettlementReading,
): Promise<PayoutStatus> {
  return db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    await trx
      .updateTable('provider_payouts')
      .set({ recipient_amount: reading.recipientAmount, fee: reading.fee, status: reading.providerStatus })
      .where('provider_payout_id', '=', reading.providerPayoutId)
      .where('payout_id', '=', payoutId)
      .execute();
    return reading.outcome === null
      ? row.status
      : transitionPayout(trx, row, reading.outcome.status, reading.outcome);
  });
}

/** What selling the deposit brought in, after the orders' fees, in the payout currency. */
export async function proceedsOf(db: BookDatabase, payoutId: string): Promise<string> {
  const row = await db
    .selectFrom('provider_orders')
    .select(sql<string>`coalesce(sum(quote_amount - fee), 0)`.as('proceeds'))
    .where('payout_id', '=', payoutId)
    .where('status', '=', 'filled')
    .executeTakeFirstOrThrow();
  return row.proceeds;
}
