import { sql, type ExpressionBuilder } from 'kysely';
import type { FailureType } from '../domain/failure-type.js';
import { ENTRY_CAUSE } from '../domain/ledger.js';
import { orderExternalId, payoutExternalId } from '../domain/identifiers.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { BookDatabase, BookTransaction } from './database.js';
import type { PayoutRow } from './payouts.js';
import {
  FENCE_OPERATION,
  FENCE_STATE,
  type BookSchema,
  type FenceOperation,
  type FenceState,
} from './schema.js';

/**
 * A fence stands before every request that moves money: one row per operation and `externalOrderId`. A
 * request leaves only after its compare-and-set to `sending` was committed, so that no two senders both send.
 */
export interface FenceId {
  readonly operation: FenceOperation;
  readonly externalOrderId: string;
}

/** The status in which a payout's request of this kind is sent. */
export const STATUS_OF_OPERATION = {
  [FENCE_OPERATION.ORDER]: PAYOUT_STATUS.CONVERTING,
  [FENCE_OPERATION.PAYOUT]: PAYOUT_STATUS.PAYING,
} as const;

/** Narrows a statement down to the row of one fence. */
export function isOf({ operation, externalOrderId }: FenceId) {
  return (eb: ExpressionBuilder<BookSchema, 'fences'>) =>
    eb.and({ operation, external_order_id: externalOrderId });
}

/** The request of this kind that a payout is at; those of earlier attempts are over. */
export function currentFence(
  row: Pick<PayoutRow, 'payout_id' | 'order_attempt' | 'payout_attempt'>,
  operation: FenceOperation,
): FenceId {
  const externalOrderId =
    operation === FENCE_OPERATION.ORDER
      ? orderExternalId(row.payout_id, row.order_attempt)
      : payoutExternalId(row.payout_id, row.payout_attempt);
  return { operation, externalOrderId };
}

export function isCurrentFence(
  row: Pick<PayoutRow, 'payout_id' | 'order_attempt' | 'payout_attempt'>,
  { operation, externalOrderId }: FenceId,
): boolean {
  return currentFence(row, operation).externalOrderId === externalOrderId;
}

/** Nobody can say whether such a request was accepted. */
export const OPEN_STATES: readonly FenceState[] = [FENCE_STATE.SENDING, FENCE_STATE.UNKNOWN];

/** From these a request may leave by itself; from `sending` never, and from `unknown` only by authority. */
export const SENDABLE_STATES: readonly FenceState[] = [
  FENCE_STATE.PREPARED,
  FENCE_STATE.NOT_SENT,
  FENCE_STATE.REFUSED_RETRYABLE,
];

