import type { ExpressionBuilder, Selectable } from 'kysely';
import { FUNDING, type PayoutRequest } from '../../domain/payout-request.js';
import type { StoreDatabase } from '../database.js';
import type { PayoutRow } from './payout-transitions.js';
import {
  UnknownCursorError,
  type OrderRecord,
  type PayoutDepositRecord,
  type PayoutListRequest,
  type PayoutPage,
  type PayoutRecord,
  type ProviderPayoutRecord,
  type TimelineEntry,
} from './payout-records.js';
import type { StoreSchema } from '../schema.js';

export async function findPayout(db: StoreDatabase, payoutId: string): Promise<PayoutRecord | undefined> {
  const rows = await db.selectFrom('payouts').selectAll().where('payout_id', '=', payoutId).execute();
  return (await toRecords(db, rows))[0];
}

/** As {@link findPayout}, for payouts that must be there. */
export async function getPayout(db: StoreDatabase, payoutId: string): Promise<PayoutRecord> {
  const payout = await findPayout(db, payoutId);
  if (payout === undefined) throw new Error(`payout ${payoutId} is not in the store`);
  return payout;
}

/** Whose payout the provider's id names. */
export async function findPayoutIdByProviderId(
  db: StoreDatabase,
  providerPayoutId: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('provider_payouts')
    .select('payout_id')
    .where('provider_payout_id', '=', providerPayoutId)
    .executeTakeFirst();
  return row?.payout_id;
}

/** Newest first. @throws UnknownCursorError when a cursor names no payout */
export async function listPayouts(db: StoreDatabase, request: PayoutListRequest): Promise<PayoutPage> {
  const forwards = request.endingBefore === undefined;
  const cursor = await findCursor(db, request);
  const rows = await db
    .selectFrom('payouts')
    .selectAll()
    .where((eb) => isWanted(eb, request, cursor, forwards))
    .orderBy('sequence', forwards ? 'desc' : 'asc')
    .limit(request.limit + 1)
    .execute();
  const page = rows.slice(0, request.limit);
  return {
    payouts: await toRecords(db, forwards ? page : page.reverse()),
    hasMore: rows.length > request.limit,
  };
}

function isWanted(
  eb: ExpressionBuilder<StoreSchema, 'payouts'>,
  request: PayoutListRequest,
  cursor: string | undefined,
  forwards: boolean,
) {
  return eb.and([
    ...(cursor === undefined ? [] : [eb('sequence', forwards ? '<' : '>', cursor)]),
    ...(request.status === undefined ? [] : [eb('status', '=', request.status)]),
  ]);
}

async function findCursor(db: StoreDatabase, request: PayoutListRequest): Promise<string | undefined> {
  const payoutId = request.startingAfter ?? request.endingBefore;
  if (payoutId === undefined) return undefined;
  const row = await db
    .selectFrom('payouts')
    .select('sequence')
    .where('payout_id', '=', payoutId)
    .executeTakeFirst();
  if (row === undefined) {
    throw new UnknownCursorError(request.startingAfter === undefined ? 'ending_before' : 'starting_after');
  }
  return row.sequence;
}

export async function readTimeline(db: StoreDatabase, payoutId: string): Promise<TimelineEntry[]> {
  return db
    .selectFrom('payout_timeline')
    .select(['status', 'at', 'detail'])
    .where('payout_id', '=', payoutId)
    .orderBy('entry_id')
    .execute();
}

async function toRecords(db: StoreDatabase, rows: readonly PayoutRow[]): Promise<PayoutRecord[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.payout_id);
  // Sorted, so that the latest order and attempt of a payout win.
  const [orders, attempts] = await Promise.all([
    db
      .selectFrom('provider_orders')
      .selectAll()
      .where('payout_id', 'in', ids)
      .orderBy('recorded_at')
      .execute(),
    db
      .selectFrom('provider_payouts')
      .selectAll()
      .where('payout_id', 'in', ids)
      .orderBy('recorded_at')
      .execute(),
  ]);
  const orderOf = new Map(orders.map((order) => [order.payout_id, toOrder(order)]));
  const attemptOf = new Map(attempts.map((attempt) => [attempt.payout_id, toProviderPayout(attempt)]));
  return rows.map((row) =>
    toRecord(row, orderOf.get(row.payout_id) ?? null, attemptOf.get(row.payout_id) ?? null),
  );
}

function toRecord(
  row: PayoutRow,
  order: OrderRecord | null,
  providerPayout: ProviderPayoutRecord | null,
): PayoutRecord {
  return {
    payoutId: row.payout_id,
    requestHash: row.request_hash,
    firstExecutionRunId: row.first_execution_run_id,
    openRequestId: row.open_request_id,
    maker: row.maker,
    request: toRequest(row),
    amount: row.amount,
    currency: row.currency,
    amountMode: row.amount_mode,
    fundingCurrency: row.funding_currency,
    funding: row.funding,
    status: row.status,
    holdReason: row.hold_reason,
    failure:
      row.failure_type === null ? null : { type: row.failure_type, message: row.failure_message ?? '' },
    flags: row.flags,
    deposit: toDeposit(row),
    feeTerms: toFeeTerms(row),
    estimatedPrice: row.estimated_price,
    minimum:
      row.minimum_amount === null || row.minimum_currency === null
        ? null
        : { amount: row.minimum_amount, currency: row.minimum_currency },
    orderAttempt: row.order_attempt,
    payoutAttempt: row.payout_attempt,
    heldFrom: row.held_from,
    order,
    providerPayout,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Null for a payout that was never opened, or that the available balance funds. */
export function toDeposit(row: PayoutRow): PayoutDepositRecord | null {
  if (
    row.deposit_address === null ||
    row.deposit_network === null ||
    row.deposit_amount === null ||
    row.deposit_expires_at === null
  ) {
    return null;
  }
  return {
    currency: row.funding_currency,
    network: row.deposit_network,
    address: row.deposit_address,
    amount: row.deposit_amount,
    received: row.deposit_received,
    expiresAt: row.deposit_expires_at,
  };
}

/** The request as it was made. */
export function toRequest(row: PayoutRow): PayoutRequest {
  return {
    payoutId: row.payout_id,
    amount: row.amount,
    currency: row.currency,
    amountMode: row.amount_mode,
    fundingCurrency: row.funding_currency,
    ...(row.funding === FUNDING.DEPOSIT ? {} : { funding: row.funding }),
    destination: row.destination,
    ...(row.description === null ? {} : { description: row.description }),
  };
}

export function toFeeTerms(row: PayoutRow): PayoutRecord['feeTerms'] {
  if (row.fee_side === null || row.payout_fee_rate === null || row.trade_fee_rate === null) return null;
  return { side: row.fee_side, payoutRate: row.payout_fee_rate, tradeRate: row.trade_fee_rate };
}

function toOrder(row: Selectable<StoreSchema['provider_orders']>): OrderRecord {
  return {
    externalOrderId: row.external_order_id,
    providerOrderId: row.provider_order_id,
    symbol: row.symbol,
    amount: row.amount,
    price: row.price,
    quoteAmount: row.quote_amount,
    fee: row.fee,
    status: row.status,
  };
}

function toProviderPayout(row: Selectable<StoreSchema['provider_payouts']>): ProviderPayoutRecord {
  return {
    externalOrderId: row.external_order_id,
    providerPayoutId: row.provider_payout_id,
    currency: row.currency,
    postAmount: row.post_amount,
    recipientAmount: row.recipient_amount,
    fee: row.fee,
    status: row.status,
  };
}
