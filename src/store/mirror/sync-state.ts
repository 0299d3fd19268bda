import { sql, type InferResult, type Selectable } from 'kysely';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import type { ObjectKind, StoreSchema } from '../schema.js';

/** Who may write to the mirror, how far it has come, and what it is asked for. */

/** Another reader has taken over: this one must not write any more. */
class SyncReplacedError extends Error {
  override readonly name = 'SyncReplacedError';

  constructor() {
    super('another reader keeps the mirror by now');
  }
}

/** Makes the caller the only reader that may write. */
export async function takeGeneration(db: StoreDatabase): Promise<string> {
  const { generation } = await db
    .updateTable('provider_sync')
    .set((eb) => ({ generation: eb('generation', '+', '1') }))
    .returning('generation')
    .executeTakeFirstOrThrow();
  return generation;
}

/**
 * A transaction that only the reader of this generation may commit.
 * @throws SyncReplacedError
 */
export async function asReader<T>(
  db: StoreDatabase,
  generation: string,
  work: (trx: StoreTransaction) => Promise<T>,
): Promise<T> {
  return inTransaction(db, async (trx) => {
    const row = await isReader(trx, generation).executeTakeFirst();
    if (row === undefined) throw new SyncReplacedError();
    return work(trx);
  });
}

/** A row where the reader of this generation is the last one; whoever takes over waits for the end of the transaction. */
export function isReader(db: StoreDatabase, generation: string) {
  return db.selectFrom('provider_sync').select('generation').where('generation', '=', generation).forShare();
}

/** The database's clock: what is read from now on is read after this. */
export async function readClock(db: StoreDatabase): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the database did not say its time');
  return row.now;
}

export type ListState = InferResult<ReturnType<typeof selectLists>>[number];

export function selectLists(db: StoreDatabase) {
  return db
    .selectFrom('provider_lists')
    .select([
      'kind',
      'is_offered as isOffered',
      'has_shown as hasShown',
      'backfill_cursor as backfillCursor',
      'backfilled_at as backfilledAt',
      'completed_at as completedAt',
      'overlap_read_at as overlapReadAt',
      'problem',
      'reread_from as rereadFrom',
      'reread_cursor as rereadCursor',
    ]);
}

export function readLists(db: StoreDatabase): Promise<readonly ListState[]> {
  return selectLists(db).orderBy('kind').execute();
}

export function readList(db: StoreDatabase, kind: ObjectKind): Promise<ListState> {
  return selectLists(db).where('kind', '=', kind).executeTakeFirstOrThrow();
}

/**
 * Writes what is known of a list by now; what is left out stays. With a generation, only for the reader that has it.
 * @throws SyncReplacedError
 */
export async function noteList(
  db: StoreDatabase,
  kind: ObjectKind,
  changes: Partial<Omit<ListState, 'kind'>>,
  generation?: string,
): Promise<void> {
  const update = db
    .updateTable('provider_lists')
    .set({
      is_offered: changes.isOffered,
      has_shown: changes.hasShown,
      backfill_cursor: changes.backfillCursor,
      backfilled_at: changes.backfilledAt,
      completed_at: changes.completedAt,
      overlap_read_at: changes.overlapReadAt,
      problem: changes.problem,
      reread_from: changes.rereadFrom,
      reread_cursor: changes.rereadCursor,
    })
    .where('kind', '=', kind);
  const fenced =
    generation === undefined ? update : update.where((eb) => eb.exists(isReader(db, generation)));
  const { numUpdatedRows } = await fenced.executeTakeFirst();
  if (numUpdatedRows === 0n) throw new SyncReplacedError();
}

export interface SyncWish {
  readonly wishId: string;
  readonly kind: ObjectKind | null;
  readonly providerId: string | null;
}

/**
 * Asks for a sync, or for the reading of one object, that begins after now. Whoever asks while one runs gets the next.
 * Answers with the wish's number.
 */
export async function wishForSync(
  db: StoreDatabase,
  reason: string,
  object?: { readonly kind: ObjectKind; readonly providerId: string },
): Promise<string> {
  return inTransaction(db, async (trx) => {
    const values = { reason, kind: object?.kind ?? null, provider_id: object?.providerId ?? null };
    const { wish_id: wishId } = await trx
      .insertInto('sync_wishes')
      .values(values)
      .returning('wish_id')
      .executeTakeFirstOrThrow();
    // Only hastens it: the reader looks by itself before each sync.
    await sql`notify sync_wishes`.execute(trx);
    return wishId;
  });
}

