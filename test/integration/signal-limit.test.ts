import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import type { StateDirectory } from '../../src/embedded/state-directory.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
import { createPayoutGateway } from '../../src/temporal/payout-gateway.js';
import { openTemporaryStateDirectory, recordLog } from '../support/embedded-fixture.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

/** Temporal gives one run 10,000 signals; this server gives it fewer. */
const LIMIT = 20;

let directory: StateDirectory;
let server: TemporalDevServer;
let engine: TestEngine;
beforeAll(async () => {
  directory = await openTemporaryStateDirectory();
  const cliPath = join(directory.path, 'temporal');
  const setting = `--dynamic-config-value=history.maximumSignalsPerExecution=${LIMIT}`;
  await writeFile(cliPath, `#!/bin/sh\nexec '${await ensureTemporalCli()}' "$@" ${setting}\n`);
  await chmod(cliPath, 0o755);
  server = await startTemporalDevServer({
    cliPath,
    stateDirectory: directory.path,
    storage: 'memory',
    searchAttributes: SEARCH_ATTRIBUTES,
    log: recordLog(),
  });
  engine = await startTestEngine({
    env: { TEMPORAL_ADDRESS: server.address },
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } },
  });
});
afterAll(async () => {
  await engine.stop();
  await server.stop();
  await directory.remove();
});

const untold = async (): Promise<Json> => (await engine.api('GET', '/v1/provider')).body.untoldPayouts;

test('a workflow that takes no more signals is no workflow that is not there: shown, and another one goes on', async () => {
  const { client } = engine.temporal;
  const { signal } = createPayoutGateway({ client, taskQueue: engine.env['TEMPORAL_TASK_QUEUE'] ?? '' });
  const payout = await engine.open();
  const { payoutId } = payout;
  expect(await signal({ payoutId: 'nobody', signal: 'storeChanged' })).toBe('notRunning');
  for (let sent = 0; sent < LIMIT; sent += 1) {
    expect(await signal({ payoutId, signal: 'storeChanged' })).toBe('taken');
  }
  expect(await signal({ payoutId, signal: 'storeChanged' })).toBe('limitReached');

  await engine.fund(payout);
  await untilAnswer(untold, (ids) => ids.includes(payoutId), 'shown as one that cannot be told');
  const told = () => engine.logLines.filter((line) => line.includes('takes no more signals'));
  const [error, ...others] = await untilAnswer(
    () => Promise.resolve(told()),
    ({ length }) => length > 0,
    'logged',
  );
  expect(JSON.parse(error ?? '')).toMatchObject({ level: 'error', payoutId });
  expect(others).toEqual([]);

  await client.workflow.getHandle(`payout/${payoutId}`).terminate('it takes no more signals');
  await engine.untilStatus(payoutId, 'paid');
  expect(await untold()).toEqual([]);
});
