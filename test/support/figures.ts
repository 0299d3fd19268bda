import { setTimeout as sleep } from 'node:timers/promises';
import type { TestEngine } from './engine.js';
import type { Json } from './engine-client.js';
import { runConcurrently, type TestStore } from './test-store.js';

/** What the proofs of docs/figures.md count and time, at a small scale by default. */

/** What a run is measured with: the environment says otherwise than the small scale. */
export const scale = (variable: string, small: number): number => Number(process.env[variable] ?? small);

/** The full scale, which is measured alone. At the small one other files run beside it: no time is a bound there. */
export const isMeasured = (variable: string): boolean => process.env[variable] !== undefined;

/** One line, whatever Vitest makes of the rest. */
export function sayFigure(text: string): void {
  process.stdout.write(`figure: ${text}\n`);
}

/** The value that this share of all values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** A bound, not a measure: for each payout that is waited for, on a busy machine. */
const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 250;

/** Waits until so many payouts have this status in the store. */
export async function untilMany(
  { sql }: TestStore,
  status: string,
  count: number,
  timeoutMs = 120_000 + count * PATIENCE_MS,
): Promise<void> {
  const query = 'select count(*)::int as count from payouts where status = $1';
  for (const deadline = Date.now() + timeoutMs; ;) {
    const shown = (await sql.query(query, [status])).rows[0].count;
    if (shown >= count) return;
    if (Date.now() > deadline) throw new Error(`${shown} of ${count} payouts are ${status}`);
    await sleep(LOOK_AGAIN_MS);
  }
}

const AT_ONCE = 12;

/** Opens so many payouts and funds each; answers with their ids. */
export function openAndFundMany(engine: TestEngine, count: number): Promise<string[]> {
  const open = async (): Promise<string> => {
    const payout = await engine.open();
    await engine.fund(payout);
    return payout.payoutId;
  };
  return runConcurrently(
    Array.from({ length: count }, () => open),
    AT_ONCE,
  );
}

/** So many payouts are in transit, at QbitPay too, where they move only when they are told to. */
export async function bringIntoTransit(
  engine: TestEngine,
  testStore: TestStore,
  count: number,
): Promise<string[]> {
  await engine.control('POST', '/outcomes', { outcome: 'stuck', times: count });
  const payoutIds = await openAndFundMany(engine, count);
  await untilMany(testStore, 'in_transit', count);
  return payoutIds;
}

const JOURNAL_PAGE = 10_000;

/** The requests that reached QbitPay after the one of this number, oldest first. */
export async function requestsAfter(engine: TestEngine, sequence: number): Promise<Json[]> {
  const entries: Json[] = [];
  for (;;) {
    const after = entries.at(-1)?.sequence ?? sequence;
    const { data } = await engine.control('GET', `/journal?limit=${JOURNAL_PAGE}&after=${after}`);
    entries.push(...data);
    if (data.length < JOURNAL_PAGE) return entries;
  }
}

/** The number of the last request that reached QbitPay. */
export const lastRequest = async (engine: TestEngine): Promise<number> =>
  (await engine.control('GET', '/state')).counts.journal;

/** Requests per second that reach QbitPay over so many whole intervals of the sync. */
export async function requestRate(engine: TestEngine, testStore: TestStore, syncs: number): Promise<number> {
  const syncNo = async (): Promise<number> =>
    Number((await testStore.sql.query('select sync_no from provider_sync')).rows[0].sync_no);
  const untilSync = async (wanted: number): Promise<void> => {
    while ((await syncNo()) < wanted) await sleep(LOOK_AGAIN_MS);
  };
  const first = (await syncNo()) + 1;
  await untilSync(first);
  const [before, startedAtMs] = [await lastRequest(engine), performance.now()];
  await untilSync(first + syncs);
  return ((await lastRequest(engine)) - before) / ((performance.now() - startedAtMs) / 1_000);
}

/** How many requests there were of each endpoint, the most frequent first. */
export function countByEndpoint(requests: readonly Json[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { endpoint } of requests) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  return [...counts].toSorted(([, left], [, right]) => right - left);
}
