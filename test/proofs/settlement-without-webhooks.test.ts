import { setTimeout as sleep } from 'node:timers/promises';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { bringIntoTransit, isMeasured, percentile, sayFigure, scale, untilMany } from '../support/figures.js';
import { advancePayout } from '../support/payout-workflows.js';
import { attachTestStore, runConcurrently, type TestStore } from '../support/test-store.js';

/** No webhook arrives: what QbitPay shows is seen by the sync alone, at the interval that is shipped. */

const IN_TRANSIT = scale('IN_TRANSIT', 40);
/** Over which they are paid, where it is one after the other. */
const SPREAD_SECONDS = scale('SPREAD_SECONDS', 5);
const INTERVAL_MS = 10_000;

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine({
    env: { PROVIDER_SYNC_INTERVAL_MS: String(INTERVAL_MS) },
    webhooks: false,
  });
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
});

interface InTransit {
  readonly payoutId: string;
  readonly providerPayoutId: string;
}

async function readInTransit(): Promise<InTransit[]> {
  const { rows } = await testStore.sql.query(
    `select payout_id as "payoutId", provider_payout_id as "providerPayoutId"
     from payouts join provider_payouts using (payout_id) where payouts.status = 'in_transit' order by sequence`,
  );
  return rows;
}

/** From when QbitPay shows each as paid to when the mirror, and the store, do; in milliseconds. */
async function settlementDelays(paidAtMs: ReadonlyMap<string, number>) {
  const { rows } = await testStore.sql.query(
    `select payout_id, extract(epoch from at)::float8 * 1000 as "storeMs",
       extract(epoch from changed_at)::float8 * 1000 as "mirrorMs"
     from payout_timeline join provider_payouts using (payout_id)
     join provider_objects on kind = 'payout' and provider_id = provider_payout_id
     where payout_timeline.status = 'paid' and payout_id = any($1)`,
    [[...paidAtMs.keys()]],
  );
  const since = (row: { readonly payout_id: string }, atMs: number): number =>
    atMs - (paidAtMs.get(row.payout_id) ?? 0);
  return {
    store: rows.map((row) => since(row, row.storeMs)),
    mirror: rows.map((row) => since(row, row.mirrorMs)),
  };
}

const spread = (delays: readonly number[]): string =>
  [0.5, 0.99, 1].map((share) => Math.round(percentile(delays, share))).join(', ');

let settled = 0;

/** Tells QbitPay to pay them, oldest first, evenly over so many seconds. */
async function measure(overSeconds: number, what: string): Promise<void> {
  await bringIntoTransit(engine, testStore, IN_TRANSIT);
  const paidAtMs = new Map<string, number>();
  const startedAtMs = Date.now();
  const tasks = (await readInTransit()).map(({ payoutId, providerPayoutId }, index) => async () => {
    await sleep(Math.max(0, startedAtMs + (index * overSeconds * 1_000) / IN_TRANSIT - Date.now()));
    await advancePayout(engine, providerPayoutId, 'paid');
    paidAtMs.set(payoutId, Date.now());
  });
  await runConcurrently(tasks);
  settled += IN_TRANSIT;
  await untilMany(testStore, 'paid', settled);
  const { mirror, store } = await settlementDelays(paidAtMs);
  expect(store).toHaveLength(IN_TRANSIT);
  sayFigure(
    `webhooks lost, ${IN_TRANSIT} in transit, paid ${what}: p50, p99 and last in the mirror after ${spread(mirror)} ms, ` +
      `settled after ${spread(store)} ms (p99 in the mirror at most ${2 * INTERVAL_MS})`,
  );
  if (isMeasured('IN_TRANSIT')) expect(percentile(mirror, 0.99)).toBeLessThanOrEqual(2 * INTERVAL_MS);
}

test('all paid at one moment: seen within two intervals', () => measure(0, 'at one moment'));

test('paid one after the other: each is seen within two intervals', () =>
  measure(SPREAD_SECONDS, `over ${SPREAD_SECONDS} s`));
