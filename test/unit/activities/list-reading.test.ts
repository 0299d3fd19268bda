import fc from 'fast-check';
import { walkList, type Walk, type WalkOptions } from '../../../activities/provider/list-reading.js';
import type { ListPage } from '../../../activities/provider/provider-list.js';
import type { PageReading } from '../../../src/store/mirror/mirror.js';
import type { ObservedObject } from '../../../src/store/mirror/provider-objects.js';

/** How the provider finds the next page: by the item that the cursor names, or by counting from the top. */
type Paging = 'byId' | 'byOffset';

interface Plan {
  readonly paging: Paging;
  readonly pageSize: number;
  readonly items: number;
  /** How many come in at the top before each page but the first; none after the last of these numbers. */
  readonly arrivals: readonly number[];
}

/** A provider's list, newest first, that grows while it is read. */
class GrowingList {
  readonly #plan: Plan;
  readonly #ids: string[];
  readonly #offsets = new Map<string, number>();
  readonly shownAtFirst: readonly string[];
  pages = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#ids = Array.from({ length: plan.items }, (_, n) => `old-${n}`);
    this.shownAtFirst = [...this.#ids];
  }

  readPage = (startingAfter?: string): Promise<ListPage> => {
    const { paging, pageSize, arrivals } = this.#plan;
    for (let left = this.pages > 0 ? (arrivals[this.pages - 1] ?? 0) : 0; left > 0; left -= 1) {
      this.#ids.unshift(`new-${this.#ids.length}`);
    }
    const after = {
      byId: this.#ids.indexOf(startingAfter ?? '') + 1,
      byOffset: this.#offsetOf(startingAfter),
    };
    const ids = this.#ids.slice(after[paging], after[paging] + pageSize);
    if (ids.length > 0) this.#offsets.set(ids.at(-1) ?? '', after[paging] + ids.length);
    this.pages += 1;
    return Promise.resolve(pageOf(ids));
  };

  #offsetOf = (id = ''): number => this.#offsets.get(id) ?? 0;
}

const pageOf = (ids: readonly string[]): ListPage => ({
  isEmpty: ids.length === 0,
  isWhole: true,
  objects: ids.map(observed),
});

function observed(providerId: string): ObservedObject {
  const unknown = {
    externalOrderId: null,
    source: null,
    type: null,
    status: null,
    currency: null,
    amount: null,
  };
  return { kind: 'payout', providerId, ...unknown, content: {}, problem: null, isOpen: false };
}

interface Reading {
  readonly walk: Walk;
  readonly recorded: readonly string[];
  /** What was written about the list itself. */
  readonly noted: readonly unknown[];
}

/** Reads the list to its end, into a mirror that knows these objects. */
async function read(
  readPage: (startingAfter?: string) => Promise<ListPage>,
  { known = [], ...options }: Partial<WalkOptions> & { readonly known?: readonly string[] } = {},
): Promise<Reading> {
  const recorded: string[] = [];
  const noted: unknown[] = [];
  const parts = {
    reader: {
      clock: () => new Date(),
      recordPage: (_kind: unknown, { objects, list }: Pick<PageReading, 'objects' | 'list'>) => {
        if (list !== undefined) noted.push(list);
        recorded.push(...objects.map(({ providerId }) => providerId));
        return Promise.resolve(
          objects.map(({ providerId }) => ({
            providerId,
            isChanged: false,
            isKnown: known.includes(providerId),
            firstSeenAt: new Date(),
          })),
        );
      },
    },
    onPage: () => undefined,
  };
  const list = { kind: 'payout', readPage, readOne: () => Promise.reject(new Error('no')), openStatuses: [] };
  const walk = await walkList(parts as never, list as never, {
    hadObjects: known.length > 0 && options.status === undefined,
    isEnough: () => false,
    ...options,
  });
  return { walk, recorded, noted };
}

const plans = fc.record<Plan>({
  paging: fc.constantFrom<Paging>('byId', 'byOffset'),
  pageSize: fc.integer({ min: 2, max: 6 }),
  items: fc.integer({ min: 1, max: 25 }),
  arrivals: fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 40 }),
});

test('whatever the list showed when the reading began is recorded once, however the pages shift meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const list = new GrowingList(plan);
      const { walk, recorded } = await read(list.readPage);
      expect(new Set(recorded).size).toBe(recorded.length);
      // The list grew by as much as a page holds: that looks as if it stood still, and proves nothing.
      if (walk.problem === 'LIST_STUCK' && plan.paging === 'byOffset') return;
      expect(walk).toMatchObject({ problem: null });
      expect(recorded).toEqual(expect.arrayContaining([...list.shownAtFirst]));
    }),
    { numRuns: 400 },
  );
});

test('a list that grows by a page before each page shows nothing new: it proves nothing, and the reading ends', async () => {
  const list = new GrowingList({ paging: 'byOffset', pageSize: 2, items: 9, arrivals: Array(99).fill(2) });
  const { walk } = await read(list.readPage);
  expect(walk.problem).toBe('LIST_STUCK');
  expect(list.pages).toBe(2);
});

test('a list that ends without anything that it had shown before has lost it', async () => {
  const list = new GrowingList({ paging: 'byId', pageSize: 5, items: 7, arrivals: [] });
  expect((await read(list.readPage, { known: ['gone'] })).walk.problem).toBe('LIST_LOST');
  expect((await read(() => Promise.resolve(pageOf([])), { known: ['gone'] })).walk.problem).toBe('LIST_LOST');
});

test('it reads no further than it has to', async () => {
  const list = new GrowingList({ paging: 'byId', pageSize: 100, items: 100_000, arrivals: [] });
  const { walk } = await read(list.readPage, { isEnough: (page) => page.at(-1)?.providerId === 'old-299' });
  expect(walk).toMatchObject({ problem: null });
  expect(list.pages).toBe(3);
});

test('a page with something that has no id is no proof that anything else is not there', async () => {
  const pages = [{ ...pageOf(['a']), isWhole: false }, pageOf([])];
  const { walk } = await read(() => Promise.resolve(pages.shift() ?? pageOf([])));
  expect(walk).toMatchObject({ problem: null, isWhole: false });
});

test.each([true, false])(
  'what is read of a list is noted once it has shown something (resumable: %s)',
  async (isResumable) => {
    const readAll = (pages: ListPage[]) =>
      read(() => Promise.resolve(pages.shift() ?? pageOf([])), { isResumable });
    expect((await readAll([])).noted).toEqual([]);
    const progress = isResumable ? { backfillCursor: 'a' } : {};
    expect((await readAll([pageOf(['a'])])).noted).toEqual([{ hasShown: true, ...progress }]);
  },
);
