import type { ObjectNews, ObservedObject } from '../../src/store/mirror/provider-objects.js';
import type { MirrorReader } from '../../src/store/mirror/mirror.js';
import type { Store } from '../../src/store/store.js';
import type { ListPage, ProviderList } from './provider-list.js';

/** Reads a list of QbitPay page by page, newest first, and writes each page before it asks for the next. */

export interface ReadingParts {
  readonly store: Store;
  readonly reader: MirrorReader;
  /** Called after each page; throws to end the reading. */
  readonly onPage: () => void;
}

export interface WalkOptions {
  /** The list has shown objects, as a list without a filter shows them all: where it ends without one, it is lost. */
  readonly hadObjects: boolean;
  /** Where an earlier walk stopped. */
  readonly startingAfter?: string | null;
  /** Of a list that can be filtered. */
  readonly status?: string;
  /** True after a page that need not be followed by older ones. */
  readonly isEnough: (page: readonly WalkedObject[]) => boolean | Promise<boolean>;
  /** A later walk goes on after the last page that was written. @default false */
  readonly isResumable?: boolean;
  /** It stops here, and another walk goes on where it stopped. @default no limit but that of all lists */
  readonly maxPages?: number;
}

export interface WalkedObject extends ObservedObject, Omit<ObjectNews, 'providerId'> {}

const LIST_PROBLEM = {
  /** It ended without any object that it had shown before. */
  LOST: 'LIST_LOST',
  /** It shows the same page again, whatever is asked for. */
  STUCK: 'LIST_STUCK',
  /** It goes on for longer than any list may. */
  ENDLESS: 'LIST_ENDLESS',
} as const;

export interface Walk {
  /** Null: it came to where it was enough, or to the end. */
  readonly problem: string | null;
  /** False when it met something without an id, which might be anything: it proves no absence. */
  readonly isWhole: boolean;
  readonly pages: number;
  /** The last object that it read, where it stopped at its limit of pages. */
  readonly stoppedAfter?: string;
}

/** Pages shift by what joins, or changes its place, while a few of them are read. */
const MOST_SEEN = 10_000;

/** 10 million objects. */
const MAX_PAGES = 100_000;

export async function walkList(parts: ReadingParts, list: ProviderList, options: WalkOptions): Promise<Walk> {
  const { maxPages = MAX_PAGES, startingAfter, hadObjects, isEnough } = options;
  const seen = new Set<string>();
  let hasKnown = startingAfter != null;
  let isWhole = true;
  let cursor = startingAfter ?? undefined;
  for (let pages = 1; pages <= maxPages; pages += 1) {
    const read = await readPage(parts, list, options, { cursor, seen });
    if (read.isEmpty) return { problem: hadObjects && !hasKnown ? LIST_PROBLEM.LOST : null, isWhole, pages };
    isWhole &&= read.isWhole;
    const last = read.objects.at(-1);
    if (last === undefined) return { problem: LIST_PROBLEM.STUCK, isWhole, pages };
    hasKnown ||= read.objects.some(({ isKnown }) => isKnown);
    if (await isEnough(read.objects)) return { problem: null, isWhole, pages };
    cursor = last.providerId;
  }
  const stopped = { isWhole, pages: maxPages, ...(cursor === undefined ? {} : { stoppedAfter: cursor }) };
  return { problem: maxPages === MAX_PAGES ? LIST_PROBLEM.ENDLESS : null, ...stopped };
}

/** One page without what this walk has shown just before. */
async function readPage(
  { reader, onPage }: ReadingParts,
  list: ProviderList,
  { status, hadObjects, isResumable = false }: WalkOptions,
  { cursor, seen }: { readonly cursor: string | undefined; readonly seen: Set<string> },
): Promise<Omit<ListPage, 'objects'> & { readonly objects: readonly WalkedObject[] }> {
  const readAt = reader.clock();
  const page: ListPage = await list.readPage(cursor, status);
  const objects = page.objects.filter(({ providerId }) => !seen.has(providerId) && seen.add(providerId));
  for (const oldest of seen) {
    if (seen.size <= MOST_SEEN) break;
    seen.delete(oldest);
  }
  const last = objects.at(-1);
  // A list that has shown nothing yet cannot lose anything.
  const isNews = status === undefined && last !== undefined && (isResumable || !hadObjects);
  const progress = isResumable ? { backfillCursor: last?.providerId ?? null } : {};
  const shown = isNews ? { list: { hasShown: true, ...progress } } : {};
  const news = await reader.recordPage(list.kind, { objects, readAt, ...shown });
  onPage();
  const nothingKnown = { isChanged: true, isKnown: false, firstSeenAt: readAt };
  return {
    isEmpty: page.isEmpty,
    isWhole: page.isWhole,
    objects: objects.map((object, index) => ({ ...nothingKnown, ...object, ...news[index] })),
  };
}
