import { readFile } from 'node:fs/promises';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { sayFigure, scale } from '../support/figures.js';
import type { Json } from '../support/engine-client.js';
import { startPart, type PartProcess } from '../support/processes.js';
import { requestsTo } from '../support/provider-requests.js';

/** The first start on an account that is old: its reading is killed twice, goes on, and needs no memory for what it has read. */

const OBJECTS = scale('OBJECTS', 3_000);
/** Of all objects, when the worker is killed. */
const KILLED_AT = [0.25, 0.5];
const TIMEOUT_MS = 600_000 + OBJECTS * 20;
/** V8 collects its garbage late where it may have more: the worker needs little more than this to start. */
const HEAP = '--max-old-space-size=112';
/** Of the worker, beyond what it needs when it takes its first task. */
const MOST_GROWTH_MB = 40;
const LOOK_EVERY_MS = 200;

let engine: TestEngine;
let worker: PartProcess;

beforeAll(async () => {
  engine = await startTestEngine({ worker: false });
  await engine.control('POST', '/dashboard/payouts/past', { currency: 'CNY', amount: 5_000, count: OBJECTS });
  // So that there is a middle, at a small scale too.
  await engine.control('POST', '/latency', { ms: 30, endpoint: 'GET /api/v1/payouts' });
  worker = await startWorkerPart();
});
afterAll(async () => {
  await worker.kill();
  await engine.stop();
});

const startWorkerPart = (): Promise<PartProcess> =>
  startPart('worker', { ...engine.env, NODE_OPTIONS: HEAP }, 'worker takes tasks');

const payoutList = async (): Promise<Json> =>
  (await engine.api('GET', '/v1/provider')).body.lists.find(({ kind }: Json) => kind === 'payout');

/** Resident, in megabytes. */
async function memoryOf({ pid }: PartProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
}

/** How much memory the worker had when it began, and at most, until the reading is where it is wanted. */
async function follow(isWanted: (list: Json) => boolean): Promise<{ atStart: number; most: number }> {
  const atStart = await memoryOf(worker);
  let most = atStart;
  for (const deadline = Date.now() + TIMEOUT_MS; !isWanted(await payoutList());) {
    if (Date.now() > deadline) throw new Error(`not in time: ${JSON.stringify(await payoutList())}`);
    most = Math.max(most, await memoryOf(worker));
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return { atStart, most };
}

test('an old account: progress shows, two kills cost nothing, memory stays flat, and a payout is paid', async () => {
  const startedAtMs = performance.now();
  for (const share of KILLED_AT) {
    const { objects } = await payoutList();
    await follow((list) => list.objects !== null && list.objects >= OBJECTS * share);
    await worker.kill();
    const { objects: reached, isFirstReading } = await payoutList();
    sayFigure(`first reading of ${OBJECTS}: killed at ${reached}, from ${objects}`);
    expect(isFirstReading).toBe(true);
    expect(reached).toBeLessThan(OBJECTS);
    worker = await startWorkerPart();
  }
  const memory = await follow(({ isFirstReading }) => !isFirstReading);
  sayFigure(
    `first reading of ${OBJECTS}: over after ${Math.round((performance.now() - startedAtMs) / 1_000)} s; the worker ` +
      `that ended it had ${memory.atStart} MB at its start, ${memory.most} MB at most (${MOST_GROWTH_MB} MB more at most)`,
  );
  expect(memory.most - memory.atStart).toBeLessThanOrEqual(MOST_GROWTH_MB);
  const pages = (await requestsTo(engine, 'GET /api/v1/payouts')).length;
  const fewest = Math.ceil(OBJECTS / 100);
  sayFigure(`first reading of ${OBJECTS}: ${pages} pages, of ${fewest} at least`);
  // Started anew after each kill it would be three quarters more; a few regular readings have followed it.
  expect(pages).toBeLessThan(fewest * 1.2 + 10);

  await engine.control('POST', '/latency', {});
  const payout = await engine.open();
  await engine.fund(payout);
  await engine.untilStatus(payout.payoutId, 'paid');
});
