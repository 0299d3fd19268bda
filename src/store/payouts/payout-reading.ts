import { sql, type InferResult } from 'kysely';
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres';
import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import { payoutExternalId } from '../../domain/identifiers.js';
import { compareAmounts } from '../../domain/money.js';
import { FUNDING, type PayoutRequest } from '../../domain/payout-request.js';
import type { PayoutStatus } from '../../domain/payout-status.js';
import type { FeeTerms } from '../../domain/quote.js';
import type { StoreDatabase } from '../database.js';
import { readPage, type Page, type PageRequest } from '../paging.js';
import type { PayoutRow } from '../schema.js';

/** What the store knows of a payout. Amounts are decimal strings, times are Dates. */
export type PayoutRecord = Readonly<ReturnType<typeof toRecord>>;
export type PayoutDepositRecord = NonNullable<ReturnType<typeof toDeposit>>;
type SelectedPayout = InferResult<ReturnType<typeof selectRecords>>[number];
/** An order as the provider's answer states it. */
export type OrderRecord = Readonly<NonNullable<SelectedPayout['order']>>;
/** A payout attempt as the provider's answer states it. */
export type ProviderPayoutRecord = Readonly<
  Omit<NonNullable<SelectedPayout['providerPayout']>, 'returnPending'>
>;
export type TimelineEntry = Awaited<ReturnType<typeof readTimeline>>[number];

/** Where a payout is: what its workflow goes on from. */
export interface StoredPayoutState {
  readonly status: PayoutStatus;
  /** Why it is held, or what it waits for; null when all is well. */
  readonly holdReason: FailureType | null;
  /** QbitPay's payout of the attempt that is being made; null while there is none. */
  readonly providerPayoutId: string | null;
  /** QbitPay failed or cancelled that attempt, and its money is not back yet. */
  readonly isReturnPending: boolean;
}

export interface PayoutListRequest extends PageRequest {
  readonly status?: PayoutStatus | undefined;
  readonly owner?: string | undefined;
}

export async function findPayout(db: StoreDatabase, payoutId: string): Promise<PayoutRecord | undefined> {
  const row = await selectRecords(db).where('payout_id', '=', payoutId).executeTakeFirst();
  return row && toRecord(row);
}

/** As {@link findPayout}, for payouts that must be there. */
export async function getPayout(db: StoreDatabase, payoutId: string): Promise<PayoutRecord> {
  const payout = await findPayout(db, payoutId);
  if (payout === undefined) throw new Error(`payout ${payoutId} is not in the store`);
  return payout;
}

export async function readPayoutState(db: StoreDatabase, payoutId: string): Promise<StoredPayoutState> {
  const rows = await db
    .selectFrom('payouts')
    .leftJoin('provider_payouts as attempt', 'attempt.payout_id', 'payouts.payout_id')
    .select(['payouts.status', 'hold_reason', 'payout_attempt'])
    .select(['external_order_id', 'provider_payout_id', 'return_pending'])
    .where('payouts.payout_id', '=', payoutId)
    .execute();
  const [payout] = rows;
  if (payout === undefined) throw new Error(`payout ${payoutId} is not in the store`);
  // An earlier attempt is over: nothing more is to be expected of it.
  const current = payoutExternalId(payoutId, payout.payout_attempt);
  const attempt = rows.find((row) => row.external_order_id === current);
  return {
    status: payout.status,
    holdReason: payout.hold_reason,
    providerPayoutId: attempt?.provider_payout_id ?? null,
    isReturnPending: compareAmounts(attempt?.return_pending ?? '0', '0') > 0,
  };
}

/** @throws UnknownCursorError when a cursor names no payout */
export async function listPayouts(
  db: StoreDatabase,
  { status, owner, ...request }: PayoutListRequest,
): Promise<Page<PayoutRecord>> {
  const payouts = selectRecords(db).where((eb) =>
    eb.and({ ...(status === undefined ? {} : { status }), ...(owner === undefined ? {} : { owner }) }),
  );
  const listed = { table: 'payouts', id: 'payout_id', sequence: 'sequence' } as const;
  const { items, hasMore } = await readPage(db, listed, payouts, request);
  return { items: items.map(toRecord), hasMore };
}

export async function readTimeline(db: StoreDatabase, payoutId: string) {
  return db
    .selectFrom('payout_timeline')
    .select(['status', 'at', 'detail'])
    .where('payout_id', '=', payoutId)
    .orderBy('entry_id')
    .execute();
}

/** A payout with its latest order, its latest attempt, and where a person has changed it to go to. */
function selectRecords(db: StoreDatabase) {
  return db
    .selectFrom('payouts')
    .selectAll()
    .select((eb) => [
      jsonObjectFrom(
        eb
          .selectFrom('provider_orders')
          .select(['external_order_id as externalOrderId', 'provider_order_id as providerOrderId', 'symbol'])
          .select([asText('amount'), asText('price'), asText('quoteAmount', 'quote_amount'), asText('fee')])
          .select('provider_orders.status')
          .whereRef('provider_orders.payout_id', '=', 'payouts.payout_id')
          .orderBy('recorded_at', 'desc')
          .limit(1),
      ).as('order'),
      jsonObjectFrom(
        eb
          .selectFrom('provider_payouts')
          .select(['external_order_id as externalOrderId', 'provider_payout_id as providerPayoutId'])
          .select(['currency', asText('postAmount', 'post_amount'), asText('fee'), 'provider_payouts.status'])
          .select([asText('recipientAmount', 'recipient_amount'), asText('returnPending', 'return_pending')])
          .whereRef('provider_payouts.payout_id', '=', 'payouts.payout_id')
          // An earlier one may have been adopted since.
          .orderBy(
            sql`split_part(external_order_id, '~', 2) = coalesce(nullif(payout_attempt, 1)::text, '')`,
            'desc',
          )
          .orderBy('recorded_at', 'desc')
          .limit(1),
      ).as('providerPayout'),
      jsonArrayFrom(
        eb
          .selectFrom('payout_destinations')
          .select(['payout_attempt as attempt', 'destination', 'decided_at as since'])
          .whereRef('payout_destinations.payout_id', '=', 'payouts.payout_id')
          .orderBy('destination_id'),
      ).as('changes'),
    ]);
}

/** A number of JSON would lose digits. */
function asText<Name extends string>(name: Name, column: string = name) {
  return sql<string>`${sql.ref(column)}::text`.as(name);
}

function toRecord(row: SelectedPayout) {
  // Where it was to go, and goes since a person changed that; the last one counts.
  const destinations = [
    { attempt: 1, destination: row.destination, since: row.created_at },
    ...row.changes.map((change) => ({ ...change, since: new Date(change.since) })),
  ];
  const { failure_type: failureType, minimum_amount: amount, minimum_currency: currency } = row;
  return {
    payoutId: row.payout_id,
    requestHash: row.request_hash,
    maker: row.maker,
    owner: row.owner,
    policy: row.policy,
    request: { ...toRequest(row), destination: destinations.at(-1)?.destination ?? row.destination },
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
    order: row.order,
    providerPayout: row.providerPayout,
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
