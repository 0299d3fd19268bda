import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPostgresHome } from '../../src/embedded/postgres-installation.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import type { StateDirectory } from '../../src/embedded/state-directory.js';
import { openTemporaryStateDirectory, recordLog } from '../support/embedded-fixture.js';
import type { Json } from '../support/engine-client.js';
import { ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import { attachTestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** PostgreSQL is restored, from a physical copy, to a moment before a payout was paid: under the running processes. */

let directory: StateDirectory;
let server: EmbeddedPostgres;

async function startPostgres(port?: number): Promise<void> {
  server = await startEmbeddedPostgres({
    stateDirectory: directory.path,
    log: recordLog(),
    ...(port === undefined ? {} : { port }),
  });
}

/** Copies a directory as it is, owner and all. */
const copy = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to]);

async function whileStopped(work: (data: string) => Promise<unknown>): Promise<void> {
  await server.stop();
  await work(join(await createPostgresHome(directory.path), 'data'));
  await startPostgres(server.port);
}

const scenario = useScenario(async () => {
  directory = await openTemporaryStateDirectory();
  await startPostgres();
  const { store, close } = attachTestStore(server.url);
  await store.migrate();
  await close();
  return {
    env: { DATABASE_URL: server.url },
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } },
  };
});
afterAll(async () => {
  await server.stop();
  await directory.remove();
});

const readBrakes = async (): Promise<Json[]> =>
  (await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data ?? [];

test('K11, K57: nothing leaves; what was paid is adopted, and paid once; then everything goes on', async () => {
  const { engine } = scenario;
  const paid = await scenario.payout().open();
  await paid.becomes('awaiting_deposit');
  await whileStopped((data) => copy(data, `${data}.backup`));
  await paid.fund();
  await paid.isPaidOnce();
  await whileStopped(async (data) => {
    await rm(data, { recursive: true });
    await copy(`${data}.backup`, data);
  });
  // The store knows nothing of its deposit, its order and its payout, and is shown them again.
  const [brake] = await untilAnswer(readBrakes, (brakes) => brakes.length > 0, 'the brake engaged');
  expect(brake).toMatchObject({ kind: 'STORE_BEHIND_PROVIDER', currency: null });
  const isStopped = ({ holdReason }: Json): boolean => holdReason === 'BRAKE_ENGAGED';
  await paid.until(isStopped, 'about to be sent again, and stopped');
  const other = await scenario.payout().funded();
  await other.until(isStopped, 'stopped by the brake');
  expect(await other.requests(ORDERS)).toEqual([]);
  const { store, close } = attachTestStore(server.url);
  await untilAnswer(
    () => store.mirror.listUnexplained(10),
    (objects) => objects.length === 2,
    'its order and its payout',
  );
  expect(await store.mirror.adoptUnexplained()).toBe(2);
  await close();
  await paid.isPaidOnce();
  for (const endpoint of [ORDERS, PAYOUTS]) expect(await paid.requests(endpoint)).toHaveLength(1);
  await engine.api('POST', `/v1/brakes/${brake.brakeId}/release`, { reason: 'all is adopted' });
  await other.isPaidOnce();
});
