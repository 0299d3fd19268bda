import { sql, type ExpressionBuilder, type UpdateObject } from 'kysely';
import type { Failure } from '../../domain/failure-type.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { refuse, type Refusal } from '../outcome.js';
import { mayFollow } from './answer-checks.js';
import { isBraked } from '../controls/brakes.js';
import { inSeenStore, type SeenStore } from '../controls/seen-store.js';
import { isShown, whyAnotherLives } from '../mirror/absence.js';
import { isGranted, wishForSync } from '../mirror/sync-state.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { isCarriedBy, lockExistingPayout, transitionPayout } from '../payouts/payout-transitions.js';
import { REQUEST_OPERATION, REQUEST_STATE, type RequestState, type StoreSchema } from '../schema.js';
import { currentRequest, isCurrentRequest, REQUEST_KIND, type ProviderRequestId } from './request-kind.js';

/**
 * The rows of `provider_requests`: a request that moves money leaves only after its compare-and-set to `sending` was
 * committed, so that no two senders both send.
 */

export type ProviderRequest = NonNullable<Awaited<ReturnType<typeof find>>>;

/** What a request asks for, as far as whoever looks for it or sends it again has to know. */
export interface SentAmount {
  readonly amount: string;
  readonly currency: string;
  /** Of orders: the quoted price that was accepted. */
  readonly price?: string;
}

/** Nobody can say whether such a request was accepted. */
export const OPEN_STATES: readonly RequestState[] = [REQUEST_STATE.SENDING, REQUEST_STATE.UNKNOWN];

/** From these a request may leave by itself; from `sending` never, and from `unknown` only where that was authorised. */
export const SENDABLE_STATES: readonly RequestState[] = [
  REQUEST_STATE.PREPARED,
  REQUEST_STATE.NOT_SENT,
  REQUEST_STATE.RETRY_LATER,
];

const CLAIMABLE_STATES = [...SENDABLE_STATES, REQUEST_STATE.UNKNOWN];

/** What was read before says nothing of what may have left since, and allows nothing. */
const NOT_SEARCHED = {
  absence_checks: 0,
  absence_from: null,
  absence_wanted: null,
  resend_by: null,
} as const;

const NOT_REFUSED = {
  provisional_state: null,
  retry_after_seconds: null,
  failure_type: null,
  failure_message: null,
} as const;

/** Narrows a statement down to the row of one request. */
export function isOf({ operation, externalOrderId }: ProviderRequestId) {
  return (eb: ExpressionBuilder<StoreSchema, 'provider_requests'>) =>
    eb.and({ operation, external_order_id: externalOrderId });
}

function updateRequest(
  db: StoreDatabase,
  id: ProviderRequestId,
  states: readonly RequestState[],
  changes: UpdateObject<StoreSchema, 'provider_requests'>,
) {
  return db
    .updateTable('provider_requests')
    .set({ updated_at: NOW, ...changes })
    .where(isOf(id))
    .where('state', 'in', states);
}

/**
 * Moves the payout into the status in which the request is sent and writes the request, both or neither; answers with the
 * request. Undefined when the payout is elsewhere by now: cancelled, held, or further.
 */
export async function prepare(
  db: StoreDatabase,
  payoutId: string,
  id: ProviderRequestId,
  detail: string,
): Promise<ProviderRequest | undefined> {
  return inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    // A process that was frozen since the attempt before must not answer for the one that is made now.
    if (!isCurrentRequest(row, id)) return undefined;
    const { sentIn } = REQUEST_KIND[id.operation];
    if ((await transitionPayout(trx, row, sentIn, { detail })) !== sentIn) return undefined;
    await insertRequest(trx, id, payoutId);
    return get(trx, id);
  });
}

