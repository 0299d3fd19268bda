import { sql } from 'kysely';
import type { StoreDatabase } from '../database.js';
import { searchedSince } from './absence.js';
import { isStaleOpen, type SyncInterval } from './provider-objects.js';
import { selectLists, type ListState } from './sync-state.js';

/** What a sync has to know before it reads, in two statements however little there is to do. */

export interface SyncStart {
  /** The database's clock first: whoever wished before a sync began is served by it. */
  readonly beganAt: Date;
  /** Null as long as the opening balance is not written. */
  readonly openedAt: Date | null;
  /** Something that an earlier sync showed is not posted, or not judged, yet. */
  readonly isWorkLeft: boolean;
  /** The one first whose overlap was read longest ago. */
  readonly lists: readonly ListStart[];
}

export interface ListStart extends ListState {
  /** It has shown something that QbitPay still has, as far as is known. */
  readonly hasListed: boolean;
  /** When the oldest of the requests was sent first that this list is searched for in vain; null where there is none. */
  readonly searchedSince: Date | null;
  /** There are objects that may change and were not read for too long. */
  readonly hasStale: boolean;
}

export async function readSyncStart(db: StoreDatabase, interval: SyncInterval): Promise<SyncStart> {
  const isWorkLeft = sql<boolean>`(exists (select from provider_objects where is_unread)
    or exists (select from provider_objects where is_unexplained is null and kind <> 'transaction')
    or exists (select from provider_objects where not is_duplicate_named))`;
  const sync = await db
    .selectFrom('provider_sync')
    .select(sql<Date>`statement_timestamp()`.as('beganAt'))
    .select(['opened_at as openedAt', isWorkLeft.as('isWorkLeft')])
    .executeTakeFirstOrThrow();
  const { beganAt } = sync;
  const ofList = sql`from provider_objects object where object.kind = provider_lists.kind`;
  const lists = await selectLists(db)
    .select([
      sql<boolean>`has_shown and exists (select ${ofList} and missing_since is null)`.as('hasListed'),
      sql<boolean>`exists (select ${ofList} and ${isStaleOpen(beganAt, interval)})`.as('hasStale'),
      searchedSince(beganAt).as('searchedSince'),
    ])
    .orderBy('overlap_read_at')
    .orderBy('kind')
    .execute();
  return { ...sync, lists };
}