export async function prepareFence(
  trx: BookTransaction,
  id: FenceId,
  payoutId: string,
  state: FenceState = FENCE_STATE.PREPARED,
): Promise<void> {
  await trx
    .insertInto('fences')
    .values({
      operation: id.operation,
      external_order_id: id.externalOrderId,
      payout_id: payoutId,
      state,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What a request asks for, as far as whoever looks it up or sends it again has to know. */
export interface SentAmount {
  readonly amount: string;
  readonly currency: string;
  /** Of orders: the quoted price that was accepted. */
  readonly price?: string;
}

/**
 * The right to send once: the number of this sending, or undefined when somebody else has or had it. Whoever
 * finds `sending` did not send it himself, so that its outcome is unknown to everyone but the sender. An unknown
 * one may leave again only where that was authorised.
 */
export async function claimSending(
  db: BookDatabase,
  id: FenceId,
  asked: SentAmount,
): Promise<number | undefined> {
  return db.transaction().execute(async (trx) => {
    // A sender that was frozen while its payout was cancelled or held must not send any more: the payout is
    // locked as by those who end it.
    const payout = await trx
      .selectFrom('payouts')
      .innerJoin('fences', 'fences.payout_id', 'payouts.payout_id')
      .selectAll('payouts')
      .where('fences.operation', '=', id.operation)
      .where('fences.external_order_id', '=', id.externalOrderId)
      .forUpdate('payouts')
      .executeTakeFirst();
    if (payout?.status !== STATUS_OF_OPERATION[id.operation] || !isCurrentFence(payout, id)) return undefined;
    const row = await trx
      .updateTable('fences')
      .set({
        state: FENCE_STATE.SENDING,
        sends: sql<number>`sends + 1`,
        amount: asked.amount,
        currency: asked.currency,
        price: asked.price ?? null,
        resends: sql<number>`resends + case when state = ${FENCE_STATE.UNKNOWN} then 1 else 0 end`,
        first_sent_at: sql<Date>`coalesce(first_sent_at, clock_timestamp())`,
        last_sent_at: sql<Date>`clock_timestamp()`,
        clean_scans: 0,
        resend_by: null,
        updated_at: sql<Date>`clock_timestamp()`,
      })
      .where(isOf(id))
      .where((eb) =>
        eb.or([
          eb('state', 'in', SENDABLE_STATES),
          eb.and([eb('state', '=', FENCE_STATE.UNKNOWN), eb('resend_by', 'is not', null)]),
        ]),
      )
      .returning('sends')
      .executeTakeFirst();
    return row?.sends;
  });
}

/** What QbitPay has accepted counts for every sending, whichever it was found for: `externalOrderId` alone is identity. */
export async function acceptFence(trx: BookTransaction, id: FenceId): Promise<void> {
  await trx
    .updateTable('fences')
    .set({
      state: FENCE_STATE.ACCEPTED,
      resend_by: null,
      failure_type: null,
      failure_message: null,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where(isOf(id))
    .where('state', 'in', OPEN_STATES)
    .execute();
}

/**
 * Writes that sending number `sends` was not accepted, and answers with the state that the fence then has. The sender's
 * own answer also settles a fence that somebody else meanwhile declared unknown; it never touches a later sending:
 * undefined then. A refusal of a request that was sent again says nothing of the sending before: it stays unknown.
 */
export async function settleFence(
  trx: BookDatabase | BookTransaction,
  id: FenceId,
  sends: number,
  state: Exclude<FenceState, typeof FENCE_STATE.ACCEPTED>,
  rejection?: FenceRejection,
): Promise<FenceState | undefined> {
  const isWithoutEffect = state === FENCE_STATE.NOT_SENT || state === FENCE_STATE.REFUSED_RETRYABLE;
  const row = await trx
    .updateTable('fences')
    .set({
      state: sql<FenceState>`case when resends > 0 then ${FENCE_STATE.UNKNOWN} else ${state}::text end`,
      resend_by: null,
      ...(isWithoutEffect ? { resends: sql<number>`greatest(resends - 1, 0)` } : {}),
      failure_type: rejection?.type ?? null,
      failure_message: rejection?.message ?? null,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where(isOf(id))
    .where('sends', '=', sends)
    .where('state', 'in', OPEN_STATES)
    .returning('state')
    .executeTakeFirst();
  return row?.state;
}

/**
 * The sender itself does not know what became of sending number `sends`: until now it may have left, so that the
 * settle window begins anew, and nobody's word that it may be sent again holds any more.
 */
export async function endUnknown(db: BookDatabase, id: FenceId, sends: number): Promise<void> {
  await db
    .updateTable('fences')
    .set({
      state: FENCE_STATE.UNKNOWN,
      last_sent_at: sql<Date>`clock_timestamp()`,
      clean_scans: 0,
      resend_by: null,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where(isOf(id))
    .where('sends', '=', sends)
    .where('state', 'in', OPEN_STATES)
    .execute();
}

/** Takes back what {@link authoriseResend} allowed: its sender may live after all, or it was found. */
export async function withdrawResend(db: BookDatabase, id: FenceId): Promise<void> {
  await db
    .updateTable('fences')
    .set({ resend_by: null, clean_scans: 0, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', FENCE_STATE.UNKNOWN)
    .execute();
}

/** Declares a sending that nobody will answer for as unknown. */
export async function declareUnknown(db: BookDatabase, id: FenceId): Promise<void> {
  await db
    .updateTable('fences')
    .set({ state: FENCE_STATE.UNKNOWN, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', FENCE_STATE.SENDING)
    .execute();
}

export interface Fence {
  readonly state: FenceState;
  readonly sends: number;
  readonly asked: SentAmount | null;
  readonly firstSentAt: Date | null;
  /** How long ago it may have left last, by the database's clock, in milliseconds; null when it never was sent. */
  readonly sentAgoMs: number | null;
  /** How many times it was sent again although its outcome was not known. */
  readonly resends: number;
  /** How many times all of the provider's list was read without finding it, since it was sent last. */
  readonly cleanScans: number;
  /** It may be sent again although its outcome is not known. */
  readonly mayBeResent: boolean;
  /** Why the provider refused for good. */
  readonly rejection: FenceRejection | null;
}

export interface FenceRejection {
  readonly type: FailureType;
  /** The provider's reason, masked. */
  readonly message: string;
}

/** As {@link findFence}, of a request whose step was entered. */
export async function getFence(db: BookDatabase | BookTransaction, id: FenceId): Promise<Fence> {
  const fence = await findFence(db, id);
  if (fence === undefined) throw new Error(`no ${id.operation} ${id.externalOrderId} was prepared`);
  return fence;
}

export async function findFence(db: BookDatabase | BookTransaction, id: FenceId): Promise<Fence | undefined> {
  const row = await db
    .selectFrom('fences')
    .selectAll()
    .select(
      sql<number | null>`(extract(epoch from clock_timestamp() - last_sent_at) * 1000)::float8`.as(
        'sent_ago_ms',
      ),
    )
    .where(isOf(id))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const {
    state,
    sends,
    resends,
    amount,
    currency,
    price,
    failure_type: type,
    failure_message: message,
  } = row;
  return {
    state,
    sends,
    asked:
      amount === null || currency === null
        ? null
        : { amount, currency, ...(price === null ? {} : { price }) },
    firstSentAt: row.first_sent_at,
    sentAgoMs: row.sent_ago_ms,
    resends,
    cleanScans: row.clean_scans,
    mayBeResent: state === FENCE_STATE.UNKNOWN && row.resend_by !== null,
    rejection: type === null ? null : { type, message: message ?? '' },
  };
}

/**
 * Counts a reading of all of the provider's list that did not show the request; answers with how many there were. None
 * when its sender came back meanwhile, so that the settle window began anew.
 */
export async function noteCleanScan(
  db: BookDatabase,
  id: FenceId,
  { sends, settleWindowSeconds }: { readonly sends: number; readonly settleWindowSeconds: number },
): Promise<number> {
  const row = await db
    .updateTable('fences')
    .set({ clean_scans: sql<number>`clean_scans + 1` })
    .where(isOf(id))
    .where('sends', '=', sends)
    .where('state', '=', FENCE_STATE.UNKNOWN)
    .where('last_sent_at', '<=', sql<Date>`clock_timestamp() - make_interval(secs => ${settleWindowSeconds})`)
    .returning('clean_scans')
    .executeTakeFirst();
  return row?.clean_scans ?? 0;
}

/**
 * Allows a request whose outcome is not known to be sent again, once; false when it is not unknown any more, or when
 * fewer readings than it takes count, because its sender came back after them.
 */
export async function authoriseResend(
  db: BookDatabase | BookTransaction,
  id: FenceId,
  sends: number,
  by: string,
  cleanScans = 0,
): Promise<boolean> {
  const result = await db
    .updateTable('fences')
    .set({ resend_by: by, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', FENCE_STATE.UNKNOWN)
    .where('sends', '=', sends)
    .where('clean_scans', '>=', cleanScans)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Of a row of `provider_orders`: the order has ended, and what it moved is booked, or it moved nothing. */
export const IS_ORDER_OVER = sql<boolean>`
  (provider_orders.status in ('filled', 'cancelled', 'failed')
    and ((provider_orders.status <> 'filled' and provider_orders.quote_amount = 0)
      or exists (select from ledger_entries
        where cause = ${ENTRY_CAUSE.ORDER} and cause_id = provider_orders.external_order_id)))`;

/** Where a payout's requests are, as far as it cannot be cancelled for them. */
const AT_PROVIDER = {
  unknown: 'a request of it may have arrived at QbitPay: what became of it has to be known first',
  order: 'QbitPay has its order, which has not come to its end',
  payout: 'QbitPay has it',
  returning: 'its money has not come back from QbitPay yet',
} as const;

/**
 * Why a payout cannot be cancelled: the provider has, or may have, a payout of this one, or an order that has not come to
 * its end or whose proceeds are not booked. Undefined where it can.
 */
export async function whyAtProvider(trx: BookTransaction, payoutId: string): Promise<string | undefined> {
  const { rows } = await sql<{ what: keyof typeof AT_PROVIDER }>`
      select case
          when fences.state <> ${FENCE_STATE.ACCEPTED} then 'unknown'
          when fences.operation = ${FENCE_OPERATION.ORDER} then 'order'
          when provider_payouts.status in ('failed', 'cancelled') then 'returning'
          else 'payout' end as what
      from fences
      left join provider_orders on fences.operation = ${FENCE_OPERATION.ORDER}
        and provider_orders.external_order_id = fences.external_order_id
      left join provider_payouts on fences.operation = ${FENCE_OPERATION.PAYOUT}
        and provider_payouts.external_order_id = fences.external_order_id
      where fences.payout_id = ${payoutId}
        and (fences.state in (${FENCE_STATE.SENDING}, ${FENCE_STATE.UNKNOWN})
          or (fences.state = ${FENCE_STATE.ACCEPTED}
            and not coalesce(case fences.operation when ${FENCE_OPERATION.ORDER} then ${IS_ORDER_OVER}
              else provider_payouts.status in ('failed', 'cancelled') and provider_payouts.returned_at is not null end, false)))
      order by what desc limit 1`.execute(trx);
  return rows[0] && AT_PROVIDER[rows[0].what];
}
