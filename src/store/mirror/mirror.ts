import { sql } from 'kysely';
import type { Client } from 'pg';
import { inSnapshot, inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import {
  bookCoveredDeposit,
  bookShownDeposits,
  findUnbookedAgain,
  readClaims,
  type DepositProof,
} from '../deposits/deposit-intake.js';
import { findNoticeMatches, learnFromNotice } from '../deposits/deposit-notices.js';
import { readAvailable, recordBalanceReading, type ProviderBalances } from '../ledger/provider-account.js';
import { hintWaiting } from '../payouts/reservations.js';
import { OBJECT_KIND, type ObjectKind } from '../schema.js';
import { openAccount, readOpening } from './account-opening.js';
import {
  findAttempts,
  findByExternalId,
  findCandidates,
  giveUpSearch,
  noteAbsenceChecks,
  type SearchedList,
} from './absence.js';
import { brakeForDuplicates, noteDuplicates } from './duplicate-objects.js';
import {
  countObjects,
  countStaleOpen,
  findNotReadSince,
  findObject,
  findTransactionsOf,
  listProblems,
  listStaleOpen,
  recordMissing,
  recordReading,
  recordUnreadable,
  recordObjects,
  refreshObjects,
  type ObservedObject,
  type ObjectNews,
  type SyncInterval,
} from './provider-objects.js';
import { brakeForShortfalls } from './shortfalls.js';
import {
  asReader,
  countRequests,
  endSync,
  grantWishes,
  isGranted,
  isReader,
  noteList,
  readClock,
  readList,
  readLists,
  readRequestCounts,
  readSync,
  readWishes,
  takeGeneration,
  wishForReread,
  wishForSync,
  type ListState,
  type SyncEnd,
  type SyncWish,
} from './sync-state.js';
import { readSyncStart, type SyncStart } from './sync-start.js';
import { adoptUnexplained, judgeObjects, listUnexplained } from './unexplained-objects.js';
import { findUnread, hintOwners, listPostable, markRead } from './unread-objects.js';
import { forgetHint, listUntold, noteDelivered, noteRefused, readHints, takeHint } from './workflow-hints.js';

/** What QbitPay showed last, and how far its readers have come. */
export function createMirror(db: StoreDatabase, connect: () => Promise<Client>) {
  return {
    takeGeneration: takeGeneration.bind(null, db),
    /** What a reader writes; every function throws a SyncReplacedError once another reader has taken over. */
    asReader: (generation: string, rules: ReaderRules) => createReader(db, generation, rules),
    readOpening: readOpening.bind(null, db),
    openAccount: openAccount.bind(null, db),
    readClock: readClock.bind(null, db),
    readLists: readLists.bind(null, db),
    readList: readList.bind(null, db),
    readSync: readSync.bind(null, db),
    readStatus: readStatus.bind(null, db),
    readBalance: readAvailable.bind(null, db),
    findObject: findObject.bind(null, db),
    findByExternalId: findByExternalId.bind(null, db),
    findAttempts: findAttempts.bind(null, db),
    findCandidates: findCandidates.bind(null, db),
    findTransactionsOf: findTransactionsOf.bind(null, db),
    findUnread: findUnread.bind(null, db),
    listPostable: listPostable.bind(null, db),
    markRead: markRead.bind(null, db),
    listUnexplained: listUnexplained.bind(null, db),
    adoptUnexplained: adoptUnexplained.bind(null, db),
    recordReading: recordReading.bind(null, db),
    /** Tells the payout that an object is of what the mirror shows of it already. */
    tellOwner: ({ kind, providerId }: Pick<ObservedObject, 'kind' | 'providerId'>): Promise<void> =>
      inTransaction(db, (trx) => hintOwners(trx, kind, [providerId])),
    recordMissing: recordMissing.bind(null, db),
    listStaleOpen: listStaleOpen.bind(null, db),
    countStaleOpen: countStaleOpen.bind(null, db),
    wishForSync: wishForSync.bind(null, db),
    isGranted: isGranted.bind(null, db),
    wishForReread: wishForReread.bind(null, db),
    findNotReadSince: findNotReadSince.bind(null, db),
    readWishes: readWishes.bind(null, db),
    listen: listen.bind(null, connect),
    readHints: readHints.bind(null, db),
    forgetHint: forgetHint.bind(null, db),
    noteDelivered: noteDelivered.bind(null, db),
    noteRefused: noteRefused.bind(null, db),
    takeHint: takeHint.bind(null, db),
    countRequests: countRequests.bind(null, db),
  };
}

export type MirrorStatus = Awaited<ReturnType<typeof readStatus>>;

/** So many objects that cannot be read, and payouts that cannot be told, are shown. */
const SHOWN_PROBLEMS = 100;

/** How far the readings have come, and what stands in their way; of one moment. */
async function readStatus(db: StoreDatabase) {
  return inSnapshot(db, async (trx) => {
    const lists = await readLists(trx);
    return {
      now: await readClock(trx),
      sync: await readSync(trx),
      lists: await Promise.all(
        lists.map(async (list) => ({
          ...list,
          objects: list.backfilledAt === null ? await countObjects(trx, list.kind) : null,
        })),
      ),
      problems: await listProblems(trx, SHOWN_PROBLEMS),
      untoldPayouts: await listUntold(trx, SHOWN_PROBLEMS),
      requests: await readRequestCounts(trx),
    };
  });
}

export type MirrorReader = ReturnType<typeof createReader>;

/** What the settings say of the account. */
export interface ReaderRules {
  readonly depositProof: DepositProof;
  /** Others pay from it as well, under ids of their own. */
  readonly isAccountShared: boolean;
}

function createReader(db: StoreDatabase, generation: string, rules: ReaderRules) {
  const hasTransactions = hasDepositTransactions(rules);
  const write = <T>(work: (trx: StoreTransaction) => Promise<T>): Promise<T> =>
    asReader(db, generation, work);
  // Of the sync that runs.
  const sync = { now: new Date(0), hasWork: true, unchanged: new Array<ObservedObject>() };
  return {
    /** A sync begins: everything below belongs to it, until it ends. */
    startSync: async (interval: SyncInterval): Promise<SyncStart> => {
      const start = await readSyncStart(db, interval);
      Object.assign(sync, { now: start.beganAt, hasWork: start.isWorkLeft, unchanged: [] });
      return start;
    },
    /** The database's clock, as it was told last in this sync: what is asked for from now on is read after that. */
    clock: (): Date => sync.now,
    /** True where there is anything to be posted, or judged: from an earlier sync, or from this one. */
    hasWork: (): boolean => sync.hasWork,
    /** One page, what is known of its list by now, and what follows from what was new: together, or not at all. */
    recordPage: async (kind: ObjectKind, page: PageReading): Promise<readonly ObjectNews[]> => {
      const { objects, readAt, list } = page;
      if (list === undefined) {
        if (objects.length === 0) return [];
        const known = await refreshObjects(db, objects, readAt, sql`exists (${isReader(db, generation)})`);
        if (known !== undefined) {
          sync.now = known.now;
          if (kind !== OBJECT_KIND.TRANSACTION) sync.unchanged.push(...objects);
          return known.news;
        }
      }
      return write(async (trx) => {
        const news = await recordNews(trx, kind, page, rules);
        sync.now = await readClock(trx);
        sync.hasWork ||= news.some(({ isChanged }) => isChanged);
        return news;
      });
    },
    /** QbitPay has it, as far as is known, and it cannot be read: it is tried again with every sync. */
    recordUnreadable: (kind: ObjectKind, providerId: string, readAt: Date): Promise<void> =>
      write((trx) => recordUnreadable(trx, kind, providerId, readAt)),
    /** QbitPay, asked for it by its id, does not show it. */
    recordMissing: (kind: ObjectKind, providerId: string, readAt: Date): Promise<void> =>
      write(async (trx) => {
        const isNews = await recordMissing(trx, kind, providerId, readAt);
        if (!isNews) return;
        sync.hasWork = true;
        await hintOwners(trx, kind, [providerId]);
      }),
    /** Tries again what could not be booked, and takes over the notices whose deposit is there. */
    settleDeposits: async (): Promise<void> => {
      const unbooked = await findUnbookedAgain(db);
      if (unbooked.length > 0) await write((trx) => bookShownDeposits(trx, unbooked));
      const matches = await findNoticeMatches(db, { byAmount: hasTransactions });
      for (const match of matches) await write((trx) => learnFromNotice(trx, match));
    },
    /** Read before the balances that may prove deposits; empty where transactions prove them. */
    readClaims: (): Promise<ProviderBalances> | ProviderBalances =>
      hasTransactions ? new Map() : readClaims(db),
    recordBalances: async ({ balances, claims, readAt }: BalanceReading): Promise<void> => {
      await write(async (trx) => {
        await recordBalanceReading(trx, balances, readAt);
        // Whatever made it available: nobody waits for longer than to the next sync.
        await hintWaiting(
          trx,
          balances.map(({ currency }) => currency),
        );
      });
      for (const { currency, available: amount } of balances) {
        const claimed = claims.get(currency);
        if (claimed === undefined) continue;
        while (await write((trx) => bookCoveredDeposit(trx, { currency, amount }, claimed)));
      }
    },
    noteAbsenceChecks: (list: SearchedList): Promise<void> => write((trx) => noteAbsenceChecks(trx, list)),
    giveUpSearch: (list: Pick<SearchedList, 'kind' | 'beganAt'>): Promise<void> =>
      write((trx) => giveUpSearch(trx, list)),
    noteList: (kind: ObjectKind, changes: Partial<Omit<ListState, 'kind'>>): Promise<void> =>
      noteList(db, kind, changes, generation),
    endSync: (end: SyncEnd, granted: readonly SyncWish[]): Promise<void> =>
      inTransaction(db, async (trx) => {
        await endSync(trx, end, generation);
        const areDuplicate = await noteLateDuplicates(trx, sync.unchanged);
        // What was not to be judged before may be now.
        if (areDuplicate || sync.hasWork) await judge(trx, rules);
        if (end.problem !== null) return;
        await brakeForShortfalls(trx, end.beganAt);
        await grantWishes(trx, granted);
      }),
  };
}

const hasDepositTransactions = ({ depositProof }: ReaderRules): boolean =>
  depositProof === 'balance_transaction';

async function recordNews(
  trx: StoreTransaction,
  kind: ObjectKind,
  { objects, readAt, list }: PageReading,
  rules: ReaderRules,
): Promise<readonly ObjectNews[]> {
  const news = await recordObjects(trx, objects, readAt);
  const changed = news.filter(({ isChanged }) => isChanged).map(idOf);
  await hintOwners(trx, kind, changed);
  if (list !== undefined) await noteList(trx, kind, list);
  if (kind === OBJECT_KIND.TRANSACTION) {
    if (hasDepositTransactions(rules)) await bookShownDeposits(trx, changed);
    return news;
  }
  await noteDuplicates(trx, kind, objects.map(idOf));
  // What follows from anything else is seen at the end of the sync.
  if (changed.length > 0) await judge(trx, rules);
  return news;
}

/** What was accepted meanwhile makes a second one of what was known before. True where there is such a one. */
async function noteLateDuplicates(
  trx: StoreTransaction,
  unchanged: readonly ObservedObject[],
): Promise<boolean> {
  let areThere = false;
  for (const kind of [OBJECT_KIND.PAYOUT, OBJECT_KIND.ORDER]) {
    const ids = unchanged.filter((one) => one.kind === kind).map(idOf);
    if (await noteDuplicates(trx, kind, ids)) areThere = true;
  }
  return areThere;
}

async function judge(trx: StoreTransaction, { isAccountShared }: ReaderRules): Promise<void> {
  await judgeObjects(trx, isAccountShared);
  await brakeForDuplicates(trx);
}

const idOf = ({ providerId }: Pick<ObservedObject, 'providerId'>): string => providerId;

export interface BalanceReading {
  readonly balances: Parameters<typeof recordBalanceReading>[1];
  /** What the store accounted for before. */
  readonly claims: ProviderBalances;
  /** The database's clock before the request left. */
  readonly readAt: Date;
}

export interface PageReading {
  readonly objects: readonly ObservedObject[];
  /** The database's clock before the request left. */
  readonly readAt: Date;
  readonly list?: Partial<Omit<ListState, 'kind'>>;
}

/** Calls back for each notification, as long as its session lives. Answers how to stop it. */
async function listen(
  connect: () => Promise<Client>,
  onNotice: (channel: string) => void,
): Promise<() => void> {
  const session = await connect();
  session.on('notification', ({ channel }) => onNotice(channel));
  try {
    await session.query('listen sync_wishes; listen workflow_hints');
  } catch (error) {
    await session.end();
    throw error;
  }
  return () => void session.end().catch(() => undefined);
}
