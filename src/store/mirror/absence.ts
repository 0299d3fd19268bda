import { sql, type RawBuilder } from 'kysely';
import {
  isFailedOrCancelled,
  PROVIDER_PAYOUT_STATUS,
  type ProviderPayoutStatus,
} from '../../domain/provider-status.js';
import { isAmountOf } from '../../domain/quote.js';
import { alteredForms, compareNamedId, NAMED_ID } from '../../domain/named-id.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import {
  OBJECT_KIND,
  REQUEST_OPERATION,
  REQUEST_STATE,
  type ObjectKind,
  type RequestOperation,
} from '../schema.js';
import { REQUEST_KIND } from '../requests/request-kind.js';
import { hintPayouts } from './workflow-hints.js';

/** Whether QbitPay has a request whose outcome is not known: what shows of it, and what proves that it never arrived. */

/** An object that was accepted is of that request alone, by its own id: that it carries the id of another one says nothing. */
const isNotAccepted = sql<boolean>`not exists (select from provider_payouts known
    where provider_objects.kind = ${OBJECT_KIND.PAYOUT} and known.provider_payout_id = provider_objects.provider_id)
  and not exists (select from provider_orders known
    where provider_objects.kind = ${OBJECT_KIND.ORDER} and known.provider_order_id = provider_objects.provider_id)`;

/** What carries the id of a request is of it, unless it was accepted as another one, or a person said that it is not. */
export const isOfItsId = sql<boolean>`${isNotAccepted} and not provider_objects.external_order_id = any(disowned_for)`;

function selectObjects(db: StoreDatabase, operation: RequestOperation) {
  return db.selectFrom('provider_objects').selectAll().where('kind', '=', operation);
}

/**
 * What QbitPay shows, or has shown, of a request of ours, oldest first: what was accepted as it, whatever
 * `externalOrderId` that carries, and what carries its id.
 */
export function findByExternalId(db: StoreDatabase, operation: RequestOperation, externalOrderId: string) {
  const { table, providerId } = REQUEST_KIND[operation];
  const acceptedId = sql<string>`(select known.${sql.ref(providerId)} from ${sql.table(table)} known where known.external_order_id = ${externalOrderId})`;
  return selectObjects(db, operation)
    .where((eb) =>
      eb.or([
        eb('provider_id', '=', acceptedId),
        eb.and([eb('external_order_id', '=', externalOrderId), isOfItsId]),
      ]),
    )
    .orderBy('first_seen_at')
    .execute();
}

/** What QbitPay shows, or has shown, of all attempts of a payout, with the request that each is of. */
export function findAttempts(db: StoreDatabase, payoutId: string) {
  const requestId = sql<string>`coalesce((select known.external_order_id from provider_payouts known
    where known.provider_payout_id = provider_objects.provider_id), provider_objects.external_order_id)`;
  return selectObjects(db, REQUEST_OPERATION.PAYOUT)
    .select(requestId.as('request_id'))
    .where(
      sql<boolean>`provider_id in (select provider_payout_id from provider_payouts where payout_id = ${payoutId}
        union select provider_id from provider_objects join provider_requests request using (external_order_id)
          where kind = ${OBJECT_KIND.PAYOUT} and payout_id = ${payoutId} and operation = ${REQUEST_OPERATION.PAYOUT}
            and ${isOfItsId})`,
    )
    .orderBy('first_seen_at')
    .execute();
}

/**
 * Why a payout can be neither sent again nor freed: QbitPay has another attempt of it than this one, neither failed nor
 * cancelled. Undefined where it has none.
 */
export async function whyAnotherLives(
  db: StoreDatabase,
  payoutId: string,
  externalOrderId: string,
): Promise<string | undefined> {
  const attempts = await findAttempts(db, payoutId);
  const living = attempts.find(
    (one) =>
      one.request_id !== externalOrderId &&
      one.missing_since === null &&
      (one.status === null || !isFailedOrCancelled(one.status as ProviderPayoutStatus)),
  );
  return living && rivalWords(living.provider_id, living.status ?? 'unreadable');
}

/** What is to be done about an object of QbitPay's beside which nothing else may be carried out. */
export function rivalWords(providerId: string, status: string): string {
  const isPaid = status === PROVIDER_PAYOUT_STATUS.PAID;
  return `QbitPay has ${providerId} as ${status}: ${isPaid ? 'adopt that' : 'have it cancelled first'}`;
}

