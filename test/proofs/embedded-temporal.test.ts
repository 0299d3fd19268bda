import { Client, Connection } from '@temporalio/client';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import type { StateDirectory } from '../../src/embedded/state-directory.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
import { ensureSearchAttributes } from '../../src/temporal/search-attribute-setup.js';
import {
  isRunning,
  openTemporaryStateDirectory,
  recordLog,
  startInKilledProcess,
} from '../support/embedded-fixture.js';

let directory: StateDirectory;
beforeEach(async () => {
  directory = await openTemporaryStateDirectory();
});
afterEach(() => directory.remove());

async function start(searchAttributes: Record<string, 'Keyword' | 'Double'>): Promise<TemporalDevServer> {
  return startTemporalDevServer({
    cliPath: await ensureTemporalCli(),
    stateDirectory: directory.path,
    searchAttributes,
    log: recordLog(),
  });
}

async function withClient<Result>(
  server: TemporalDevServer,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function readAttributes(client: Client): Promise<string[]> {
  const answer = await client.connection.operatorService.listSearchAttributes({ namespace: 'default' });
  return Object.keys(answer.customAttributes);
}

test('keeps its workflows from one start to the next, and takes the attributes that a later version adds', async () => {
  const first = await start({ PayoutStatus: 'Keyword' });
  await withClient(first, async (client) => {
    expect(await readAttributes(client)).toEqual(['PayoutStatus']);
    await client.workflow.start('nobodyRunsIt', { workflowId: 'kept', taskQueue: 'nobody' });
  }).finally(() => first.stop());
  expect(await isRunning(first.pid)).toBe(false);

  const second = await start(SEARCH_ATTRIBUTES);
  await withClient(second, async (client) => {
    const names = Object.keys(SEARCH_ATTRIBUTES);
    const registered = names.filter((name) => name !== 'PayoutStatus');
    expect(await ensureSearchAttributes(client, 'default')).toEqual({ kind: 'complete', registered });
    expect((await readAttributes(client)).sort()).toEqual(names.sort());
    const { status } = await client.workflow.getHandle('kept').describe();
    expect(status.name).toBe('RUNNING');
    expect((await fetch(second.uiUrl)).status).toBe(200);
  }).finally(() => second.stop());
  expect(await isRunning(second.pid)).toBe(false);
});

test('takes over from an engine that was killed', async () => {
  const orphan = await startInKilledProcess('temporal-dev-server.js', 'startTemporalDevServer', {
    cliPath: await ensureTemporalCli(),
    stateDirectory: directory.path,
    searchAttributes: {},
  });
  expect(await isRunning(orphan.pid)).toBe(true);
  const successor = await start({});
  expect(await isRunning(orphan.pid)).toBe(false);
  await successor.stop();
});

test('says what the command said when it does not come up', async () => {
  const starting = startTemporalDevServer({
    cliPath: await ensureTemporalCli(),
    stateDirectory: directory.path,
    searchAttributes: { Wrong: 'Nonsense' },
    log: recordLog(),
  });
  await expect(starting).rejects.toThrow(/Temporal ended while starting \(exit code 1\).*Nonsense/s);
});
