import { sql } from 'kysely';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { FINAL_STATUSES, PAYOUT_STATUS } from '../../domain/payout-status.js';
import { PROVIDER_PAYOUT_STATUS, type ProviderPayoutStatus } from '../../domain/provider-status.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { OBJECT_KIND, type ObjectKind } from '../schema.js';
import type { ObservedObject } from './provider-objects.js';
import { hintPayouts } from './workflow-hints.js';

/** What QbitPay shows of payouts of ours and nobody has posted yet. */

/**
 * Tells the payouts that these objects are of, by their `externalOrderId`, by their id, or as the source of a
 * transaction. Whoever waits is told only what the store does not say yet: most objects do nothing but go on.
 */
export async function hintOwners(
  trx: StoreTransaction,
  kind: ObjectKind,
  providerIds: readonly string[],
): Promise<void> {
  if (providerIds.length === 0) return;
  const { rows } = await sql<{ payoutId: string }>`
    with news as (
      select * from provider_objects where kind = ${kind} and provider_id = any(${providerIds}::text[])
    ), told as (
      -- What nobody has accepted: of a request without an answer, or with one that is not written yet, or one too many.
      select request.payout_id, news.provider_id from news join provider_requests request using (external_order_id)
        where news.kind = request.operation and not news.external_order_id = any(news.disowned_for)
          and not exists (select from provider_payouts known where known.provider_payout_id = news.provider_id)
          and not exists (select from provider_orders known where known.provider_order_id = news.provider_id)
      union select known.payout_id, news.provider_id from news join provider_payouts known on known.provider_payout_id = news.provider_id
        where news.kind = 'payout' and (news.missing_since is not null or news.problem is not null
          or news.status not in ('pending', 'in_transit') or known.status in ('failed', 'cancelled') or news.content -> 'trade' <> 'null'
          or news.currency <> known.currency or news.amount <> known.recipient_amount
          or case when news.problem is null then (news.content ->> 'fee')::numeric <> known.fee end)
      union select known.payout_id, news.provider_id from news join provider_orders known on known.provider_order_id = news.provider_id
        where news.kind = 'order' and known.status not in ('filled', 'failed', 'cancelled')
          and (news.missing_since is not null or news.problem is not null or news.status <> 'pending')
      -- What moved of an order that ended unfilled, and money that is back.
      union select known.payout_id, news.provider_id from news join provider_orders known on known.provider_order_id = news.source
        where news.type = 'order' and known.status not in ('filled', 'failed', 'cancelled')
      union select known.payout_id, news.provider_id from news join provider_payouts known on known.provider_payout_id = news.source
        where news.type in ('payout_failure', 'payout_cancel')
          and not exists (select from ledger_entries where cause = ${ENTRY_CAUSE.RETURN} and cause_id = news.provider_id)
      -- What was never asked for, of a payout that has ended.
      union select payout_id, news.provider_id from news join payouts on payout_id = news.external_order_id
        where news.kind = 'payout' and payouts.status = any(${[...FINAL_STATUSES]}::text[])
          and not news.external_order_id = any(news.disowned_for)
          and not exists (select from provider_payouts known where known.provider_payout_id = news.provider_id)
    ), flagged as (
      update provider_objects set is_unread = true where kind = ${kind} and type is distinct from 'order'
        and kind <> 'order' and provider_id in (select provider_id from told))
    select distinct payout_id as "payoutId" from told`.execute(trx);
  await hintPayouts(
    trx,
    rows.map(({ payoutId }) => payoutId),
    'payoutEvent',
  );
}

/**
 * QbitPay's payouts under the ids of a payout of ours, and the money of them that came back, as far as nobody has posted
 * them as they are now.
 */
export async function findUnread(db: StoreDatabase, payoutId: string): Promise<readonly UnreadObject[]> {
  const { rows } = await sql<UnreadObject>`
    select kind, provider_id as "providerId", changed_at as "changedAt",
      coalesce(known.external_order_id, object.external_order_id, '') as "externalOrderId"
    from provider_objects object
    left join provider_payouts known on object.kind = ${OBJECT_KIND.PAYOUT} and known.provider_payout_id = object.provider_id
    where is_unread and (known.payout_id = ${payoutId}
      or kind = ${OBJECT_KIND.PAYOUT} and known.payout_id is null and (object.external_order_id = ${payoutId}
        or object.external_order_id in (select external_order_id from provider_requests where payout_id = ${payoutId}))
      or source in (select provider_payout_id from provider_payouts where payout_id = ${payoutId}))
    order by first_seen_at`.execute(db);
  return rows;
}

interface UnreadObject {
  readonly kind: ObjectKind;
  readonly providerId: string;
  readonly changedAt: Date;
  /** Of the request that it was accepted as; of any other one, what it carries. */
  readonly externalOrderId: string;
}

/**
 * Payouts that the sync posts itself, with the object that is news of each: those that are paid, which nobody has to decide
 * about, and what became of those that have ended, which no workflow carries. Those that were read longest ago come first.
 */
export async function listPostable(db: StoreDatabase, { isEnded, limit }: Postable) {
  const { rows } = await sql<{
    readonly payoutId: string;
    readonly kind: ObjectKind;
    readonly providerId: string;
  }>`
    select payout_id as "payoutId", kind, provider_id as "providerId" from (
      select coalesce(known.payout_id, request.payout_id, object.external_order_id) as payout_id, object.*
        from provider_objects object
        left join provider_payouts known on known.provider_payout_id =
          case object.kind when 'payout' then object.provider_id when 'transaction' then object.source end
        left join provider_requests request on object.kind = 'payout' and request.operation = 'payout'
          and request.external_order_id = object.external_order_id
        where is_unread) as news
    join payouts using (payout_id)
    where case when ${isEnded} then payouts.status = any(${[...FINAL_STATUSES]}::text[])
      else payouts.status = ${PAYOUT_STATUS.IN_TRANSIT} and kind = 'payout' and news.status = ${PROVIDER_PAYOUT_STATUS.PAID} end
    order by news.read_at, provider_id limit ${limit}`.execute(db);
  return rows;
}

export interface Postable {
  readonly isEnded: boolean;
  readonly limit: number;
}

/** False where the mirror shows another status of the payout by now: of two readings the older one may come last. */
export async function isNewest(
  trx: StoreTransaction,
  { providerPayoutId, status }: { readonly providerPayoutId: string; readonly status: string },
): Promise<boolean> {
  const shown = await readStatus(trx, providerPayoutId);
  return shown === undefined || shown === status;
}

/** The status that QbitPay showed last of a payout; undefined where the mirror does not have it. */
export async function readStatus(
  trx: StoreTransaction,
  providerPayoutId: string,
): Promise<ProviderPayoutStatus | null | undefined> {
  const row = await trx
    .selectFrom('provider_objects')
    .select('status')
    .where('kind', '=', OBJECT_KIND.PAYOUT)
    .where('provider_id', '=', providerPayoutId)
    .executeTakeFirst();
  return row?.status as ProviderPayoutStatus | null | undefined;
}

/** Somebody has dealt with the object as a reading of this time shows it; what has changed since stays unread. */
export async function markRead(
  db: StoreDatabase,
  { kind, providerId }: Pick<ObservedObject, 'kind' | 'providerId'>,
  readAt: Date,
): Promise<void> {
  await db
    .updateTable('provider_objects')
    .set({ is_unread: false })
    .where('kind', '=', kind)
    .where('provider_id', '=', providerId)
    .where('changed_at', '<=', readAt)
    .execute();
}