/** A request that is to be sent. */
interface AskedFor {
  readonly operation: RequestOperation;
  readonly externalOrderId: string;
}

/**
 * True where QbitPay has shown an object under the `externalOrderId` of a request, or under what a system on the way makes
 * of it, of the same amount: nothing is sent beside it. That QbitPay answers 404 for it by now proves nothing; only a
 * person, who has asked, has the request sent again then. As long as a brake is engaged, one that nobody can explain is
 * for a person to see first.
 */
export async function isShown(
  trx: StoreTransaction,
  { operation, externalOrderId }: AskedFor,
  asked: { readonly currency: string; readonly amount: string },
  isBraked: boolean,
): Promise<boolean> {
  const row = await trx
    .selectFrom('provider_objects')
    .innerJoin(
      'provider_requests as request',
      'request.external_order_id',
      'provider_objects.external_order_id',
    )
    .select('provider_id')
    .where('kind', '=', operation)
    .where('operation', '=', operation)
    .where('request.external_order_id', '=', externalOrderId)
    .where(isOfItsId)
    .$if(isBraked, (query) => query.where('is_unexplained', 'is not', true))
    .where((eb) => eb.or([eb('missing_since', 'is', null), eb('state', '<>', REQUEST_STATE.UNKNOWN)]))
    .limit(1)
    .executeTakeFirst();
  if (row !== undefined) return true;
  const altered = await selectUnexplained(trx, operation, externalOrderId)
    .where(isAlteredFormOf(externalOrderId))
    .where('currency', '=', asked.currency)
    .execute();
  return altered.some((one) => fitsAmount(one, asked));
}

/** Cut, prefixed, or with other punctuation or case, as {@link compareNamedId} knows it; both sides have their index. */
function isAlteredFormOf(externalOrderId: string) {
  const { cut, end } = alteredForms(externalOrderId);
  const prefixed = end === null ? sql`false` : sql`reverse(plain_id) like reverse(${end}::text) || '%'`;
  return sql<boolean>`(plain_id = any(${[...cut]}::text[]) or ${prefixed})`;
}

/**
 * Objects of QbitPay that no request of ours explains, and of which nobody said that they are none of this one. One that
 * carries the id of another request explains it only until that was accepted as something else.
 */
function selectUnexplained(db: StoreDatabase, operation: RequestOperation, externalOrderId: string) {
  return selectObjects(db, operation)
    .where('missing_since', 'is', null)
    .where(sql<boolean>`not ${externalOrderId} = any(disowned_for)`)
    .where((eb) =>
      eb.or([eb('external_order_id', 'is', null), eb('external_order_id', '<>', externalOrderId)]),
    )
    .where(isNotAccepted)
    .where(
      sql<boolean>`not exists (select from provider_requests other where other.operation = ${operation}
        and other.external_order_id = provider_objects.external_order_id and other.state <> ${REQUEST_STATE.ACCEPTED})`,
    );
}

/**
 * What might be a request's although it does not carry its id: it came to light since the request was sent, no other
 * request explains it, and it is of the amount that was asked for, or cannot be read and does not say whose it is.
 */
export async function findCandidates(
  db: StoreDatabase,
  { operation, externalOrderId }: AskedFor,
  {
    asked,
    firstSentAt,
  }: { readonly asked: { currency: string; amount: string } | null; readonly firstSentAt: Date | null },
) {
  const rows = await selectUnexplained(db, operation, externalOrderId)
    .where((eb) =>
      eb.or([eb('first_seen_at', '>=', firstSentAt ?? new Date(8.64e15)), isAlteredFormOf(externalOrderId)]),
    )
    .where((eb) => eb.or([eb('problem', 'is not', null), eb('currency', '=', asked?.currency ?? '')]))
    .execute();
  return rows.filter((row) =>
    row.problem === null
      ? asked !== null && fitsAmount(row, asked)
      : compareNamedId(row.external_order_id, externalOrderId) !== NAMED_ID.OTHER,
  );
}

/** Of a payout with the fee beside the amount or in it: whichever side QbitPay takes it from. */
function fitsAmount(
  { amount, currency, content }: { amount: string | null; currency: string | null; content: object },
  asked: { readonly currency: string; readonly amount: string },
): boolean {
  if (amount === null || currency !== asked.currency) return false;
  const { fee = '0' } = content as { readonly fee?: string };
  return isAmountOf({ amount, fee }, asked);
}

