import type { BalanceReading } from '../../src/store/mirror/mirror.js';
import type { ListStart, SyncStart } from '../../src/store/mirror/sync-start.js';
import type { SyncWish } from '../../src/store/mirror/sync-state.js';
import { OBJECT_KIND, type ObjectKind } from '../../src/store/schema.js';
import {
  QbitPayApiError,
  QbitPayError,
  QbitPayInvalidRequestError,
  QbitPayResponseError,
} from '../../src/qbitpay/errors.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { SyncSettings } from '../dependencies.js';
import { ensureAccountOpened, isLongBefore } from './account-opening.js';
import { BalancesMovingError } from './provider-balances.js';
import { walkList, type ReadingParts, type Walk, type WalkedObject } from './list-reading.js';
import { postEnded, postPaid } from './posting.js';
import { readByIds } from './reading-by-id.js';
import type { ProviderList } from './provider-list.js';

/** One sync: what QbitPay shows becomes what the mirror shows. */

export interface SyncParts extends ReadingParts {
  readonly qbitpay: QbitPayClient;
  readonly lists: readonly ProviderList[];
  readonly settings: SyncSettings;
  /** How far the overlap of each list is read; kept between syncs. */
  readonly overlaps: Map<ObjectKind, Overlap>;
}

/** A reading beyond what is known, a few pages with each sync. */
interface Overlap {
  readonly isEnough: IsEnough;
  readonly startingAfter: string | null;
}

const OVERLAP_EVERY_MS = 60_000;
/** So many objects in a row that are known for long enough end a reading that goes on beyond what is known. */
const KNOWN_IN_A_ROW = 100;
/** Of each kind, in one sync: what left the lists of open objects is read one by one, or, where it is more, by so many pages. */
const READ_BY_ID = 20;
const SWEEP_PAGES = 100;

/** Of each list, in one sync: where all of it is read anew, the others must not wait for long. */
const REREAD_PAGES = 10;

const WISHES_AT_ONCE = 500;

export interface SyncResult {
  readonly isComplete: boolean;
  /** How long QbitPay asked to be left alone. */
  readonly retryAfterMs: number;
}

/** A sync that runs. */
interface Sync {
  start: SyncStart;
  /** What comes in sets the pace: a late object is met within about as long as the overlap is. */
  readonly overlapBudget: { pages: number };
  readonly completed: ObjectKind[];
}

/** Reads every list. A list that cannot be read does not keep the others from being read. */
export async function runSync(parts: SyncParts): Promise<SyncResult> {
  const { store, reader, qbitpay, settings } = parts;
  const start = await reader.startSync(settings);
  const wishes = await store.mirror.readWishes(WISHES_AT_ONCE);
  const sync: Sync = { start, overlapBudget: { pages: 1 }, completed: [] };
  const problems: string[] = [];
  let retryAfterMs = 0;
  for (const step of stepsOf(parts, wishes, sync)) {
    try {
      const problem = await step();
      if (problem !== null) problems.push(problem);
    } catch (error) {
      if (!(error instanceof QbitPayError)) throw error;
      problems.push(`${error.operation}: ${error.name}`);
      if ('retryAfterMs' in error) retryAfterMs = Number(error.retryAfterMs ?? 0);
      // An answer that makes no sense is this list's own fault; anything else would meet the others as well.
      if (!(error instanceof QbitPayResponseError)) break;
    }
  }
  const problem = problems.length === 0 ? null : problems.join('; ');
  const { clockSkewMs } = qbitpay.observed;
  const { maxRequestsPerSecond } = settings;
  const { completed } = sync;
  await reader.endSync(
    { beganAt: start.beganAt, problem, clockSkewMs, maxRequestsPerSecond, completed },
    wishes,
  );
  return { isComplete: problem === null, retryAfterMs };
}

type Step = () => Promise<string | null>;

