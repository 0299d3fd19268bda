import { setTimeout as sleep } from 'node:timers/promises';
import { expectMoneyInOrder } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { isMeasured, sayFigure, scale, untilMany } from '../support/figures.js';
import { historyOf } from '../support/histories.js';
import { startPart, type PartProcess } from '../support/processes.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** Two workers; the one that reads QbitPay is killed, or frozen: the other one goes on. */

/** From the kill to the next complete sync. */
const TAKEN_OVER_MS = 15_000;
const KILLS = scale('KILLS', 3);

let engine: TestEngine;
let testStore: TestStore;
let workers: PartProcess[];

beforeAll(async () => {
  engine = await startTestEngine({ env: { PROVIDER_SYNC_INTERVAL_MS: '200' }, worker: false });
  testStore = attachTestStore(engine.databaseUrl);
  workers = [await startWorkerPart(), await startWorkerPart()];
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await testStore.close();
  await engine.stop();
});

const startWorkerPart = (): Promise<PartProcess> => startPart('worker', engine.env, 'worker takes tasks');

async function syncState(): Promise<{ generation: number; syncNo: number }> {
  const { rows } = await testStore.sql.query('select generation, sync_no from provider_sync');
  return { generation: Number(rows[0].generation), syncNo: Number(rows[0].sync_no) };
}

/** The worker that Temporal gave the reading to. */
async function reader(): Promise<PartProcess> {
  const workflowId = `provider-sync/${engine.env['TEMPORAL_TASK_QUEUE'] ?? ''}`;
  const handle = engine.temporal.client.workflow.getHandle(workflowId);
  const { raw } = await handle.describe();
  const identity = raw.pendingActivities?.[0]?.lastWorkerIdentity ?? '';
  const found = workers.find(({ pid }) => identity.startsWith(`${pid}@`));
  if (found === undefined) throw new Error(`nobody reads: ${identity}`);
  return found;
}

async function untilSyncedBeyond(before: { syncNo: number; generation: number }): Promise<void> {
  await untilAnswer(
    syncState,
    ({ syncNo, generation }) => generation > before.generation && syncNo > before.syncNo,
    'a sync by the next reader',
  );
}

const countOf = async (what: string): Promise<number> =>
  Number((await testStore.sql.query(`select count(*) from ${what}`)).rows[0].count);

/**
 * The reader is killed while money comes in, some of it unasked; answers how long it takes until another one has read.
 * A brake keeps the payouts from being sent: the killed worker would be the sender of some.
 */
async function killReader(): Promise<number> {
  const payouts = [await engine.open(), await engine.open()];
  const killed = await reader();
  const funded = Promise.all([
    ...payouts.map((payout) => engine.fund(payout)),
    engine.control('POST', '/deposits', { currency: 'USDT', amount: '0.5' }),
  ]);
  await sleep(Math.random() * 400);
  await killed.kill();
  const killedAtMs = Date.now();
  await untilSyncedBeyond(await syncState());
  const takenOverMs = Date.now() - killedAtMs;
  workers = [...workers.filter((worker) => worker !== killed), await startWorkerPart()];
  await funded;
  for (const { payoutId } of payouts) {
    await engine.until(payoutId, ({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'told of its deposit');
    // By the signal: where that is lost, the supervisor tells it after a minute by another one.
    const events = await historyOf(engine, payoutId);
    const signals = events.map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
    expect(signals).toContain('depositAllocated');
  }
  return takenOverMs;
}

test('readers that are killed at any moment are replaced: no deposit is counted twice, no signal is lost', async () => {
  await untilSyncedBeyond({ syncNo: 0, generation: 0 });
  const { brakeId } = (await engine.api('POST', '/v1/brakes', { reason: 'workers are killed' })).body;
  // A sync takes as long as its interval: most moments are in one.
  await engine.control('POST', '/latency', { ms: 30 });
  const takenOverMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) takenOverMs.push(await killReader());
  await engine.control('POST', '/latency', {});
  const longest = Math.max(...takenOverMs);
  sayFigure(
    `readers killed at ${KILLS} random moments: read again after ${longest} ms at most (${TAKEN_OVER_MS})`,
  );
  if (isMeasured('KILLS')) expect(longest).toBeLessThan(TAKEN_OVER_MS);
  expect(await countOf('deposits')).toBe(3 * KILLS);
  await engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'no more are killed' });
  await untilMany(testStore, 'paid', 2 * KILLS);
  await untilAnswer(
    () => countOf('workflow_hints where delivered_at is null'),
    (hints) => hints === 0,
    'every signal taken',
  );
  await expectMoneyInOrder(engine);
});

test('a reader that was frozen writes nothing when it wakes', async () => {
  const frozen = await reader();
  process.kill(frozen.pid, 'SIGSTOP');
  const before = await syncState();
  try {
    await untilSyncedBeyond(before);
  } finally {
    process.kill(frozen.pid, 'SIGCONT');
  }
  const { generation } = await syncState();
  await untilSyncedBeyond({ generation: generation - 1, syncNo: (await syncState()).syncNo + 10 });
  // It did not take the reading back: one that is refused a page ends, and Temporal has given it to another.
  expect((await syncState()).generation).toBe(generation);
  expect(await reader()).not.toBe(frozen);
});

test('a reader that is stopped ends at once, and another one goes on', async () => {
  const stopped = await reader();
  const before = await syncState();
  const atMs = Date.now();
  expect(await stopped.terminate()).toBe(0);
  expect(Date.now() - atMs).toBeLessThan(10_000);
  workers = workers.filter((worker) => worker !== stopped);
  await untilSyncedBeyond(before);
});