/**
 * Somebody says that an object of QbitPay's is none of this request: of another one of the same amount it may be all the
 * same. False where it is not known, or carries the id of a request that was sent, and can be read: it is what came of that.
 */
export async function disown(
  trx: StoreTransaction,
  { operation, externalOrderId, sends }: AskedFor & { readonly sends: number },
  providerId: string,
): Promise<boolean> {
  const own = await findByExternalId(trx, operation, externalOrderId);
  const known = own.find((object) => object.provider_id === providerId);
  if (known?.problem === null && sends > 0) return false;
  const { numUpdatedRows } = await trx
    .updateTable('provider_objects')
    .set({
      disowned_for: sql<string[]>`array_append(disowned_for, ${externalOrderId})`,
      // It is explained, and no news of the payout.
      ...(known !== undefined ? { is_unexplained: false, is_unread: false } : {}),
    })
    .where('kind', '=', operation)
    .where('provider_id', '=', providerId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** A request that the lists are searched for, in a sync that began after the wait for its outcome. */
const isSearchedFor = (beganAt: Date) => sql<boolean>`state = ${REQUEST_STATE.UNKNOWN}
  and absence_from <= ${beganAt} and absence_checks < absence_wanted`;

/** When the oldest of the requests was sent first that a row of `provider_lists` is searched for; null where there is none. */
export const searchedSince = (
  beganAt: Date,
) => sql<Date | null>`(select min(first_sent_at) from provider_requests
  where operation = provider_lists.kind and ${isSearchedFor(beganAt)})`;

/** A list that was read to what was there before `since`, in a sync that began then. */
export interface SearchedList {
  readonly kind: ObjectKind;
  readonly beganAt: Date;
  readonly since: Date;
  /** False where it held something without an id, which might be anything: it proves no absence. */
  readonly isWhole: boolean;
}

/** The list of a request has shown something under its id. */
const hasShownId = sql<boolean>`exists (select from provider_objects where kind = operation
  and provider_objects.external_order_id = provider_requests.external_order_id and ${isOfItsId})`;

/**
 * Counts an absence check for every request that this list was searched for and does not show. For what it can prove
 * nothing about, although that was sent long ago, it is not read so far again: only a person, who asks QbitPay, can tell.
 */
export async function noteAbsenceChecks(
  trx: StoreTransaction,
  { kind, beganAt, since, isWhole }: SearchedList,
): Promise<void> {
  // Of what was sent before the list was read for, and is searched for since, it says nothing yet.
  const isReadFor = sql<boolean>`operation = ${kind} and first_sent_at >= ${since}`;
  const mayBeShown = sql<boolean>`(${!isWhole} or ${hasShownId})`;
  const rows = await trx
    .updateTable('provider_requests')
    .set({ absence_checks: sql<number>`absence_checks + 1` })
    .where(isSearchedFor(beganAt))
    .where(isReadFor)
    .where(sql<boolean>`not ${mayBeShown}`)
    .returning(['payout_id', sql<boolean>`absence_checks = absence_wanted`.as('is_proven')])
    .execute();
  const proven = rows.filter((row) => row.is_proven).map((row) => row.payout_id);
  await hintPayouts(trx, proven, 'payoutEvent');
  await giveUp(trx, beganAt, sql`${isReadFor} and ${mayBeShown} and ${isSentLongBefore(beganAt)}`);
}

/** Several times as long as the wait for its outcome, so that what passes has passed. */
const isSentLongBefore = (moment: Date) => sql<boolean>`
  last_sent_at + greatest(4 * (absence_from - last_sent_at), interval '1 hour') <= ${moment}`;

/** QbitPay offers no such list. */
export function giveUpSearch(
  trx: StoreTransaction,
  { kind, beganAt }: Pick<SearchedList, 'kind' | 'beganAt'>,
): Promise<void> {
  return giveUp(trx, beganAt, sql`operation = ${kind}`);
}

/** Whoever waits for these to be searched for is told that no absence is proven, and is not waited for again. */
async function giveUp(trx: StoreTransaction, beganAt: Date, which: RawBuilder<boolean>): Promise<void> {
  const rows = await trx
    .updateTable('provider_requests')
    .set({ absence_wanted: 0 })
    .where(isSearchedFor(beganAt))
    .where(which)
    .returning('payout_id')
    .execute();
  await hintPayouts(
    trx,
    rows.map((row) => row.payout_id),
    'payoutEvent',
  );
}