function stepsOf(parts: SyncParts, wishes: readonly SyncWish[], sync: Sync): Step[] {
  const wished = (kind: ObjectKind): string[] => [
    ...new Set(
      wishes.flatMap((wish) => (wish.kind === kind && wish.providerId !== null ? wish.providerId : [])),
    ),
  ];
  const { lists, reader } = parts;
  const isTransactions = ({ kind }: ProviderList): boolean => kind === OBJECT_KIND.TRANSACTION;
  const read = (list: ProviderList) => () => syncList(parts, list, sync);
  const balances: BalanceReading[] = [];
  const post = withoutProblem(async () => {
    if (reader.hasWork()) await postPaid(parts);
  });
  return [
    () => openAccount(parts, sync),
    ...lists.filter((list) => !isTransactions(list)).map(read),
    // Before the transactions: whatever is in them had moved by then, or the list shows it beside what came after.
    () => readBalances(parts, balances),
    ...lists.filter(isTransactions).map(read),
    withoutProblem(() => reader.settleDeposits()),
    withoutProblem(async () => {
      for (const reading of balances) await reader.recordBalances(reading);
    }),
    post,
    // After the deposits, which payouts wait for: what may change can be hundreds of pages.
    ...lists.flatMap((list): Step[] => [
      () => rereadList(parts, list, sync),
      async () => readByIds(parts, list, await leaveOutShown(parts, list, sync, wished(list.kind))),
      () => readStale(parts, list, sync),
    ]),
    post,
    () => readOverlaps(parts, sync),
    ...lists
      .filter(({ kind }) => kind === OBJECT_KIND.PAYOUT)
      .map((list) => async () => (reader.hasWork() ? postEnded(parts, list) : null)),
  ];
}

/** As it was when the sync began to read. */
function stateOf({ start }: Sync, { kind }: Pick<ProviderList, 'kind'>): ListStart {
  const state = start.lists.find((one) => one.kind === kind);
  if (state === undefined) throw new Error(`the store has no list of kind ${kind}`);
  return state;
}

async function openAccount(parts: SyncParts, sync: Sync): Promise<string | null> {
  const { beganAt, openedAt } = sync.start;
  if (openedAt !== null) return null;
  try {
    await ensureAccountOpened(parts);
    sync.start = { ...(await parts.reader.startSync(parts.settings)), beganAt };
    return null;
  } catch (error) {
    if (error instanceof BalancesMovingError) return error.message;
    throw error;
  }
}

const withoutProblem = (work: () => Promise<void>) => (): Promise<null> => work().then(() => null);

/** Without the balances the lists say what they say. */
async function readBalances({ qbitpay, reader }: SyncParts, found: BalanceReading[]): Promise<string | null> {
  const claims = await reader.readClaims();
  const readAt = reader.clock();
  try {
    found.push({ balances: await qbitpay.background.listBalances(), claims, readAt });
    return null;
  } catch (error) {
    if (!(error instanceof QbitPayError)) throw error;
    return `${error.operation}: ${error.name}`;
  }
}

/** Null, or why the list was not read to where it is known. */
async function syncList(parts: SyncParts, list: ProviderList, sync: Sync): Promise<string | null> {
  const { reader } = parts;
  const { kind } = list;
  const { beganAt } = sync.start;
  const state = stateOf(sync, list);
  const { hasListed: hadObjects, searchedSince: since } = state;
  const isFirst = state.backfilledAt === null;
  // Its first reading is that of the opening balance.
  if (isFirst && kind === OBJECT_KIND.TRANSACTION) return null;
  let walk: Walk;
  try {
    walk = await walkList(parts, list, {
      hadObjects,
      ...(isFirst
        ? { isResumable: true, isEnough: () => false, startingAfter: state.backfillCursor }
        : { isEnough: whenEnough(list, sync, since ?? beganAt) }),
    });
  } catch (error) {
    // One that has shown something is there: whoever answers so now is not it.
    if (state.hasShown || !isNotOffered(list, error)) throw error;
    await reader.noteList(kind, { isOffered: false, problem: null });
    if (since !== null) await reader.giveUpSearch({ kind, beganAt });
    return null;
  }
  const { problem, pages } = walk;
  if (problem !== null) {
    await reader.noteList(kind, { problem });
    return `${kind}: ${problem}`;
  }
  if (!isFirst) sync.overlapBudget.pages += pages - 1;
  await noteCompleted(parts, state, sync);
  if (since !== null) await reader.noteAbsenceChecks({ kind, beganAt, since, isWhole: walk.isWhole });
  return null;
}