export async function insertRequest(
  trx: StoreTransaction,
  { operation, externalOrderId }: ProviderRequestId,
  payoutId: string,
  state: RequestState = REQUEST_STATE.PREPARED,
): Promise<void> {
  await trx
    .insertInto('provider_requests')
    .values({ operation, external_order_id: externalOrderId, payout_id: payoutId, state })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Who wants to send. */
export type Sender = { readonly runId: string; readonly seen: SeenStore };

/**
 * Gives the run that carries the payout the right to send once, and answers with the number of this sending. Refused,
 * with undefined, when somebody else has or had that right: whoever finds `sending` did not send it himself, and its
 * outcome is known to nobody but its sender. Also refused where QbitPay shows an object under the id: the request is
 * unknown then; and where it shows another attempt of the payout that lives. The other refusals have a name: a superseded
 * run, a process newer than the mirror, an engaged brake, and that one payout has to be answered first.
 */
export async function claim(
  db: StoreDatabase,
  id: ProviderRequestId,
  { runId, seen }: Sender,
  asked: SentAmount,
): Promise<number | 'superseded' | 'notSynced' | 'braked' | 'notFirst' | Refusal | undefined> {
  return inSeenStore(db, seen, async (trx) => {
    // Locked as by those who end the payout: a sender that was frozen while it was cancelled or held must not send.
    const payout = await trx
      .selectFrom('payouts')
      .innerJoin('provider_requests', 'provider_requests.payout_id', 'payouts.payout_id')
      .selectAll('payouts')
      .where('provider_requests.operation', '=', id.operation)
      .where('provider_requests.external_order_id', '=', id.externalOrderId)
      .forNoKeyUpdate('payouts')
      .executeTakeFirst();
    if (payout === undefined) return undefined;
    if (!isCarriedBy(payout, runId)) return 'superseded';
    if (payout.status !== REQUEST_KIND[id.operation].sentIn || !isCurrentRequest(payout, id))
      return undefined;
    if (!(await isGranted(trx, seen.startWish))) return 'notSynced';
    const isStopped = await isBraked(trx, payout, id.operation);
    if (await isShown(trx, id, asked, isStopped)) {
      await awaitOutcome(trx, id, asked);
      return undefined;
    }
    const { externalOrderId: current } = currentRequest(payout, REQUEST_OPERATION.PAYOUT);
    const isFirst = payout.payout_attempt === 1;
    const rival = isFirst ? undefined : await whyAnotherLives(trx, payout.payout_id, current);
    if (rival !== undefined) return refuse(rival);
    if (isStopped) return 'braked';
    if (!(await mayFollow(trx, payout, id.operation))) return 'notFirst';
    const row = await updateRequest(trx, id, CLAIMABLE_STATES, {
      state: REQUEST_STATE.SENDING,
      sends: sql<number>`sends + 1`,
      amount: asked.amount,
      currency: asked.currency,
      price: asked.price ?? null,
      resends: sql<number>`resends + case when state = ${REQUEST_STATE.UNKNOWN} then 1 else 0 end`,
      first_sent_at: sql<Date>`coalesce(first_sent_at, clock_timestamp())`,
      last_sent_at: NOW,
      ...NOT_SEARCHED,
      ...NOT_REFUSED,
    })
      .where((eb) => eb.or([eb('state', '<>', REQUEST_STATE.UNKNOWN), eb('resend_by', 'is not', null)]))
      .returning('sends')
      .executeTakeFirst();
    return row?.sends;
  });
}

/**
 * QbitPay has an object under the id: what that is comes first, as after a sending without an answer. Of a request that
 * never left, the object is compared with what would have been asked for, and the waits begin now.
 */
async function awaitOutcome(trx: StoreTransaction, id: ProviderRequestId, asked: SentAmount): Promise<void> {
  await updateRequest(trx, id, CLAIMABLE_STATES, {
    state: REQUEST_STATE.UNKNOWN,
    amount: sql<string>`coalesce(amount, ${asked.amount})`,
    currency: sql<string>`coalesce(currency, ${asked.currency})`,
    price: sql<string>`coalesce(price, ${asked.price ?? null})`,
    first_sent_at: sql<Date>`coalesce(first_sent_at, clock_timestamp())`,
    last_sent_at: sql<Date>`coalesce(last_sent_at, clock_timestamp())`,
    ...NOT_SEARCHED,
  }).execute();
}

/** What QbitPay has accepted counts for every sending: `externalOrderId` alone is identity. */
export async function markAccepted(trx: StoreTransaction, id: ProviderRequestId): Promise<void> {
  const changes = { state: REQUEST_STATE.ACCEPTED, resend_by: null, ...NOT_REFUSED };
  // Also where a refusal was borne out: what is there after all comes before it.
  await endOpen(trx, id, changes, {
    from: [...OPEN_STATES, REQUEST_STATE.REFUSED, REQUEST_STATE.RETRY_LATER],
  });
}

/**
 * Writes that nothing of sending number `sends` left, and answers with the state that the request then has, or undefined
 * where a later sending goes on. The sender's own answer counts also after somebody else declared the request unknown. Of
 * a request that was sent again it says nothing about the sending before: it stays unknown.
 */
export async function endNotSent(
  db: StoreDatabase,
  id: ProviderRequestId,
  sends: number,
): Promise<RequestState | undefined> {
  const { UNKNOWN, NOT_SENT } = REQUEST_STATE;
  const changes = {
    state: sql<RequestState>`case when resends > 0 then ${UNKNOWN} else ${NOT_SENT}::text end`,
    resend_by: null,
    resends: sql<number>`greatest(resends - 1, 0)`,
  };
  return inTransaction(db, (trx) => endOpen(trx, id, changes, { sends }));
}

/** QbitPay's answer was a refusal. One answer proves nothing: it may have come after the effect. */
export interface Refused extends Failure {
  /** What the request is once absence checks have borne the refusal out. */
  readonly state: typeof REQUEST_STATE.REFUSED | typeof REQUEST_STATE.RETRY_LATER;
  /** QbitPay asked for so long a pause. */
  readonly retryAfterMs: number;
}

/**
 * The sender itself does not know what became of sending number `sends`, or has only QbitPay's refusal of it. It may have
 * left until now: the wait for its outcome begins anew, and no permission to send it again holds any more.
 */
export async function endUnknown(
  db: StoreDatabase,
  id: ProviderRequestId,
  sends: number,
  refused?: Refused,
): Promise<RequestState | undefined> {
  const refusal =
    refused === undefined
      ? NOT_REFUSED
      : {
          provisional_state: refused.state,
          retry_after_seconds: Math.ceil(refused.retryAfterMs / 1_000),
          failure_type: refused.type,
          failure_message: refused.message,
        };
  const changes = { state: REQUEST_STATE.UNKNOWN, last_sent_at: NOW, ...NOT_SEARCHED, ...refusal };
  return inTransaction(db, (trx) => endOpen(trx, id, changes, { sends }));
}

/**
 * QbitPay does not have what it refused: the refusal is what became of the request. False where it is not unknown any
 * more, or was sent again since.
 */
export async function confirmRefusal(
  db: StoreDatabase,
  id: ProviderRequestId,
  sends: number,
): Promise<boolean> {
  const { numUpdatedRows } = await updateRequest(db, id, [REQUEST_STATE.UNKNOWN], {
    state: sql<RequestState>`provisional_state`,
    provisional_state: null,
    resend_by: null,
  })
    .where('sends', '=', sends)
    .where('provisional_state', 'is not', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/**
 * Where somebody else had declared it unknown, its payout waits for what is learnt of it: it is told. What is unknown from
 * now on is looked for at once.
 */
async function endOpen(
  trx: StoreTransaction,
  id: ProviderRequestId,
  changes: UpdateObject<StoreSchema, 'provider_requests'>,
  { sends, from = OPEN_STATES }: { readonly sends?: number; readonly from?: readonly RequestState[] },
): Promise<RequestState | undefined> {
  const before = await trx
    .selectFrom('provider_requests')
    .select(['payout_id', 'state'])
    .where(isOf(id))
    .where('state', 'in', from)
    .$if(sends !== undefined, (query) => query.where('sends', '=', sends ?? 0))
    .forUpdate()
    .executeTakeFirst();
  if (before === undefined) return undefined;
  const row = await updateRequest(trx, id, from, changes).returning('state').executeTakeFirst();
  if (before.state === REQUEST_STATE.UNKNOWN) await hintPayouts(trx, [before.payout_id], 'payoutEvent');
  if (row?.state === REQUEST_STATE.UNKNOWN) await wishForSync(trx, 'an outcome is unknown');
  return row?.state;
}

/** Declares a sending that nobody will answer for as unknown. */
export async function declareUnknown(db: StoreDatabase, id: ProviderRequestId): Promise<void> {
  const { SENDING, UNKNOWN } = REQUEST_STATE;
  await inTransaction(db, (trx) => endOpen(trx, id, { state: UNKNOWN }, { from: [SENDING] }));
}

/**
 * Has QbitPay's lists searched for a request whose outcome is not known: each complete reading that begins after the wait
 * for it counts, until there are enough.
 */
export async function wantAbsence(
  db: StoreDatabase,
  id: ProviderRequestId,
  wanted: {
    readonly sends: number;
    readonly waitSeconds: number;
    readonly absenceChecks: number;
  },
): Promise<void> {
  await db
    .updateTable('provider_requests')
    .set({
      absence_from: sql<Date>`last_sent_at + make_interval(secs => ${wanted.waitSeconds})`,
      absence_wanted: wanted.absenceChecks,
    })
    .where(isOf(id))
    .where('sends', '=', wanted.sends)
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .execute();
}

/**
 * Allows a request whose outcome is not known to be sent again, once. False when it is not unknown any more, or when
 * fewer absence checks count than it takes, because its sender came back after them.
 */
export async function authoriseResend(
  db: StoreDatabase,
  id: ProviderRequestId,
  sends: number,
  by: string,
  absenceChecks = 0,
): Promise<boolean> {
  const { numUpdatedRows } = await updateRequest(db, id, [REQUEST_STATE.UNKNOWN], { resend_by: by })
    .where('sends', '=', sends)
    .where('absence_checks', '>=', absenceChecks)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Takes back what {@link authoriseResend} allowed: the sender may live after all, or the request was found. */
export async function withdrawResend(db: StoreDatabase, id: ProviderRequestId): Promise<void> {
  await updateRequest(db, id, [REQUEST_STATE.UNKNOWN], NOT_SEARCHED).execute();
}

/** As {@link find}, of a request that was prepared. */
export async function get(db: StoreDatabase, id: ProviderRequestId): Promise<ProviderRequest> {
  const request = await find(db, id);
  if (request === undefined) throw new Error(`no ${id.operation} ${id.externalOrderId} was prepared`);
  return request;
}

export async function find(db: StoreDatabase, id: ProviderRequestId) {
  const sentAgoMs = sql<number | null>`(extract(epoch from clock_timestamp() - last_sent_at) * 1000)::float8`;
  const row = await db
    .selectFrom('provider_requests')
    .selectAll()
    .select(sentAgoMs.as('sent_ago_ms'))
    .where(isOf(id))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { state, amount, currency, price, failure_type: type, failure_message: message } = row;
  const asked: SentAmount | null =
    amount === null || currency === null ? null : { amount, currency, ...(price === null ? {} : { price }) };
  const rejection: Failure | null = type === null ? null : { type, message: message ?? '' };
  return {
    state,
    sends: row.sends,
    asked,
    firstSentAt: row.first_sent_at,
    /** How long ago it may have left last, by the database's clock; null when it never was sent. */
    sentAgoMs: row.sent_ago_ms,
    /** How many times it was sent again although its outcome was not known. */
    resends: row.resends,
    /** How many times all of QbitPay's list was read without finding it, since it was sent last. */
    absenceChecks: row.absence_checks,
    /** No list of QbitPay's can prove it absent. */
    isUnsearchable: row.absence_wanted === 0,
    /** It may be sent again although its outcome is not known. */
    mayBeResent: state === REQUEST_STATE.UNKNOWN && row.resend_by !== null,
    /** Why QbitPay refused it, in our words. */
    rejection,
    /** The refusal is an answer like any other until absence checks have borne it out; null where there is none. */
    provisionalState: row.provisional_state,
    /** How long QbitPay asked to be left alone with it. */
    retryAfterSeconds: row.retry_after_seconds ?? 0,
  };
}
