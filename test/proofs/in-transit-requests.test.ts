import { startTestEngine, type TestEngine } from '../support/engine.js';
import { bringIntoTransit, isMeasured, median, requestRate, sayFigure, scale } from '../support/figures.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';

/** What many payouts in transit cost: requests to QbitPay, and the time of the payouts beside them. */

const IN_TRANSIT = scale('IN_TRANSIT', 25);
/** Intervals of the sync over which requests are counted, at the interval that is shipped. */
const SYNCS = scale('SYNCS', 1);
/** Payouts that are timed, one after the other. */
const TIMED = scale('TIMED', 3);

/** Requests per second. */
const MOST_WHEN_IDLE = 1;
const MOST_IN_TRANSIT = 2;
/** So many times as long as alone. */
const OPENS_WITHIN = 1.5;
const PAID_WITHIN = 2;

const LIMITED = { QBITPAY_MAX_REQUESTS_PER_SECOND: '5' };

const SYNC_INTERVAL = { PROVIDER_SYNC_INTERVAL_MS: '10000' };

let engine: TestEngine;
let testStore: TestStore;
/** One without payouts. */
let empty: TestEngine;

beforeAll(async () => {
  engine = await startTestEngine({ env: SYNC_INTERVAL, worker: false });
  testStore = attachTestStore(engine.databaseUrl);
  await engine.startWorker(LIMITED);
  empty = await startTestEngine({ env: { ...SYNC_INTERVAL, ...LIMITED } });
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
  await empty.stop();
});

interface Times {
  readonly openMs: number;
  readonly paidMs: number;
}

/** In turns, so that a slow moment of the machine is everybody's. */
async function timePayouts(engines: readonly TestEngine[]): Promise<readonly Times[]> {
  const times: Times[][] = engines.map(() => []);
  for (let round = 0; round < TIMED; round += 1) {
    for (const [index, one] of engines.entries()) times[index]?.push(await timePayout(one));
  }
  return times.map((ofOne) => ({
    openMs: Math.round(median(ofOne.map(({ openMs }) => openMs))),
    paidMs: Math.round(median(ofOne.map(({ paidMs }) => paidMs))),
  }));
}

async function timePayout(one: TestEngine): Promise<Times> {
  const startedAtMs = performance.now();
  const payout = await one.open();
  const openMs = performance.now() - startedAtMs;
  await one.fund(payout);
  await one.untilStatus(payout.payoutId, 'paid');
  return { openMs, paidMs: performance.now() - startedAtMs };
}

test('payouts in transit cost few requests, and keep no new payout waiting', async () => {
  const idle = await requestRate(engine, testStore, SYNCS);
  sayFigure(`idle: ${idle.toFixed(2)} requests/s (at most ${MOST_WHEN_IDLE})`);

  await engine.stopWorker();
  await engine.startWorker();
  await bringIntoTransit(engine, testStore, IN_TRANSIT);
  await engine.stopWorker();
  await engine.startWorker(LIMITED);

  const inTransit = await requestRate(engine, testStore, SYNCS);
  sayFigure(`${IN_TRANSIT} in transit: ${inTransit.toFixed(2)} requests/s (at most ${MOST_IN_TRANSIT})`);
  const [alone, beside] = (await timePayouts([empty, engine])) as [Times, Times];
  sayFigure(
    `a new payout at 5 requests/s, alone and beside ${IN_TRANSIT} in transit (median of ${TIMED}): opens in ` +
      `${alone.openMs} and ${beside.openMs} ms (at most ${OPENS_WITHIN} times), is paid in ` +
      `${alone.paidMs} and ${beside.paidMs} ms (at most ${PAID_WITHIN} times)`,
  );
  expect(idle).toBeLessThanOrEqual(MOST_WHEN_IDLE);
  expect(inTransit).toBeLessThanOrEqual(MOST_IN_TRANSIT);
  if (!isMeasured('TIMED')) return;
  expect(beside.openMs).toBeLessThanOrEqual(alone.openMs * OPENS_WITHIN);
  expect(beside.paidMs).toBeLessThanOrEqual(alone.paidMs * PAID_WITHIN);
});