async function noteCompleted({ reader }: SyncParts, state: ListStart, sync: Sync): Promise<void> {
  const { kind, backfilledAt, isOffered, problem } = state;
  const { beganAt } = sync.start;
  const isFirst = backfilledAt === null;
  if (!isFirst && isOffered && problem === null) return void sync.completed.push(kind);
  await reader.noteList(kind, {
    isOffered: true,
    problem: null,
    completedAt: beganAt,
    ...(isFirst ? { backfilledAt: beganAt, backfillCursor: null, overlapReadAt: beganAt } : {}),
  });
}

/**
 * Objects may show late, below newer ones: each list is read on, beyond what is known, within the budget of this sync.
 * The next sync goes on where this one stops.
 */
async function readOverlaps(parts: SyncParts, sync: Sync): Promise<string | null> {
  const { reader, overlaps } = parts;
  const { start, overlapBudget } = sync;
  const { beganAt } = start;
  for (const { kind, isOffered, overlapReadAt, hasListed: hadObjects } of start.lists) {
    const list = parts.lists.find((one) => one.kind === kind);
    if (list === undefined || !isOffered || overlapReadAt === null) continue;
    const isDue = beganAt.getTime() - overlapReadAt.getTime() >= OVERLAP_EVERY_MS;
    if (!isDue && !overlaps.has(kind)) continue;
    if (overlapBudget.pages <= 0) break;
    const { isEnough, startingAfter } = overlaps.get(kind) ?? {
      isEnough: whenEnough(list, sync, new Date(beganAt.getTime() - parts.settings.overlapSeconds * 1_000)),
      startingAfter: null,
    };
    // Where it fails, it begins anew.
    overlaps.delete(kind);
    const maxPages = overlapBudget.pages;
    const { problem, pages, stoppedAfter } = await walkList(parts, list, {
      hadObjects,
      startingAfter,
      isEnough,
      maxPages,
    });
    overlapBudget.pages -= pages;
    if (problem !== null) return `${kind}: ${problem}`;
    if (stoppedAfter === undefined) await reader.noteList(kind, { overlapReadAt: beganAt });
    else overlaps.set(kind, { isEnough, startingAfter: stoppedAfter });
  }
  return null;
}

/** The list of orders is inferred: QbitPay may have none. The others are documented. */
function isNotOffered({ kind }: ProviderList, error: unknown): boolean {
  const isAnswer = error instanceof QbitPayInvalidRequestError || error instanceof QbitPayApiError;
  return kind === OBJECT_KIND.ORDER && isAnswer && error.hasErrorObject && error.status === 404;
}

type IsEnough = (page: readonly WalkedObject[]) => boolean;

/** How far a reading goes: to what is known, or beyond it to what was known before that moment. */
function whenEnough(list: ProviderList, sync: Sync, before: Date): IsEnough {
  const isKnown = before < sync.start.beganAt ? untilKnownBefore(before) : untilKnown;
  const isLongEnough = whenLongBefore(list, sync);
  return (page) => isKnown(page) || isLongEnough(page);
}

/**
 * What moved the balances long before the account was opened is part of the opening balance: transactions older than that
 * are not read.
 */
function whenLongBefore({ kind }: ProviderList, { start }: Sync): IsEnough {
  const openedAt = kind === OBJECT_KIND.TRANSACTION ? start.openedAt : null;
  return (page) => openedAt !== null && page.every((object) => isLongBefore(object, openedAt));
}

