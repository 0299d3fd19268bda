import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { CANARY_API_KEY } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { createMigratedDatabase } from '../support/test-database.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';
import { startPart, type PartProcess } from '../support/processes.js';
import { untilAnswer } from '../support/until-answer.js';

/** Two workers; the one that reads QbitPay is killed, or frozen: the other one goes on. */

/** From the kill to the next complete sync. */
const TAKEN_OVER_MS = 15_000;
const KILLS = Number(process.env['KILLS'] ?? 3);
const TIMEOUT_MS = 120_000 + KILLS * TAKEN_OVER_MS;

let simulator: Simulator;
let env: Record<string, string>;
let testStore: TestStore;
let client: Client;
let workers: PartProcess[];

beforeAll(async () => {
  const name = `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  simulator = await startSimulator({ apiKey: CANARY_API_KEY });
  const address = sharedServer('TEST_TEMPORAL_ADDRESS');
  env = {
    DATABASE_URL: await createMigratedDatabase(name),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_TASK_QUEUE: name,
    QBITPAY_BASE_URL: simulator.url,
    QBITPAY_API_KEY: CANARY_API_KEY,
    QBITPAY_FEE_SIDE: 'added',
    QBITPAY_NETWORKS: 'USDT:TRC20',
    PROVIDER_SYNC_INTERVAL_MS: '200',
    SHUTDOWN_TIMEOUT_SECONDS: '10',
  };
  testStore = attachTestStore(env['DATABASE_URL'] ?? '');
  client = new Client({ connection: await Connection.connect({ address }) });
  workers = [await startWorkerPart(), await startWorkerPart()];
}, TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await client.workflow.getHandle(`provider-sync/${env['TEMPORAL_TASK_QUEUE'] ?? ''}`).terminate();
  await client.connection.close();
  await testStore.close();
  await simulator.close();
});

const startWorkerPart = (): Promise<PartProcess> => startPart('worker', env, 'worker takes tasks');

async function syncState(): Promise<{ generation: number; syncNo: number }> {
  const { rows } = await testStore.sql.query('select generation, sync_no from provider_sync');
  return { generation: Number(rows[0].generation), syncNo: Number(rows[0].sync_no) };
}

/** The worker that Temporal gave the reading to. */
async function reader(): Promise<PartProcess> {
  const handle = client.workflow.getHandle(`provider-sync/${env['TEMPORAL_TASK_QUEUE'] ?? ''}`);
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

test(
  'a reader that is killed is replaced within 15 s',
  async () => {
    await untilSyncedBeyond({ syncNo: 0, generation: 0 });
    for (let kill = 0; kill < KILLS; kill += 1) {
      const killed = await reader();
      await killed.kill();
      const atMs = Date.now();
      await untilSyncedBeyond(await syncState());
      expect(Date.now() - atMs).toBeLessThan(TAKEN_OVER_MS);
      workers = [...workers.filter((worker) => worker !== killed), await startWorkerPart()];
    }
  },
  TIMEOUT_MS,
);

test(
  'a reader that was frozen writes nothing when it wakes',
  async () => {
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
  },
  TIMEOUT_MS,
);

test(
  'a reader that is stopped ends at once, and another one goes on',
  async () => {
    const stopped = await reader();
    const before = await syncState();
    const atMs = Date.now();
    expect(await stopped.terminate()).toBe(0);
    expect(Date.now() - atMs).toBeLessThan(10_000);
    workers = workers.filter((worker) => worker !== stopped);
    await untilSyncedBeyond(before);
  },
  TIMEOUT_MS,
);
