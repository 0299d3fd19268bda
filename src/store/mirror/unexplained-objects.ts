import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { payoutIdOfExternalId } from '../../domain/identifiers.js';
import { engage } from '../controls/brakes.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { IS_UNANSWERED } from '../requests/request-kind.js';
import type { ObjectKind } from '../schema.js';
import { isOfItsId } from './absence.js';
import { markObjects } from './provider-objects.js';
import { hintPayouts } from './workflow-hints.js';

/**
 * Payouts and orders of QbitPay's that this store cannot have asked for, although their `externalOrderId` says so: a store
 * that was restored to an earlier moment has forgotten that it sent them, an empty one whatever there was before, and a
 * second engine on the account makes them. Each object is judged once; what is released with the brake stays released.
 */

interface Candidate {
  readonly kind: ObjectKind;
  readonly providerId: string;
  readonly externalOrderId: string | null;
  /**
   * A request of the store's that was sent before it showed has this id, or was accepted as it, or was answered with it; or
   * a person disowned it.
   */
  readonly isSent: boolean;
  /** The store has the payout that the id names. */
  readonly isOfPayout: boolean;
  /** A request without an outcome may be this one, under an id that QbitPay has altered. */
  readonly isAwaited: boolean;
}

/** Judges what has shown since this was done last, and engages the brake where the store cannot explain it. */
export async function judgeObjects(trx: StoreTransaction, isAccountShared: boolean): Promise<void> {
  const candidates = await readCandidates(trx);
  const unexplained = candidates.filter((one) => isUnexplained(one, isAccountShared));
  // What may be explained yet is judged when that is known.
  const explained = candidates.filter((one) => !unexplained.includes(one) && !one.isAwaited);
  await markObjects(trx, explained, { is_unexplained: false });
  await markObjects(trx, unexplained, { is_unexplained: true });
  if (unexplained.length > 0) {
    const kind = BRAKE_KIND.STORE_BEHIND_PROVIDER;
    await engage(trx, { kind, currency: null, detail: describe(unexplained) });
  }
}

function isUnexplained(
  { externalOrderId, isSent, isOfPayout, isAwaited }: Candidate,
  isAccountShared: boolean,
): boolean {
  if (externalOrderId === null || isSent) return false;
  if (isOfPayout) return true;
  return !isAccountShared && !isAwaited && payoutIdOfExternalId(externalOrderId) !== undefined;
}

async function readCandidates(trx: StoreTransaction): Promise<readonly Candidate[]> {
  const { rows } = await sql<Candidate>`
    select object.kind, object.provider_id as "providerId", object.external_order_id as "externalOrderId",
      exists (select from provider_payouts known where object.kind = 'payout' and known.provider_payout_id = object.provider_id)
        or exists (select from provider_orders known where object.kind = 'order' and known.provider_order_id = object.provider_id)
        or exists (select from provider_requests request
          where request.operation = object.kind and request.external_order_id = object.external_order_id
            and (request.state = 'accepted' or (request.sends > 0 and request.first_sent_at <= object.first_seen_at)))
        or exists (select from provider_answers answer
          where answer.operation = object.kind and answer.provider_id = object.provider_id)
        or object.disowned_for <> '{}' as "isSent",
      exists (select from payouts where payouts.payout_id = split_part(object.external_order_id, '~', 1)) as "isOfPayout",
      exists (select from provider_requests request join payouts using (payout_id)
        where request.operation = object.kind and ${IS_UNANSWERED}
          and request.first_sent_at <= object.first_seen_at
          and (object.problem is not null or (request.currency = object.currency
            and request.amount in (object.amount, object.amount + coalesce((object.content ->> 'fee')::numeric, 0)))))
        as "isAwaited"
    from provider_objects object where is_unexplained is null and kind <> 'transaction'
    order by object.first_seen_at, object.provider_id`.execute(trx);
  return rows;
}

/** As many as fit on a line; the others are listed by `npm run recover`. */
const MOST_NAMED = 3;

function describe(unexplained: readonly Candidate[]): string {
  const named = unexplained
    .slice(0, MOST_NAMED)
    .map(({ kind, providerId, externalOrderId }) => `${kind} ${providerId} (${externalOrderId ?? ''})`);
  const more = unexplained.length - named.length;
  return `QbitPay has ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}, which this store has not sent`;
}

type ForgottenObject = Pick<Candidate, 'kind' | 'providerId'>;

/**
 * What QbitPay carries out of a payout, or did, and no request of the store was accepted as: the store has forgotten it,
 * also where a person has adopted it, until the payout takes it over.
 */
export async function findForgotten(
  db: StoreDatabase,
  payoutId: string,
): Promise<readonly ForgottenObject[]> {
  const { rows } = await sql<ForgottenObject>`
    select kind, provider_id as "providerId" from provider_objects
    where (external_order_id = ${payoutId}
        or (external_order_id like '%~%' and split_part(external_order_id, '~', 1) = ${payoutId}))
      and missing_since is null and coalesce(status, '') not in ('failed', 'cancelled') and ${isOfItsId}
      and not exists (select from provider_requests request where request.operation = provider_objects.kind
        and request.external_order_id = provider_objects.external_order_id and request.state = 'accepted')
    order by first_seen_at`.execute(db);
  return rows;
}

export function forgottenWords({ kind, providerId }: ForgottenObject): string {
  return `QbitPay has the ${kind} ${providerId} under its id, which this store has not sent`;
}

export type UnexplainedObject = Awaited<ReturnType<typeof listUnexplained>>[number];

/** What nobody has explained yet, oldest first, with the payout of the store that its id names. */
export async function listUnexplained(db: StoreDatabase, limit: number) {
  return db
    .selectFrom('provider_objects as object')
    .leftJoin('payouts', (join) =>
      join.on(sql<boolean>`payouts.payout_id = split_part(object.external_order_id, '~', 1)`),
    )
    .select([
      'object.kind',
      'object.provider_id as providerId',
      'object.external_order_id as externalOrderId',
    ])
    .select(['object.status', 'object.amount', 'object.currency', 'object.missing_since as missingSince'])
    .select(['payouts.payout_id as payoutId', 'payouts.status as payoutStatus'])
    .where('is_unexplained', '=', true)
    .orderBy('object.first_seen_at')
    .orderBy('object.provider_id')
    .limit(limit)
    .execute();
}

/**
 * A person says that what QbitPay has under the ids of the store's payouts is theirs: each takes it over when it comes to
 * send, also while a brake is engaged. Answers with how many objects that were.
 */
export async function adoptUnexplained(db: StoreDatabase): Promise<number> {
  return inTransaction(db, async (trx) => {
    const { rows } = await sql<{ payout_id: string }>`
      update provider_objects set is_unexplained = false from payouts
      where is_unexplained and payouts.payout_id = split_part(external_order_id, '~', 1)
      returning payouts.payout_id`.execute(trx);
    // Whoever waits for the brake tries again.
    await hintPayouts(
      trx,
      rows.map((row) => row.payout_id),
      'brakeReleased',
    );
    return rows.length;
  });
}
