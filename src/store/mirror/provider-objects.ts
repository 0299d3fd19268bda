import { sql, type Expression, type SqlBool } from 'kysely';
import { NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { OBJECT_KIND, type ObjectKind } from '../schema.js';

/** What QbitPay's API showed last of each of its objects. */

/** One object as a reading showed it. */
export interface ObservedObject {
  readonly kind: ObjectKind;
  readonly providerId: string;
  readonly externalOrderId: string | null;
  readonly source: string | null;
  readonly type: string | null;
  readonly status: string | null;
  readonly currency: string | null;
  readonly amount: string | null;
  readonly content: object;
  readonly problem: string | null;
  readonly isOpen: boolean;
}

/** What a reading told about one object. */
export interface ObjectNews {
  readonly providerId: string;
  /** New, or different from before. */
  readonly isChanged: boolean;
  /** An earlier reading had shown it. */
  readonly isKnown: boolean;
  /** By the database's clock. */
  readonly firstSeenAt: Date;
}

/** Writes what one request to QbitPay showed; of two readings the one that began later stays. */
export async function recordObjects(
  trx: StoreTransaction,
  objects: readonly ObservedObject[],
  readAt: Date,
): Promise<readonly ObjectNews[]> {
  if (objects.length === 0) return [];
  const rows = await upsertObjects(trx, objects, readAt)
    .returning([
      'provider_id as providerId',
      sql<boolean>`changed_at = ${readAt}`.as('isChanged'),
      sql<boolean>`first_seen_at < ${readAt}`.as('isKnown'),
      'first_seen_at as firstSeenAt',
    ])
    .execute();
  const byId = new Map(rows.map((row) => [row.providerId, row]));
  // Of one that a later reading has shown already, this reading says nothing.
  return objects.map(
    ({ providerId }) =>
      byId.get(providerId) ?? { providerId, isChanged: false, isKnown: true, firstSeenAt: readAt },
  );
}

function upsertObjects(
  db: StoreDatabase,
  objects: readonly ObservedObject[],
  readAt: Date,
  more: { readonly is_unread?: false } = {},
) {
  return db
    .insertInto('provider_objects')
    .values(
      objects.map((one) => ({
        ...toRow(one),
        content: JSON.stringify(one.content),
        read_at: readAt,
        changed_at: readAt,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['kind', 'provider_id'])
        .doUpdateSet((eb) => ({
          external_order_id: eb.ref('excluded.external_order_id'),
          source: eb.ref('excluded.source'),
          type: eb.ref('excluded.type'),
          status: eb.ref('excluded.status'),
          currency: eb.ref('excluded.currency'),
          amount: eb.ref('excluded.amount'),
          content: eb.ref('excluded.content'),
          problem: eb.ref('excluded.problem'),
          is_open: eb.ref('excluded.is_open'),
          read_at: eb.ref('excluded.read_at'),
          missing_since: null,
          changed_at: sql<Date>`case
            when provider_objects.content = excluded.content and provider_objects.missing_since is null
            then provider_objects.changed_at else excluded.changed_at end`,
          ...more,
        }))
        .whereRef('provider_objects.read_at', '<=', 'excluded.read_at'),
    );
}

/**
 * A reading that shows nothing new, in one statement that only the reader of this generation carries out. Undefined where
 * it shows anything else than is known, or another reader has taken over: nothing but times of reading is written then.
 */
export async function refreshObjects(
  db: StoreDatabase,
  objects: readonly ObservedObject[],
  readAt: Date,
  isReader: Expression<SqlBool>,
): Promise<{ readonly news: readonly ObjectNews[]; readonly now: Date } | undefined> {
  const shown = JSON.stringify(objects.map((one) => ({ ...toRow(one), content: one.content })));
  const { rows } = await sql<ObjectNews & { now: Date }>`
    update provider_objects known set read_at = ${readAt}
    from jsonb_populate_recordset(null::provider_objects, ${shown}::jsonb) as shown
    where known.kind = shown.kind and known.provider_id = shown.provider_id and known.content = shown.content
      and (known.external_order_id, known.source, known.type, known.status, known.currency, known.amount, known.problem, known.is_open)
        is not distinct from (shown.external_order_id, shown.source, shown.type, shown.status, shown.currency, shown.amount, shown.problem, shown.is_open)
      and known.missing_since is null and known.read_at <= ${readAt} and ${isReader}
    returning known.provider_id as "providerId", false as "isChanged", known.first_seen_at < ${readAt} as "isKnown",
      known.first_seen_at as "firstSeenAt", ${NOW} as now`.execute(db);
  const byId = new Map(rows.map((row) => [row.providerId, row]));
  const news = objects.flatMap(({ providerId }) => byId.get(providerId) ?? []);
  const [first] = rows;
  return first === undefined || news.length < objects.length ? undefined : { news, now: first.now };
}

function toRow(one: ObservedObject) {
  return {
    kind: one.kind,
    provider_id: one.providerId,
    external_order_id: one.externalOrderId,
    source: one.source,
    type: one.type,
    status: one.status,
    currency: one.currency,
    amount: one.amount,
    problem: one.problem,
    is_open: one.isOpen,
  };
}

/** Notes of objects what a brake has made of them. */
export async function markObjects(
  trx: StoreTransaction,
  objects: readonly Pick<ObservedObject, 'kind' | 'providerId'>[],
  mark: { readonly is_unexplained: boolean } | { readonly is_duplicate_named: boolean },
): Promise<void> {
  for (const kind of new Set(objects.map((one) => one.kind))) {
    const ids = objects.filter((one) => one.kind === kind).map(({ providerId }) => providerId);
    await trx
      .updateTable('provider_objects')
      .set(mark)
      .where('kind', '=', kind)
      .where('provider_id', 'in', ids)
      .execute();
  }
}

/** QbitPay, asked for the object, does not show it. True when that is news. */
export async function recordMissing(
  db: StoreDatabase,
  kind: ObjectKind,
  providerId: string,
  readAt: Date,
): Promise<boolean> {
  const row = await db
    .insertInto('provider_objects')
    .values({
      ...{ kind, provider_id: providerId, content: '{}', is_open: false },
      ...{ missing_since: readAt, read_at: readAt, changed_at: readAt },
    })
    .onConflict((conflict) =>
      conflict
        .columns(['kind', 'provider_id'])
        .doUpdateSet({
          missing_since: sql<Date>`coalesce(provider_objects.missing_since, excluded.missing_since)`,
          read_at: readAt,
          // One that could never be read does not wait to be read any more.
          is_open: sql<boolean>`provider_objects.is_open and provider_objects.content <> '{}'`,
          problem: null,
        })
        .whereRef('provider_objects.read_at', '<=', 'excluded.read_at'),
    )
    .returning(sql<boolean>`missing_since = ${readAt}`.as('isNews'))
    .executeTakeFirst();
  return row?.isNews ?? false;
}

/** What was known of it stays, and says nothing of how it is now. */
export async function recordUnreadable(
  trx: StoreTransaction,
  kind: ObjectKind,
  providerId: string,
  readAt: Date,
): Promise<void> {
  await trx
    .insertInto('provider_objects')
    .values({
      ...{ kind, provider_id: providerId, content: '{}', problem: 'body', is_open: true },
      ...{ read_at: readAt, changed_at: readAt },
    })
    .onConflict((conflict) =>
      conflict
        .columns(['kind', 'provider_id'])
        .doUpdateSet({ problem: 'body', is_open: true, read_at: readAt })
        .whereRef('provider_objects.read_at', '<=', 'excluded.read_at'),
    )
    .execute();
}

/** Since when it is shown as it is, or is not shown any more. */
const SO_SINCE = sql<Date>`greatest(coalesce(missing_since, provider_objects.changed_at), awaited_since)`;

/** Undefined where no reading has shown it yet; `now` is the database's clock. */
export function findObject(db: StoreDatabase, kind: ObjectKind, providerId: string) {
  return db
    .selectFrom('provider_objects')
    .selectAll()
    .select([SO_SINCE.as('so_since'), NOW.as('now')])
    .where('kind', '=', kind)
    .where('provider_id', '=', providerId)
    .executeTakeFirst();
}

/**
 * Writes what somebody read who deals with it himself; of two readings the one that began later stays. Answers with what is
 * known of it then; undefined where a later reading had shown it.
 */
export function recordReading(db: StoreDatabase, object: ObservedObject, readAt: Date) {
  return upsertObjects(db, [object], readAt, { is_unread: false })
    .returningAll()
    .returning([SO_SINCE.as('so_since'), NOW.as('now')])
    .executeTakeFirst();
}

/** What the balance transactions of this object moved, as far as they can be read. */
export function findTransactionsOf(db: StoreDatabase, source: string) {
  return db
    .selectFrom('provider_objects')
    .selectAll()
    .where('kind', '=', OBJECT_KIND.TRANSACTION)
    .where('source', '=', source)
    .where('problem', 'is', null)
    .orderBy('provider_id')
    .execute();
}

/** A payout that is resumed waits anew for its order, or itself, to be shown, and for what the order moved. */
export async function waitAnew(trx: StoreTransaction, payoutId: string): Promise<void> {
  await sql`update provider_objects set awaited_since = clock_timestamp() where kind in ('payout', 'order') and provider_id in (
    select provider_order_id from provider_orders where payout_id = ${payoutId}
    union select provider_payout_id from provider_payouts where payout_id = ${payoutId})`.execute(trx);
}

/**
 * A webhook announced the end of a payout: what was read of it before is no answer any more. False where one did so just
 * before: QbitPay, asked because of that one, may not show the end yet.
 */
export async function awaitEnd(trx: StoreTransaction, providerId: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('provider_objects')
    .set({ awaited_since: NOW })
    .where('kind', '=', OBJECT_KIND.PAYOUT)
    .where('provider_id', '=', providerId)
    .where(sql<boolean>`coalesce(awaited_since < ${NOW} - interval '10 seconds', true)`)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/**
 * How often an object that may change is read, by its age: from how old it is, and how long the last reading is good.
 * What has been under way for days is not in a hurry. Of the youngest a reading is good for half an interval of the sync:
 * each regular sync reads them, and those that are hastened do not.
 */
const openObjectAges = (intervalMs: number) => [
  { fromMs: 0, goodForMs: intervalMs / 2 },
  { fromMs: 3_600_000, goodForMs: 60_000 },
  { fromMs: 86_400_000, goodForMs: 600_000 },
];

export interface SyncInterval {
  readonly intervalMs: number;
}

/** Of an object that may change and whose last reading is not good any more. */
export function isStaleOpen(before: Date, { intervalMs }: SyncInterval) {
  const ages = openObjectAges(intervalMs);
  const isStale = ages.map(({ fromMs, goodForMs }, index) => {
    const untilMs = ages[index + 1]?.fromMs ?? null;
    return sql`(first_seen_at <= clock_timestamp() - ${fromMs} * interval '1 millisecond'
      and (${untilMs}::float8 is null or first_seen_at > clock_timestamp() - ${untilMs}::float8 * interval '1 millisecond')
      and read_at < ${before}::timestamptz - ${goodForMs} * interval '1 millisecond')`;
  });
  return sql<boolean>`(is_open and (${sql.join(isStale, sql` or `)}))`;
}

function selectStaleOpen(db: StoreDatabase, kind: ObjectKind, before: Date, interval: SyncInterval) {
  return db.selectFrom('provider_objects').where('kind', '=', kind).where(isStaleOpen(before, interval));
}

/** Those that were read longest ago. */
export async function listStaleOpen(
  db: StoreDatabase,
  kind: ObjectKind,
  before: Date,
  interval: SyncInterval,
  limit: number,
): Promise<readonly string[]> {
  const stale = selectStaleOpen(db, kind, before, interval);
  const rows = await stale.select('provider_id').orderBy('read_at').limit(limit).execute();
  return rows.map((row) => row.provider_id);
}

export async function countStaleOpen(
  db: StoreDatabase,
  kind: ObjectKind,
  before: Date,
  interval: SyncInterval,
): Promise<number> {
  const { count } = await selectStaleOpen(db, kind, before, interval)
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** What no reading has shown since then, of what could be read before: a list that was read anew does not have it. */
export async function findNotReadSince(
  db: StoreDatabase,
  kind: ObjectKind,
  since: Date,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('provider_objects')
    .select('provider_id')
    .where('kind', '=', kind)
    .where('read_at', '<', since)
    .where('missing_since', 'is', null)
    .limit(limit)
    .execute();
  return rows.map((row) => row.provider_id);
}

export async function countObjects(db: StoreDatabase, kind: ObjectKind): Promise<number> {
  const { count } = await db
    .selectFrom('provider_objects')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('kind', '=', kind)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** What cannot be read, or booked, newest first: at most this many. */
export function listProblems(db: StoreDatabase, limit: number) {
  return db
    .selectFrom('provider_objects')
    .select([
      'kind',
      'provider_id as providerId',
      sql<string>`coalesce(problem, booking_problem)`.as('problem'),
      'first_seen_at as firstSeenAt',
    ])
    .where((eb) => eb.or([eb('problem', 'is not', null), eb('booking_problem', 'is not', null)]))
    .orderBy('first_seen_at', 'desc')
    .limit(limit)
    .execute();
}
