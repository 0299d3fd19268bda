import { auditLedger } from '../support/ledger-audit.js';
import { lastRequest, requestsAfter, scale } from '../support/figures.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { attachTestStore, runConcurrently, type TestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** What comes in that nobody asked for costs rows, and no reading of QbitPay more than without it. */

/** Ten thousand take eight minutes. */
const DUST = scale('DUST', 200);
const NOTICES = scale('NOTICES', 100);
/** Over which requests are counted. */
const QUIET_SECONDS = scale('QUIET_SECONDS', 20);
const TIMEOUT_MS = 900_000;

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine({
    // What is news for longer is read again once a minute.
    env: { PROVIDER_SYNC_INTERVAL_MS: '2000', SYNC_OVERLAP_SECONDS: '10' },
  });
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  expect(await auditLedger(testStore.sql)).toEqual([]);
  await testStore.close();
  await engine.stop();
});

/** Requests per second that reach QbitPay while nothing happens. */
async function requestRate(): Promise<number> {
  const before = await lastRequest(engine);
  await new Promise((resolve) => setTimeout(resolve, QUIET_SECONDS * 1_000));
  return (await requestsAfter(engine, before)).length / QUIET_SECONDS;
}

const count = async (what: string): Promise<number> =>
  Number((await testStore.sql.query(`select count(*) from ${what}`)).rows[0].count);

async function untilCounted(what: string, wanted: number): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while ((await count(what)) < wanted) {
    if (Date.now() > deadline) throw new Error(`${what}: ${await count(what)} of ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function inTurns(times: number, make: (index: number) => Promise<unknown>): Promise<void> {
  await runConcurrently(
    Array.from({ length: times }, (_, index) => () => make(index)),
    16,
  );
}

async function countWorkflows(): Promise<number> {
  const query = `TaskQueue = "${engine.env['TEMPORAL_TASK_QUEUE']}"`;
  return (await engine.temporal.client.workflow.count(query)).count;
}

test('K27: deposits of dust: no workflow, assigned together, and QbitPay is read no more often', async () => {
  const rateBefore = await requestRate();
  const workflowsBefore = await countWorkflows();
  await inTurns(DUST, (index) =>
    engine.control('POST', '/deposits', {
      currency: 'USDT',
      amount: `0.${String(index + 1).padStart(6, '0')}`,
    }),
  );
  await untilCounted('deposits', DUST);
  await untilCounted('deposit_notices where deposit_id is not null', DUST);

  const { rows } = await testStore.sql.query("select deposit_id from deposits where status = 'unallocated'");
  const assignments = rows.map(({ deposit_id: depositId }) => ({ depositId, to: 'available' }));
  expect(assignments).toHaveLength(DUST);
  const startedAtMs = performance.now();
  const { status, body } = await engine.api('POST', '/v1/deposits/assign', { assignments });
  expect(status).toBe(200);
  expect(body.data.filter(({ assigned }: { assigned: boolean }) => !assigned)).toEqual([]);
  console.log(`${DUST} deposits assigned in ${Math.round(performance.now() - startedAtMs)} ms`);
  expect(await count("deposits where status = 'unallocated'")).toBe(0);

  // Sweeps and comparisons come and go.
  expect(await countWorkflows()).toBeLessThan(workflowsBefore + 20);
  expect(await requestRate()).toBeLessThanOrEqual(rateBefore * 1.1 + 0.2);
});

test('K28: notices of money that never comes: none of them is asked for', async () => {
  const rateBefore = await requestRate();
  await inTurns(NOTICES, (index) =>
    engine.control('POST', '/deposits', { currency: 'USDT', amount: `${1_000 + index}.5`, money: false }),
  );
  await untilCounted('deposit_notices where deposit_id is null', NOTICES);
  await untilAnswer(
    async () => count('sync_wishes'),
    (wishes) => wishes === 0,
    'the syncs that the notices asked for',
  );
  expect(await requestRate()).toBeLessThanOrEqual(rateBefore * 1.1 + 0.2);
});
