import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { wishForSync } from '../mirror/sync-state.js';
import { engage } from './brakes.js';

/**
 * What a process has seen of its store, kept in its memory alone. A database that was restored to an earlier moment, or is
 * another one by now, says less than the process knows: it has forgotten what was sent since.
 */
export interface SeenStore {
  /** The wish for a sync that the process made when it started, or when the store went back: before it is granted, nothing is sent. */
  startWish: string;
  /** One that was granted: nobody has to ask for it again. */
  grantedWish?: string;
  /** Where the store was last; undefined before the first look. */
  place: StorePlace | undefined;
}

interface StorePlace {
  /** Of the cluster, its timeline and the database in it. */
  readonly identity: string;
  /** Complete syncs so far. */
  readonly syncNo: bigint;
  /** How much the cluster has ever written down for good: a crash takes nothing of it back. */
  readonly writtenBytes: bigint;
}

/**
 * A transaction that begins with a look at the store. Where that has gone back, nothing is done in it but to engage the
 * brake and to wish for QbitPay to be read anew.
 */
export async function inSeenStore<T>(
  db: StoreDatabase,
  seen: SeenStore,
  work: (trx: StoreTransaction) => Promise<T>,
): Promise<T | 'braked'> {
  // Before the reading, which other looks of this process may overtake.
  const { place: before } = seen;
  const { place, newWish, answer } = await inTransaction(db, async (trx) => {
    const place = await readPlace(trx);
    const loss = before && describeLoss(before, place);
    if (loss === undefined) return { place, answer: await work(trx) };
    const kind = BRAKE_KIND.STORE_BEHIND_PROVIDER;
    await engage(trx, { kind, currency: null, detail: `the database was restored or replaced: ${loss}` });
    return { place, newWish: await wishForSync(trx, 'the store went back'), answer: 'braked' as const };
  });
  // Only after what follows from it is committed.
  if (newWish === undefined) notePlace(seen, place);
  else {
    seen.startWish = newWish;
    seen.place = place;
  }
  return answer;
}

/** Of two looks at the same time the later one stays. */
function notePlace(seen: SeenStore, place: StorePlace): void {
  if (seen.place === undefined || describeLoss(seen.place, place) === undefined) seen.place = place;
}

/** As a look before a request leaves, also when none does. */
export async function watchStore(db: StoreDatabase, seen: SeenStore): Promise<void> {
  const { place: before } = seen;
  const place = await readPlace(db);
  const isLost = before !== undefined && describeLoss(before, place) !== undefined;
  if (isLost) await inSeenStore(db, seen, () => Promise.resolve());
  else notePlace(seen, place);
}

async function readPlace(db: StoreDatabase): Promise<StorePlace> {
  const { rows } = await sql<{ identity: string; sync_no: string; written_bytes: string }>`
    select concat_ws('/', (pg_control_system()).system_identifier, (pg_control_checkpoint()).timeline_id,
        (select oid from pg_database where datname = current_database())) as identity,
      sync_no, (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text as written_bytes
    from provider_sync`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('the store does not say how far it is');
  return { identity: row.identity, syncNo: BigInt(row.sync_no), writtenBytes: BigInt(row.written_bytes) };
}

function describeLoss(before: StorePlace, now: StorePlace): string | undefined {
  if (now.identity !== before.identity) return `it was ${before.identity}, and is ${now.identity}`;
  if (now.syncNo < before.syncNo) return `it knew of sync ${before.syncNo}, and knows of ${now.syncNo}`;
  // Since the last sync as well.
  if (now.writtenBytes < before.writtenBytes) {
    return `it had written ${before.writtenBytes} bytes, and has ${now.writtenBytes}`;
  }
  return undefined;
}
