import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { engage } from '../controls/brakes.js';
import type { StoreTransaction } from '../database.js';
import type { ObjectKind } from '../schema.js';
import { markObjects } from './provider-objects.js';

/**
 * Two living objects of QbitPay's for one request that was sent: whatever doubled one may double the next. The payout is
 * held by whoever takes the second one over; here the brake is engaged as soon as the mirror shows both.
 */

/**
 * Marks these objects, and what lives beside them for the same request; true where there is such a one. What a brake has
 * named stays named.
 */
export async function noteDuplicates(
  trx: StoreTransaction,
  kind: ObjectKind,
  providerIds: readonly string[],
): Promise<boolean> {
  if (providerIds.length === 0) return false;
  const { numAffectedRows = 0n } = await sql`
    update provider_objects object set is_duplicate_named = false
    from provider_requests request
    where object.kind = ${kind} and object.external_order_id in (select external_order_id from provider_objects
        where kind = ${kind} and provider_id = any(${[...providerIds]}::text[]))
      and object.is_duplicate_named is null and ${isLiving('object')}
      and request.operation = object.kind and request.external_order_id = object.external_order_id and request.sends > 0
      and (exists (select from provider_objects other
          where other.external_order_id = object.external_order_id and other.kind = object.kind
            and other.provider_id <> object.provider_id and ${isLiving('other')})
        -- It was accepted under an id that QbitPay has altered.
        or exists (select from (
            select 'payout' as kind, external_order_id, provider_payout_id as id, status from provider_payouts
            union all select 'order', external_order_id, provider_order_id, status from provider_orders) known
          where known.kind = object.kind and known.external_order_id = object.external_order_id
            and known.id <> object.provider_id and known.status not in ('failed', 'cancelled')))`.execute(
    trx,
  );
  return numAffectedRows > 0n;
}

const isLiving = (object: 'object' | 'other') => {
  const of = (column: string) => sql.ref(`${object}.${column}`);
  return sql`(${of('missing_since')} is null and coalesce(${of('status')}, '') not in ('failed', 'cancelled')
    and not ${of('external_order_id')} = any(${of('disowned_for')}))`;
};

/** As many as fit on a line. */
const MOST_NAMED = 6;

/** Engages the brake for what is marked. While it is engaged for others already, nobody has seen these: they wait. */
export async function brakeForDuplicates(trx: StoreTransaction): Promise<void> {
  const found = await trx
    .selectFrom('provider_objects')
    .select(['kind', 'provider_id as providerId', 'external_order_id as externalOrderId'])
    .where('is_duplicate_named', '=', false)
    .orderBy('external_order_id')
    .orderBy('first_seen_at')
    .limit(MOST_NAMED)
    .execute();
  if (found.length === 0) return;
  const named = found.map((one) => `${one.kind} ${one.providerId} (${one.externalOrderId ?? ''})`);
  const detail = `QbitPay has more than one object for one request: ${named.join(', ')}`;
  const kind = BRAKE_KIND.DUPLICATE_AT_PROVIDER;
  if (await engage(trx, { kind, currency: null, detail })) {
    await markObjects(trx, found, { is_duplicate_named: true });
  }
}
