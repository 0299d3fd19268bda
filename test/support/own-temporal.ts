import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import { startTemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
import { openTemporaryStateDirectory, recordLog } from './embedded-fixture.js';

export interface OwnTemporal {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** A dev server of one test file, with a limit of Temporal's that is met sooner than the shared server's. */
export async function startOwnTemporal(limit: string): Promise<OwnTemporal> {
  const directory = await openTemporaryStateDirectory();
  const cliPath = join(directory.path, 'temporal');
  const command = `exec '${await ensureTemporalCli()}' "$@" --dynamic-config-value=${limit}`;
  await writeFile(cliPath, `#!/bin/sh\n${command}\n`);
  await chmod(cliPath, 0o755);
  const server = await startTemporalDevServer({
    cliPath,
    stateDirectory: directory.path,
    storage: 'memory',
    searchAttributes: SEARCH_ATTRIBUTES,
    log: recordLog(),
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await directory.remove();
  };
  return { address: server.address, stop };
}
