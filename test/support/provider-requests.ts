import type { Json } from './engine-client.js';
import type { TestEngine } from './engine.js';

/** What the simulated provider was asked for, from its journal, and the faults it is to answer with. */
export const ORDERS = 'POST /api/v1/orders';
export const PAYOUTS = 'POST /api/v1/payouts';
export const TICKER = 'GET /api/v1/markets/ticker';

/** As much as the control surface shows at once. */
const JOURNAL_PAGE = 10_000;

/** Every entry of the journal about an endpoint, oldest first, whatever `read` makes of numbers. */
export async function readJournal(read: (path: string) => Promise<Json>, endpoint: string): Promise<Json[]> {
  const entries: Json[] = [];
  for (;;) {
    const after = String(entries.at(-1)?.sequence ?? 0);
    const query = new URLSearchParams({ after, endpoint, limit: String(JOURNAL_PAGE) });
    const { data } = await read(`/journal?${query.toString()}`);
    entries.push(...data);
    if (data.length < JOURNAL_PAGE) return entries;
  }
}

/** The requests that came in at an endpoint, oldest first, with what became of them. */
export async function requestsTo(engine: TestEngine, endpoint: string, payoutId?: string): Promise<Json[]> {
  const entries = await readJournal((path) => engine.control('GET', path), endpoint);
  return payoutId === undefined
    ? entries
    : entries.filter((entry) => entry.body?.externalOrderId === payoutId);
}

/** One order and one payout took effect, however many were asked for. */
export async function expectConvertedAndPaidOnce(engine: TestEngine, payoutId: string): Promise<void> {
  for (const endpoint of [ORDERS, PAYOUTS]) {
    const requests = await requestsTo(engine, endpoint, payoutId);
    expect(requests.filter(({ effects }) => effects.length > 0)).toHaveLength(1);
  }
}

export async function orderFault(
  engine: TestEngine,
  kind: string,
  endpoint: string,
  more: Json = {},
): Promise<void> {
  await engine.control('POST', '/faults', { kind, endpoint, ...more });
}

export async function openAndFund(engine: TestEngine, changes: Json = {}): Promise<Json> {
  const payout = await engine.open(changes);
  await engine.fund(payout);
  return payout;
}

export const detailsOf = (payout: Json): string[] => payout.timeline.map(({ detail }: Json) => detail);