/** True once a complete sync has ended that began after the wish. */
export async function isGranted(db: StoreDatabase, wishId: string): Promise<boolean> {
  const open = await db
    .selectFrom('sync_wishes')
    .select('wish_id')
    .where('wish_id', '=', wishId)
    .executeTakeFirst();
  return open === undefined;
}

/** Asks the syncs to read every list anew, back to the opening of the account. One that is being read so goes on. */
export async function wishForReread(db: StoreDatabase): Promise<void> {
  await db
    .updateTable('provider_lists')
    .set((eb) => ({ reread_from: eb.fn.coalesce('reread_from', NOW) }))
    .execute();
}

export async function readWishes(db: StoreDatabase, limit: number): Promise<readonly SyncWish[]> {
  return db
    .selectFrom('sync_wishes')
    .select(['wish_id as wishId', 'kind', 'provider_id as providerId'])
    .orderBy('wish_id')
    .limit(limit)
    .execute();
}

export async function grantWishes(trx: StoreTransaction, wishes: readonly SyncWish[]): Promise<void> {
  if (wishes.length === 0) return;
  const ids = wishes.map(({ wishId }) => wishId);
  await trx.deleteFrom('sync_wishes').where('wish_id', 'in', ids).execute();
}

export interface SyncEnd {
  readonly beganAt: Date;
  readonly clockSkewMs: number | null;
  /** Null: the worker asks as fast as it likes. */
  readonly maxRequestsPerSecond: number | null;
  /** Null: every list was read to its end. */
  readonly problem: string | null;
  /** Lists that were read to where they are known, and of which nothing else is new. */
  readonly completed: readonly ObjectKind[];
}

/**
 * A sync is over; one that is complete gets the next number.
 * @throws SyncReplacedError
 */
export async function endSync(trx: StoreTransaction, end: SyncEnd, generation: string): Promise<void> {
  const { beganAt, clockSkewMs, maxRequestsPerSecond, problem, completed } = end;
  const { numUpdatedRows } = await trx
    .with('lists', (cte) =>
      cte
        .updateTable('provider_lists')
        .set({ completed_at: beganAt })
        .where(sql<boolean>`kind = any(${[...completed]}::text[])`),
    )
    .updateTable('provider_sync')
    .set((eb) => ({
      problem,
      tried_at: beganAt,
      max_requests_per_second: maxRequestsPerSecond,
      clock_skew_ms: clockSkewMs === null ? null : Math.round(clockSkewMs),
      ...(problem === null ? { began_at: beganAt, completed_at: NOW, sync_no: eb('sync_no', '+', '1') } : {}),
    }))
    .where('generation', '=', generation)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new SyncReplacedError();
}

export function readSync(db: StoreDatabase) {
  return db
    .selectFrom('provider_sync')
    .select([
      'sync_no as syncNo',
      'began_at as beganAt',
      'clock_skew_ms as clockSkewMs',
      'max_requests_per_second as maxRequestsPerSecond',
      'tried_at as triedAt',
      'problem',
    ])
    .executeTakeFirstOrThrow();
}

const COUNTS_KEPT_MINUTES = 60;

/** Adds the requests that a process sent to QbitPay since it said so last. */
export async function countRequests(
  db: StoreDatabase,
  requests: readonly Omit<Selectable<StoreSchema['provider_request_counts']>, 'minute'>[],
): Promise<void> {
  if (requests.length === 0) return;
  await inTransaction(db, async (trx) => {
    await trx
      .insertInto('provider_request_counts')
      .values(requests.map((one) => ({ ...one, minute: sql<Date>`date_trunc('minute', clock_timestamp())` })))
      .onConflict((conflict) =>
        conflict.columns(['minute', 'reason', 'operation']).doUpdateSet((eb) => ({
          requests: eb('provider_request_counts.requests', '+', eb.ref('excluded.requests')),
        })),
      )
      .execute();
    const isOld = sql<boolean>`minute < clock_timestamp() - make_interval(mins => ${COUNTS_KEPT_MINUTES})`;
    await trx.deleteFrom('provider_request_counts').where(isOld).execute();
  });
}

/** Requests of the last whole minute, of all workers. */
export async function readRequestCounts(db: StoreDatabase) {
  return db
    .selectFrom('provider_request_counts')
    .select(['reason', 'operation', 'requests'])
    .where(sql<boolean>`minute = date_trunc('minute', clock_timestamp()) - interval '1 minute'`)
    .orderBy('reason')
    .orderBy('operation')
    .execute();
}
