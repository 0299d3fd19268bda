import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
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

/** A dev server of one test file that keeps its database in files. */
export interface TemporalWithFiles extends OwnTemporal {
  /** Stops it, hands out the paths of its files, and starts it again on the same port. */
  readonly whileStopped: (work: (files: readonly string[]) => Promise<unknown>) => Promise<void>;
}

export async function startTemporalWithFiles(): Promise<TemporalWithFiles> {
  const directory = await openTemporaryStateDirectory();
  const cliPath = await ensureTemporalCli();
  const start = (
    searchAttributes: Partial<typeof SEARCH_ATTRIBUTES>,
    port?: number,
  ): Promise<TemporalDevServer> =>
    startTemporalDevServer({
      cliPath,
      stateDirectory: directory.path,
      searchAttributes,
      log: recordLog(),
      ...(port === undefined ? {} : { port }),
    });
  let server = await start(SEARCH_ATTRIBUTES);
  const { address } = server;
  return {
    address,
    stop: async () => {
      await server.stop();
      await directory.remove();
    },
    whileStopped: async (work) => {
      await server.stop();
      const files = (await readdir(directory.path)).filter((name) => name.startsWith('temporal.db'));
      expect(files.length).toBeGreaterThan(0);
      await work(files.map((name) => join(directory.path, name)));
      // What the engine stands on, its workers register.
      server = await start({}, Number(address.split(':')[1]));
    },
  };
}
