import { randomUUID } from 'node:crypto';
import { choosePort } from '../../src/embedded/choose-port.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { CANARY_API_KEY } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { createMigratedDatabase } from '../support/test-database.js';
import { createEngineClient, type EngineClient, type Json } from '../support/engine-client.js';
import { startPart, type PartProcess } from '../support/processes.js';

const LISTENS = 'Server listening';
const TAKES_TASKS = 'worker takes tasks';

let simulator: Simulator;
let engine: EngineClient;
let env: Record<string, string>;
let worker: PartProcess;
let api: PartProcess;

beforeAll(async () => {
  const name = `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const port = await choosePort({ variable: 'PORT' });
  const apiUrl = `http://127.0.0.1:${port}`;
  simulator = await startSimulator({
    apiKey: CANARY_API_KEY,
    webhookUrl: `${apiUrl}/webhooks/qbitpay`,
    // The provider's 15 minutes between two deliveries become 0.9 s.
    webhookTimeScale: 0.001,
  });
  env = {
    DATABASE_URL: await createMigratedDatabase(name),
    TEMPORAL_ADDRESS: sharedServer('TEST_TEMPORAL_ADDRESS'),
    TEMPORAL_TASK_QUEUE: name,
    QBITPAY_BASE_URL: simulator.url,
    QBITPAY_API_KEY: CANARY_API_KEY,
    QBITPAY_FEE_SIDE: 'added',
    QBITPAY_NETWORKS: 'USDT:TRC20',
    PORT: String(port),
    PROVIDER_SYNC_INTERVAL_MS: '500',
    // Should the API be away for longer than the provider announces a deposit.
    RECONCILIATION_INTERVAL_SECONDS: '10',
    SHUTDOWN_TIMEOUT_SECONDS: '10',
  };
  engine = createEngineClient(apiUrl, simulator.url);
  await engine.control('PATCH', '/settings', { settlement: 'manual' });
  [worker, api] = await Promise.all([startPart('worker', env, TAKES_TASKS), startPart('api', env, LISTENS)]);
});

afterAll(async () => {
  await Promise.all([worker.kill(), api.kill()]);
  await simulator.close();
});

test('a killed worker loses no payout: those that waited for a deposit and for settlement are paid once each', async () => {
  const inTransit = await openSome(3);
  for (const payout of inTransit) await engine.fund(payout);
  for (const { payoutId } of inTransit) await engine.untilStatus(payoutId, 'in_transit');
  const waiting = await openSome(3);

  await worker.kill();
  for (const payout of waiting) await engine.fund(payout);
  worker = await startPart('worker', env, TAKES_TASKS);

  await expectAllPaidOnce([...inTransit, ...waiting]);
});

test('a killed API loses no payout: what was announced while it was away is delivered again', async () => {
  const inTransit = await openSome(2);
  for (const payout of inTransit) await engine.fund(payout);
  for (const { payoutId } of inTransit) await engine.untilStatus(payoutId, 'in_transit');
  const waiting = await openSome(2);

  await api.kill();
  for (const payout of waiting) await engine.fund(payout);
  await engine.control('POST', '/settle');
  api = await startPart('api', env, LISTENS);

  await expectAllPaidOnce([...inTransit, ...waiting]);
});

test('SIGTERM ends both in good order', async () => {
  expect(await Promise.all([api.terminate(), worker.terminate()])).toEqual([0, 0]);
});

async function openSome(count: number): Promise<Json[]> {
  return Promise.all(Array.from({ length: count }, () => engine.open()));
}

async function expectAllPaidOnce(payouts: readonly Json[]): Promise<void> {
  for (const { payoutId } of payouts) {
    await engine.until(payoutId, ({ status }) => status === 'in_transit' || status === 'paid');
  }
  await engine.control('POST', '/settle');
  for (const { payoutId } of payouts) await engine.untilStatus(payoutId, 'paid');
  const { data } = await engine.control('GET', '/journal?limit=1000&endpoint=POST%20/api/v1/payouts');
  for (const { payoutId } of payouts) {
    const sent = data.filter((entry: Json) => JSON.stringify(entry).includes(payoutId));
    expect(sent).toHaveLength(1);
  }
}
