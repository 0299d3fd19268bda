import type { Selectable } from 'kysely';
import type { Destination } from '../../domain/destination.js';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { FUNDING, type PayoutRequest } from '../../domain/payout-request.js';
import type { PayoutStatus } from '../../domain/payout-status.js';
import type { FeeTerms } from '../../domain/quote.js';
import type { StoreDatabase } from '../database.js';
import { readPage, type Page, type PageRequest } from '../paging.js';
import type { PayoutRow, StoreSchema } from '../schema.js';

/** What the store knows of a payout. Amounts are decimal strings, times are Dates. */
export type PayoutRecord = Readonly<ReturnType<typeof toRecord>>;
export type PayoutDepositRecord = NonNullable<ReturnType<typeof toDeposit>>;
/** An order as the provider's answer states it. */
export type OrderRecord = Readonly<ReturnType<typeof toOrder>>;
/** A payout attempt as the provider's answer states it. */
export type ProviderPayoutRecord = Readonly<ReturnType<typeof toProviderPayout>>;
export type TimelineEntry = Awaited<ReturnType<typeof readTimeline>>[number];

/** Where a payout goes, from an attempt on. */
interface PayoutDestination {
  readonly attempt: number;
  readonly destination: Destination;
  readonly since: Date;
}

export interface PayoutListRequest extends PageRequest {
  readonly status?: PayoutStatus | undefined;
  readonly owner?: string | undefined;
}

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

/** @throws UnknownCursorError when a cursor names no payout */
export async function listPayouts(
  db: StoreDatabase,
  { status, owner, ...request }: PayoutListRequest,
): Promise<Page<PayoutRecord>> {
  const payouts = db
    .selectFrom('payouts')
    .selectAll()
    .where((eb) =>
      eb.and({ ...(status === undefined ? {} : { status }), ...(owner === undefined ? {} : { owner }) }),
    );
  const listed = { table: 'payouts', id: 'payout_id', sequence: 'sequence' } as const;
  const { items, hasMore } = await readPage(db, listed, payouts, request);
  return { items: await toRecords(db, items), hasMore };
}

export async function readTimeline(db: StoreDatabase, payoutId: string) {
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
  const orders = await db
    .selectFrom('provider_orders')
    .selectAll()
    .where('payout_id', 'in', ids)
    .orderBy('recorded_at')
    .execute();
  const attempts = await db
    .selectFrom('provider_payouts')
    .selectAll()
    .where('payout_id', 'in', ids)
    .orderBy('recorded_at')
    .execute();
  const changes = await db
    .selectFrom('payout_destinations')
    .select(['payout_id', 'payout_attempt as attempt', 'destination', 'decided_at as since'])
    .where('payout_id', 'in', ids)
    .orderBy('destination_id')
    .execute();
  const orderOf = new Map(orders.map((order) => [order.payout_id, toOrder(order)]));
  const attemptOf = new Map(attempts.map((attempt) => [attempt.payout_id, attempt]));
  return rows.map((row) =>
    toRecord(row, {
      order: orderOf.get(row.payout_id) ?? null,
      attempt: attemptOf.get(row.payout_id) ?? null,
      changes: changes.filter((change) => change.payout_id === row.payout_id),
    }),
  );
}

function toRecord(
  row: PayoutRow,
  {
    order,
    attempt,
    changes,
  }: {
    readonly order: OrderRecord | null;
    readonly attempt: Selectable<StoreSchema['provider_payouts']> | null;
    readonly changes: readonly PayoutDestination[];
  },
) {
  const destinations: readonly PayoutDestination[] = [
    { attempt: 1, destination: row.destination, since: row.created_at },
    ...changes,
  ];
  const { failure_type: failureType, minimum_amount: amount, minimum_currency: currency } = row;
  return {
    payoutId: row.payout_id,
    requestHash: row.request_hash,
    maker: row.maker,
    owner: row.owner,
    policy: row.policy,
    request: { ...toRequest(row), destination: destinations.at(-1)?.destination ?? row.destination },
    /** Where it was to go, and goes since a person changed that; the last one counts. */
    destinations,
    amount: row.amount,
    currency: row.currency,
    amountMode: row.amount_mode,
    fundingCurrency: row.funding_currency,
    funding: row.funding,
    status: row.status,
    holdReason: row.hold_reason,
    heldFrom: row.held_from,
    /** Why the payout ended without paying. */
    failure: failureType === null ? null : { type: failureType, message: row.failure_message ?? '' },
    flags: row.flags,
    deposit: toDeposit(row),
    feeTerms: toFeeTerms(row),
    estimatedPrice: row.estimated_price,
    /** What a person can accept, while it is held for its price. */
    priceOffer: row.hold_reason === FAILURE_TYPE.PRICE_MOVED ? row.price_offer : null,
    acceptedPrice: row.accepted_price,
    minimum: amount === null || currency === null ? null : { amount, currency },
    orderAttempt: row.order_attempt,
    payoutAttempt: row.payout_attempt,
    order,
    providerPayout: attempt && toProviderPayout(attempt),
    /** What is on its way back from QbitPay, in the payout currency; "0" where nothing is. */
    returnPending: attempt?.return_pending ?? '0',
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Null for a payout that was never opened, or that the available balance funds. */
export function toDeposit(row: PayoutRow) {
  const { deposit_address: address, deposit_network: network, deposit_amount: amount } = row;
  const { deposit_expires_at: expiresAt, deposit_received: received, funding_currency: currency } = row;
  const { deposit_matched_by: matchedBy } = row;
  if (address === null || network === null || amount === null || expiresAt === null) return null;
  if (matchedBy === null) return null;
  return { currency, network, address, amount, matchedBy, received, expiresAt };
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

export function toFeeTerms(row: PayoutRow): FeeTerms | null {
  const { fee_side: side, payout_fee_rate: payoutRate, trade_fee_rate: tradeRate } = row;
  return side === null || payoutRate === null || tradeRate === null ? null : { side, payoutRate, tradeRate };
}

function toOrder(row: Selectable<StoreSchema['provider_orders']>) {
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

function toProviderPayout(row: Selectable<StoreSchema['provider_payouts']>) {
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