const untilKnown: IsEnough = (page) => page.every(({ isChanged }) => !isChanged);

/** Objects may show late, below newer ones: a few that are known prove nothing. */
function untilKnownBefore(moment: Date): IsEnough {
  let inARow = 0;
  return (page) => {
    for (const { firstSeenAt } of page) inARow = firstSeenAt < moment ? inARow + 1 : 0;
    return inARow >= KNOWN_IN_A_ROW;
  };
}

/**
 * Goes on reading all of a list anew, where that is wished for. What it does not show any more is read by its id: it may
 * be gone.
 */
async function rereadList(parts: SyncParts, list: ProviderList, sync: Sync): Promise<string | null> {
  const { store, reader } = parts;
  const { rereadFrom, rereadCursor: startingAfter, isOffered, hasListed: hadObjects } = stateOf(sync, list);
  if (rereadFrom === null) return null;
  if (isOffered) {
    const isEnough = whenLongBefore(list, sync);
    const walk = await walkList(parts, list, { hadObjects, startingAfter, isEnough, maxPages: REREAD_PAGES });
    if (walk.problem !== null) return `${list.kind}: ${walk.problem}`;
    if (walk.stoppedAfter !== undefined) {
      await reader.noteList(list.kind, { rereadCursor: walk.stoppedAfter });
      return null;
    }
  }
  const unshown = await store.mirror.findNotReadSince(list.kind, rereadFrom, READ_BY_ID);
  if (unshown.length > 0) return readByIds(parts, list, unshown);
  await reader.noteList(list.kind, { rereadFrom: null, rereadCursor: null });
  return null;
}

/** Reads what may change and was not read for too long: by its list, and what that does not show by its id. */
async function readStale(parts: SyncParts, list: ProviderList, sync: Sync): Promise<string | null> {
  const { mirror } = parts.store;
  const { beganAt } = sync.start;
  const { hasStale, hasListed } = stateOf(sync, list);
  if (!hasStale) return null;
  const countStale = () => mirror.countStaleOpen(list.kind, beganAt, parts.settings);
  const problem = await sweepOpen(parts, list, { hasListed, countStale });
  await readByIds(parts, list, await mirror.listStaleOpen(list.kind, beganAt, parts.settings, READ_BY_ID));
  return problem;
}

/** By its status, newest first, until nothing of that kind is left. */
async function sweepOpen(
  parts: SyncParts,
  list: ProviderList,
  { hasListed, countStale }: { readonly hasListed: boolean; readonly countStale: () => Promise<number> },
): Promise<string | null> {
  for (const status of list.openStatuses) {
    if ((await countStale()) === 0) return null;
    const filter = { isIgnored: false };
    const { problem } = await walkList(parts, list, {
      // A filter may show nothing.
      hadObjects: false,
      status,
      isEnough: async (page) => {
        // A filter that is ignored shows all there is.
        filter.isIgnored = page.some((object) => object.problem === null && object.status !== status);
        return filter.isIgnored || (await countStale()) === 0;
      },
    });
    if (problem !== null) return `${list.kind} ${status}: ${problem}`;
    if (filter.isIgnored) break;
  }
  const left = await countStale();
  // A few are read one by one. More than that are looked for in the whole list, which must not cost more than that would.
  if (left <= READ_BY_ID) return null;
  await walkList(parts, list, {
    hadObjects: hasListed,
    isEnough: async () => (await countStale()) === 0,
    maxPages: Math.min(left, SWEEP_PAGES),
  });
  return null;
}

/** What this sync's list shows is there, whatever else is said of it. */
async function leaveOutShown(
  { store }: SyncParts,
  { kind }: ProviderList,
  { start: { beganAt } }: Sync,
  ids: readonly string[],
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const id of ids) {
    const known = await store.mirror.findObject(kind, id);
    const isShown = known !== undefined && known.problem === null && known.read_at >= beganAt;
    if (!isShown) left.push(id);
  }
  return left;
}
