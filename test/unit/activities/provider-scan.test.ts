import fc from 'fast-check';
import {
  CLOCK_MARGIN_MS,
  isNothing,
  scanOrders,
  scanPayouts,
  type Scan,
} from '../../../activities/provider/provider-scan.js';
import {
  QBITPAY_ERROR_TYPE,
  QbitPayConnectionError,
  QbitPayIdError,
  toProviderError,
  type QbitPayError,
  type QbitPayErrorType,
} from '../../../src/qbitpay/errors.js';
import { iteratePages, type Page, type PageRequest } from '../../../src/qbitpay/pagination.js';
import type { Order, Payout } from '../../../src/qbitpay/schemas.js';

const OURS = 'p-ours';
const FIRST_SENT_AT_MS = Date.parse('2026-01-01T12:00:00.000Z');
/** What a scan reads at most: the first reading, and each restart. */
const MAX_READINGS = 6;

/** How the provider finds the next page: by the item that the cursor names, or by counting from the top. */
type Paging = 'byId' | 'byOffset';

interface Plan {
  readonly paging: Paging;
  readonly pageSize: number;
  /** Other people's payouts that are newer and older than ours. */
  readonly newer: number;
  readonly older: number;
  /** How many come in at the top before each page but the first; none after the last of these numbers. */
  readonly arrivals: readonly number[];
  /** The pages given out before ours is shown, each of them; 0 from the beginning. */
  readonly visibleAfterPages: readonly number[];
  /** How far the provider's clock is from ours. */
  readonly skewMs: number;
}

/** A provider's list, newest first, that changes while it is read. */
class ChangingList {
  readonly #plan: Plan;
  readonly #items: Payout[] = [];
  readonly #offsets = new Map<string, number>();
  #arrived = 0;
  #pages = 0;
  readings = 0;
  /** What was to be seen when the last reading began. */
  visibleAtStart: readonly Payout[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    const sentAtMs = FIRST_SENT_AT_MS + plan.skewMs;
    for (let n = plan.newer; n > 0; n -= 1) this.#items.push(payout(`newer-${n}`, sentAtMs + n * 60_000));
    plan.visibleAfterPages.forEach((_, n) => this.#items.push(payout(`ours-${n}`, sentAtMs - n, OURS)));
    for (let n = 1; n <= plan.older; n += 1) this.#items.push(payout(`older-${n}`, sentAtMs - n * 60_000));
  }

  get pages(): number {
    return this.#pages;
  }

  iterate(): AsyncGenerator<Payout> {
    this.readings += 1;
    this.#offsets.clear();
    this.visibleAtStart = this.#visible();
    return iteratePages('listPayouts', (page) => Promise.resolve(this.#page(page)), {});
  }

  #visible(): Payout[] {
    return this.#items.filter(({ id, externalOrderId }) => {
      const after = this.#plan.visibleAfterPages[Number(id.replace('ours-', ''))] ?? 0;
      return externalOrderId !== OURS || after <= this.#pages;
    });
  }

  #page({ startingAfter }: PageRequest): Page<Payout> {
    if (this.#pages > 0) this.#takeArrivals();
    const { paging, pageSize } = this.#plan;
    const visible = this.#visible();
    const from =
      startingAfter === undefined
        ? 0
        : paging === 'byId'
          ? visible.findIndex(({ id }) => id === startingAfter) + 1
          : (this.#offsets.get(startingAfter) ?? 0);
    const data = visible.slice(from, from + pageSize);
    const end = data.at(-1)?.id;
    if (end !== undefined) this.#offsets.set(end, from + data.length);
    this.#pages += 1;
    return { data, isLast: data.length < pageSize };
  }

  #takeArrivals(): void {
    for (let left = this.#plan.arrivals[this.#pages - 1] ?? 0; left > 0; left -= 1) {
      this.#arrived += 1;
      this.#items.unshift(payout(`arrived-${this.#arrived}`, FIRST_SENT_AT_MS + this.#arrived * 3_600_000));
    }
  }
}

function payout(id: string, createdAtMs: number, externalOrderId = 'p-theirs'): Payout {
  return {
    id,
    createdAt: new Date(createdAtMs).toISOString(),
    externalOrderId,
    amount: '1',
    fee: '0',
    currency: 'CNY',
    status: 'pending',
    statusText: 'pending',
  };
}

const nobodyAsks = (): never => {
  throw new Error('nothing was announced');
};

const scanOf = (list: ChangingList): Promise<Scan<Payout>> =>
  scanPayouts(
    { iteratePayouts: () => list.iterate(), getPayout: nobodyAsks },
    { externalOrderId: OURS },
    FIRST_SENT_AT_MS,
  );

const idsOf = (items: readonly Payout[]): string[] => items.map(({ id }) => id).toSorted();
const oursOf = (items: readonly Payout[]): Payout[] =>
  items.filter(({ externalOrderId }) => externalOrderId === OURS);

const plans = fc.record<Plan>({
  paging: fc.constantFrom<Paging>('byId', 'byOffset'),
  pageSize: fc.integer({ min: 1, max: 5 }),
  newer: fc.integer({ min: 0, max: 12 }),
  older: fc.integer({ min: 0, max: 25 }),
  arrivals: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 40 }),
  visibleAfterPages: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 3 }),
  skewMs: fc.integer({ min: 1 - CLOCK_MARGIN_MS, max: CLOCK_MARGIN_MS - 1 }),
});

test('what was to be seen when a complete reading began is found, however the pages shift meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const list = new ChangingList(plan);
      const { found, isComplete } = await scanOf(list);
      if (!isComplete) return;
      expect(idsOf(found)).toEqual(expect.arrayContaining(idsOf(oursOf(list.visibleAtStart))));
    }),
    { numRuns: 400 },
  );
});

