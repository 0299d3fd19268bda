import { sql, type ExpressionBuilder } from 'kysely';
import type { FailureType } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { orderExternalId, payoutExternalId } from '../../domain/identifiers.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { FAILED_OR_CANCELLED, ORDER_ENDS, PROVIDER_ORDER_STATUS } from '../../domain/provider-status.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import type { PayoutRow } from '../payouts/payout-transitions.js';
import {
  REQUEST_OPERATION,
  REQUEST_STATE,
  type StoreSchema,
  type RequestOperation,
  type RequestState,
} from '../schema.js';

/**
 * A provider request stands before every request that moves money: one row per operation and `externalOrderId`. A
 * request leaves only after its compare-and-set to `sending` was committed, so that no two senders both send.
 */
export interface ProviderRequestId {
  readonly operation: RequestOperation;
  readonly externalOrderId: string;
}

/** The status in which a payout's request of this kind is sent. */
export const STATUS_OF_OPERATION = {
  [REQUEST_OPERATION.ORDER]: PAYOUT_STATUS.CONVERTING,
  [REQUEST_OPERATION.PAYOUT]: PAYOUT_STATUS.PAYING,
} as const;

/** Narrows a statement down to the row of one provider request. */
export function isOf({ operation, externalOrderId }: ProviderRequestId) {
  return (eb: ExpressionBuilder<StoreSchema, 'provider_requests'>) =>
    eb.and({ operation, external_order_id: externalOrderId });
}

/** The request of this kind that a payout is at; those of earlier attempts are over. */
export function currentRequest(
  row: Pick<PayoutRow, 'payout_id' | 'order_attempt' | 'payout_attempt'>,
  operation: RequestOperation,
): ProviderRequestId {
  const externalOrderId =
    operation === REQUEST_OPERATION.ORDER
      ? orderExternalId(row.payout_id, row.order_attempt)
      : payoutExternalId(row.payout_id, row.payout_attempt);
  return { operation, externalOrderId };
}

export function isCurrentRequest(
  row: Pick<PayoutRow, 'payout_id' | 'order_attempt' | 'payout_attempt'>,
  { operation, externalOrderId }: ProviderRequestId,
): boolean {
  return currentRequest(row, operation).externalOrderId === externalOrderId;
}

/** Nobody can say whether such a request was accepted. */
export const OPEN_STATES: readonly RequestState[] = [REQUEST_STATE.SENDING, REQUEST_STATE.UNKNOWN];

/** From these a request may leave by itself; from `sending` never, and from `unknown` only by authority. */
export const SENDABLE_STATES: readonly RequestState[] = [
  REQUEST_STATE.PREPARED,
  REQUEST_STATE.NOT_SENT,
  REQUEST_STATE.RETRY_LATER,
];

export async function prepareRequest(
  trx: StoreTransaction,
  id: ProviderRequestId,
  payoutId: string,
  state: RequestState = REQUEST_STATE.PREPARED,
): Promise<void> {
  await trx
    .insertInto('provider_requests')
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
  db: StoreDatabase,
  id: ProviderRequestId,
  asked: SentAmount,
): Promise<number | undefined> {
  return db.transaction().execute(async (trx) => {
    // A sender that was frozen while its payout was cancelled or held must not send any more: the payout is
    // locked as by those who end it.
    const payout = await trx
      .selectFrom('payouts')
      .innerJoin('provider_requests', 'provider_requests.payout_id', 'payouts.payout_id')
      .selectAll('payouts')
      .where('provider_requests.operation', '=', id.operation)
      .where('provider_requests.external_order_id', '=', id.externalOrderId)
      .forUpdate('payouts')
      .executeTakeFirst();
    if (payout?.status !== STATUS_OF_OPERATION[id.operation] || !isCurrentRequest(payout, id))
      return undefined;
    const row = await trx
      .updateTable('provider_requests')
      .set({
        state: REQUEST_STATE.SENDING,
        sends: sql<number>`sends + 1`,
        amount: asked.amount,
        currency: asked.currency,
        price: asked.price ?? null,
        resends: sql<number>`resends + case when state = ${REQUEST_STATE.UNKNOWN} then 1 else 0 end`,
        first_sent_at: sql<Date>`coalesce(first_sent_at, clock_timestamp())`,
        last_sent_at: sql<Date>`clock_timestamp()`,
        absence_checks: 0,
        resend_by: null,
        updated_at: sql<Date>`clock_timestamp()`,
      })
      .where(isOf(id))
      .where((eb) =>
        eb.or([
          eb('state', 'in', SENDABLE_STATES),
          eb.and([eb('state', '=', REQUEST_STATE.UNKNOWN), eb('resend_by', 'is not', null)]),
        ]),
      )
      .returning('sends')
      .executeTakeFirst();
    return row?.sends;
  });
}

