import { sql } from 'kysely';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import {
  OBJECT_KIND,
  REQUEST_OPERATION,
  REQUEST_STATE,
  type ObjectKind,
  type RequestOperation,
} from '../schema.js';
import type { ProviderRequestId } from '../requests/send-guard.js';
import { hintPayouts } from './workflow-hints.js';

/** Whether QbitPay has a request whose outcome is not known: what shows of it, and what proves that it never arrived. */

const KIND_OF = {
  [REQUEST_OPERATION.ORDER]: OBJECT_KIND.ORDER,
  [REQUEST_OPERATION.PAYOUT]: OBJECT_KIND.PAYOUT,
} as const;

function selectObjects(db: StoreDatabase, operation: RequestOperation) {
  return db.selectFrom('provider_objects').selectAll().where('kind', '=', KIND_OF[operation]);
}

/** What QbitPay shows, or has shown, under an `externalOrderId` of ours, oldest first. */
export function findByExternalId(db: StoreDatabase, operation: RequestOperation, externalOrderId: string) {
  return selectObjects(db, operation)
    .where('external_order_id', '=', externalOrderId)
    .orderBy('first_seen_at')
    .execute();
}

/**
 * True where QbitPay has shown an object under the `externalOrderId` of a request: nothing is sent beside it. That QbitPay
 * answers 404 for it by now proves nothing; only a person, who has asked, has the request sent again then. As long as a
 * brake is engaged, one that nobody can explain is for a person to see first.
 */
export async function isShown(
  trx: StoreTransaction,
  { operation, externalOrderId }: ProviderRequestId,
  isBraked: boolean,
): Promise<boolean> {
  const row = await trx
    .selectFrom('provider_objects as object')
    .innerJoin('provider_requests as request', 'request.external_order_id', 'object.external_order_id')
    .select('object.provider_id')
    .where('object.kind', '=', KIND_OF[operation])
    .where('request.operation', '=', operation)
    .where('request.external_order_id', '=', externalOrderId)
    .$if(isBraked, (query) => query.where('object.is_unexplained', 'is not', true))
    .where((eb) =>
      eb.or([eb('object.missing_since', 'is', null), eb('request.state', '<>', REQUEST_STATE.UNKNOWN)]),
    )
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * What came to light since a request was sent and does not say whose it is, or cannot be read: it might be the request's.
 * An order is left out where the store knows it as another payout's.
 */
export function findUnnamed(db: StoreDatabase, operation: RequestOperation, firstSentAt: Date) {
  return selectObjects(db, operation)
    .where('missing_since', 'is', null)
    .where('external_order_id', 'is', null)
    .where('first_seen_at', '>=', firstSentAt)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('provider_orders')
            .select('provider_order_id')
            .whereRef('provider_order_id', '=', 'provider_objects.provider_id'),
        ),
      ),
    )
    .execute();
}

/**
 * When the oldest of the requests was sent first that this list is searched for in vain; undefined where it is searched
 * for none. Only a sync that begins after the wait for an unknown outcome says that a request is not there.
 */
export async function findSearchedSince(
  db: StoreDatabase,
  kind: ObjectKind,
  beganAt: Date,
): Promise<Date | undefined> {
  const row = await db
    .selectFrom('provider_requests')
    .select((eb) => eb.fn.min('first_sent_at').as('since'))
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .where('operation', '=', operationOf(kind))
    .where('absence_from', '<=', beganAt)
    .whereRef('absence_checks', '<', 'absence_wanted')
    .executeTakeFirst();
  return row?.since ?? undefined;
}

/** Counts an absence check for every request that this list was searched for and does not show. */
export async function noteAbsenceChecks(
  trx: StoreTransaction,
  kind: ObjectKind,
  beganAt: Date,
): Promise<void> {
  const rows = await trx
    .updateTable('provider_requests')
    .set({ absence_checks: sql<number>`absence_checks + 1` })
    .where('state', '=', REQUEST_STATE.UNKNOWN)
    .where('operation', '=', operationOf(kind))
    .where('absence_from', '<=', beganAt)
    .whereRef('absence_checks', '<', 'absence_wanted')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('provider_objects')
            .select('provider_id')
            .where('kind', '=', kind)
            .whereRef('provider_objects.external_order_id', '=', 'provider_requests.external_order_id'),
        ),
      ),
    )
    .returning(['payout_id', sql<boolean>`absence_checks = absence_wanted`.as('is_proven')])
    .execute();
  const proven = rows.filter((row) => row.is_proven).map((row) => row.payout_id);
  await hintPayouts(trx, proven, 'payoutEvent');
}

/** Transactions are nobody's request. */
function operationOf(kind: ObjectKind): RequestOperation | null {
  return Object.values(REQUEST_OPERATION).find((operation) => KIND_OF[operation] === kind) ?? null;
}