test('nobody else is taken for ours, and nothing is found twice', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { found } = await scanOf(new ChangingList(plan));
      expect(oursOf(found)).toEqual(found);
      expect(new Set(idsOf(found)).size).toBe(found.length);
    }),
    { numRuns: 200 },
  );
});

test('it comes to an end, complete wherever the list keeps still', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const list = new ChangingList(plan);
      const { isComplete } = await scanOf(list);
      expect(list.readings).toBeLessThanOrEqual(MAX_READINGS);
      const total = plan.newer + plan.older + 3 + plan.arrivals.reduce((sum, one) => sum + one, 0);
      expect(list.pages).toBeLessThanOrEqual(MAX_READINGS * (Math.ceil(total / plan.pageSize) + 1));
      if (plan.paging === 'byId') expect([isComplete, list.readings]).toEqual([true, 1]);
    }),
    { numRuns: 200 },
  );
});

test('in a list that keeps still it is found by one complete reading', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const list = new ChangingList({
        ...plan,
        arrivals: [],
        visibleAfterPages: plan.visibleAfterPages.map(() => 0),
      });
      const { found, isComplete } = await scanOf(list);
      expect([isComplete, list.readings]).toEqual([true, 1]);
      expect(found).toHaveLength(plan.visibleAfterPages.length);
    }),
    { numRuns: 200 },
  );
});

const STILL: Plan = {
  paging: 'byId',
  pageSize: 100,
  newer: 0,
  older: 0,
  arrivals: [],
  visibleAfterPages: [],
  skewMs: 0,
};

test('it reads no further back than a clock can be wrong', async () => {
  const list = new ChangingList({ ...STILL, older: 100_000 });
  expect(await scanOf(list)).toEqual({ found: [], isComplete: true, isNamed: true });
  expect(list.pages).toBe(1);
});

test('thousands of newer payouts are read through', async () => {
  const list = new ChangingList({ ...STILL, newer: 4_321, older: 1_000, visibleAfterPages: [0] });
  expect(await scanOf(list)).toMatchObject({ found: [{ id: 'ours-0' }], isComplete: true });
  expect(list.pages).toBe(44);
});

test('a list that never keeps still proves nothing', async () => {
  const plan: Plan = { ...STILL, paging: 'byOffset', pageSize: 2, newer: 9, arrivals: Array(99).fill(1) };
  const list = new ChangingList(plan);
  expect(await scanOf(list)).toEqual({ found: [], isComplete: false, isNamed: true });
  expect(list.readings).toBe(MAX_READINGS);
});

describe('what was announced', () => {
  const asError = (status: number, type?: QbitPayErrorType): QbitPayError =>
    toProviderError({
      operation: 'getPayout',
      status,
      headers: {},
      body: type === undefined ? undefined : { type, message: 'no' },
      isEmpty: false,
      nowMs: 0,
      secrets: [],
    });
  const { INVALID_REQUEST, AUTHENTICATION, RATE_LIMIT, API } = QBITPAY_ERROR_TYPE;
  const scanAnnounced = (read: (id: string) => Promise<Payout>): Promise<Scan<Payout>> =>
    scanPayouts(
      { iteratePayouts: () => new ChangingList(STILL).iterate(), getPayout: read },
      { externalOrderId: OURS },
      FIRST_SENT_AT_MS,
      ['bad', 'good'],
    );
  const ours = payout('good', FIRST_SENT_AT_MS, OURS);

  test.each<[string, Error, boolean]>([
    ['404', asError(404), true],
    ['404 with an error object', asError(404, INVALID_REQUEST), true],
    ['400 with an error object', asError(400, INVALID_REQUEST), true],
    ['403 with an error object', asError(403, AUTHENTICATION), true],
    ['what is no id', new QbitPayIdError(), true],
    ['400 of a proxy', asError(400), false],
    ['403 of a proxy', asError(403), false],
    ['401', asError(401, AUTHENTICATION), false],
    ['402', asError(402, INVALID_REQUEST), false],
    ['429', asError(429, RATE_LIMIT), false],
    ['500', asError(500, API), false],
    ['no answer', new QbitPayConnectionError('getPayout', { sent: true, code: 'ETIMEDOUT' }), false],
  ])('%s hides nothing else', async (_name, error, isNone) => {
    const scan = await scanAnnounced((id) => (id === 'bad' ? Promise.reject(error) : Promise.resolve(ours)));
    expect(scan).toEqual({ found: [ours], isComplete: true, isNamed: isNone });
    const none = await scanAnnounced(() => Promise.reject(error));
    expect(isNothing(none)).toBe(isNone);
  });

  test('an error of our own is not swallowed', async () => {
    await expect(scanAnnounced(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
  });
});

test('orders are asked for by their externalOrderId, and the answer is checked all the same', async () => {
  const asked: unknown[] = [];
  const data = [
    { id: 'o-1', externalOrderId: 'somebody-else' },
    { id: 'o-2', externalOrderId: OURS },
  ] as Order[];
  const iterateOrders = (filter?: object): AsyncIterable<Order> => {
    asked.push(filter);
    return iteratePages('listOrders', () => Promise.resolve({ data, isLast: true }), {});
  };
  const scan = await scanOrders(
    { qbitpay: { iterateOrders }, store: { requests: { knownOrderIds: () => Promise.resolve([]) } } },
    { externalOrderId: OURS },
    { firstSentAtMs: FIRST_SENT_AT_MS, asked: null },
  );
  expect(scan).toMatchObject({ found: [{ id: 'o-2' }], isComplete: true });
  expect(asked).toEqual([{ externalOrderId: OURS }]);
});