/** What QbitPay has accepted counts for every sending, whichever it was found for: `externalOrderId` alone is identity. */
export async function acceptRequest(trx: StoreTransaction, id: ProviderRequestId): Promise<void> {
  await trx
    .updateTable('provider_requests')
    .set({
      state: REQUEST_STATE.ACCEPTED,
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
 * Writes that sending number `sends` was not accepted, and answers with the state that the provider request then has. The sender's
 * own answer also settles a provider request that somebody else meanwhile declared unknown; it never touches a later sending:
 * undefined then. A refusal of a request that was sent again says nothing of the sending before: it stays unknown.
 */
export async function settleRequest(
  trx: StoreDatabase | StoreTransaction,
  id: ProviderRequestId,
  sends: number,
  state: Exclude<RequestState, typeof REQUEST_STATE.ACCEPTED>,
  rejection?: RequestRefusal,
): Promise<RequestState | undefined> {
  const isWithoutEffect = state === REQUEST_STATE.NOT_SENT || state === REQUEST_STATE.RETRY_LATER;
  const row = await trx
    .updateTable('provider_requests')
    .set({
      state: sql<RequestState>`case when resends > 0 then ${REQUEST_STATE.UNKNOWN} else ${state}::text end`,
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
 * unknown-outcome wait begins anew, and nobody's word that it may be sent again holds any more.
 */
export async function endUnknown(db: StoreDatabase, id: ProviderRequestId, sends: number): Promise<void> {
  await db
    .updateTable('provider_requests')
    .set({
      state: REQUEST_STATE.UNKNOWN,
      last_sent_at: sql<Date>`clock_timestamp()`,
      absence_checks: 0,
      resend_by: null,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where(isOf(id))
    .where('sends', '=', sends)
    .where('state', 'in', OPEN_STATES)
    .execute();
}

/** Takes back what {@link authoriseResend} allowed: its sender may live after all, or it was found. */
export async function withdrawResend(db: StoreDatabase, id: ProviderRequestId): Promise<void> {
  await db
    .updateTable('provider_requests')
    .set({ resend_by: null, absence_checks: 0, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .execute();
}

/** Declares a sending that nobody will answer for as unknown. */
export async function declareUnknown(db: StoreDatabase, id: ProviderRequestId): Promise<void> {
  await db
    .updateTable('provider_requests')
    .set({ state: REQUEST_STATE.UNKNOWN, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', REQUEST_STATE.SENDING)
    .execute();
}

export interface ProviderRequest {
  readonly state: RequestState;
  readonly sends: number;
  readonly asked: SentAmount | null;
  readonly firstSentAt: Date | null;
  /** How long ago it may have left last, by the database's clock, in milliseconds; null when it never was sent. */
  readonly sentAgoMs: number | null;
  /** How many times it was sent again although its outcome was not known. */
  readonly resends: number;
  /** How many times all of the provider's list was read without discrepancy it, since it was sent last. */
  readonly absenceChecks: number;
  /** It may be sent again although its outcome is not known. */
  readonly mayBeResent: boolean;
  /** Why the provider refused for good. */
  readonly rejection: RequestRefusal | null;
}

export interface RequestRefusal {
  readonly type: FailureType;
  /** The provider's reason, masked. */
  readonly message: string;
}

/** As {@link findRequest}, of a request whose step was entered. */
export async function getRequest(
  db: StoreDatabase | StoreTransaction,
  id: ProviderRequestId,
): Promise<ProviderRequest> {
  const providerRequest = await findRequest(db, id);
  if (providerRequest === undefined) throw new Error(`no ${id.operation} ${id.externalOrderId} was prepared`);
  return providerRequest;
}

export async function findRequest(
  db: StoreDatabase | StoreTransaction,
  id: ProviderRequestId,
): Promise<ProviderRequest | undefined> {
  const row = await db
    .selectFrom('provider_requests')
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
    absenceChecks: row.absence_checks,
    mayBeResent: state === REQUEST_STATE.UNKNOWN && row.resend_by !== null,
    rejection: type === null ? null : { type, message: message ?? '' },
  };
}

/**
 * Counts a reading of all of the provider's list that did not show the request; answers with how many there were. None
 * when its sender came back meanwhile, so that the wait for an unknown outcome began anew.
 */
export async function noteAbsenceCheck(
  db: StoreDatabase,
  id: ProviderRequestId,
  {
    sends,
    unknownOutcomeWaitSeconds,
  }: { readonly sends: number; readonly unknownOutcomeWaitSeconds: number },
): Promise<number> {
  const row = await db
    .updateTable('provider_requests')
    .set({ absence_checks: sql<number>`absence_checks + 1` })
    .where(isOf(id))
    .where('sends', '=', sends)
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .where(
      'last_sent_at',
      '<=',
      sql<Date>`clock_timestamp() - make_interval(secs => ${unknownOutcomeWaitSeconds})`,
    )
    .returning('absence_checks')
    .executeTakeFirst();
  return row?.absence_checks ?? 0;
}

/**
 * Allows a request whose outcome is not known to be sent again, once; false when it is not unknown any more, or when
 * fewer readings than it takes count, because its sender came back after them.
 */
export async function authoriseResend(
  db: StoreDatabase | StoreTransaction,
  id: ProviderRequestId,
  sends: number,
  by: string,
  absenceChecks = 0,
): Promise<boolean> {
  const result = await db
    .updateTable('provider_requests')
    .set({ resend_by: by, updated_at: sql<Date>`clock_timestamp()` })
    .where(isOf(id))
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .where('sends', '=', sends)
    .where('absence_checks', '>=', absenceChecks)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Of a row of `provider_orders`: the order has ended, and what it moved is booked, or it moved nothing. */
export const IS_ORDER_OVER = sql<boolean>`
  (provider_orders.status in (${sql.join(ORDER_ENDS)})
    and ((provider_orders.status <> ${PROVIDER_ORDER_STATUS.FILLED} and provider_orders.quote_amount = 0)
      or exists (select from ledger_entries
        where cause = ${ENTRY_CAUSE.ORDER} and cause_id = provider_orders.external_order_id)))`;

/** Where a payout's requests are, as far as it cannot be cancelled for them. */
const AT_PROVIDER = {
  unknown: 'a request of it may have arrived at QbitPay: what became of it has to be known first',
  order: 'QbitPay has its order, which has not come to its end',
  payout: 'QbitPay has it',
  returnPending: 'its money has not come back from QbitPay yet',
} as const;

/**
 * Why a payout cannot be cancelled: the provider has, or may have, a payout of this one, or an order that has not come to
 * its end or whose proceeds are not booked. Undefined where it can.
 */
export async function whyAtProvider(trx: StoreTransaction, payoutId: string): Promise<string | undefined> {
  const { rows } = await sql<{ what: keyof typeof AT_PROVIDER }>`
      select case
          when provider_requests.state <> ${REQUEST_STATE.ACCEPTED} then 'unknown'
          when provider_requests.operation = ${REQUEST_OPERATION.ORDER} then 'order'
          when provider_payouts.status in (${sql.join(FAILED_OR_CANCELLED)}) then 'returnPending'
          else 'payout' end as what
      from provider_requests
      left join provider_orders on provider_requests.operation = ${REQUEST_OPERATION.ORDER}
        and provider_orders.external_order_id = provider_requests.external_order_id
      left join provider_payouts on provider_requests.operation = ${REQUEST_OPERATION.PAYOUT}
        and provider_payouts.external_order_id = provider_requests.external_order_id
      where provider_requests.payout_id = ${payoutId}
        and (provider_requests.state in (${REQUEST_STATE.SENDING}, ${REQUEST_STATE.UNKNOWN})
          or (provider_requests.state = ${REQUEST_STATE.ACCEPTED}
            and not coalesce(case provider_requests.operation when ${REQUEST_OPERATION.ORDER} then ${IS_ORDER_OVER}
              else provider_payouts.status in (${sql.join(FAILED_OR_CANCELLED)}) and provider_payouts.returned_at is not null end, false)))
      order by what desc limit 1`.execute(trx);
  return rows[0] && AT_PROVIDER[rows[0].what];
}
