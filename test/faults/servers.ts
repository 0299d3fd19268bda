import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { PROJECT_ROOT } from '../../src/bin/project-files.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { openStateDirectory } from '../../src/embedded/state-directory.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
import type { ServerFault } from './plan.js';

export type Strike = Pick<ServerFault, 'server' | 'downMs'> & {
  /** Without its data. */ readonly isLost?: true;
};

/** PostgreSQL and Temporal, shared by the seeds of a lane. */
export interface Servers {
  readonly postgresUrl: string;
  readonly temporalAddress: string;
  /** Ends a server without warning, and starts it again on the same port and data; undefined for servers of others. */
  readonly strike: ((fault: Strike) => Promise<void>) | undefined;
  stop(): Promise<void>;
}

const QUIET = { info: () => undefined, warn: () => undefined };
const DEATH_TIMEOUT_MS = 10_000;
const DIRECTORY_PREFIX = 'qbitpay-faults-servers-';

export async function startServers(): Promise<Servers> {
  const path = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
  const directory = await openStateDirectory({ path, log: QUIET });
  const cliPath = await findTemporalCli();
  const startPostgres = (port?: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ stateDirectory: path, log: QUIET, ...(port === undefined ? {} : { port }) });
  const startTemporal = (port?: number): Promise<TemporalDevServer> =>
    startTemporalDevServer({
      cliPath,
      stateDirectory: path,
      searchAttributes: SEARCH_ATTRIBUTES,
      log: QUIET,
      ...(port === undefined ? {} : { port }),
    });
  let [postgres, temporal] = await Promise.all([startPostgres(), startTemporal()]);
  const temporalPort = Number(temporal.address.split(':')[1]);
  const strike: NonNullable<Servers['strike']> = async ({ server, downMs, isLost }) => {
    if (server === 'postgres') {
      // The immediate shutdown: no goodbye to anyone, and recovery from the log at the next start.
      await endAbruptly(postgres, 'SIGQUIT');
      await delay(downMs);
      postgres = await startPostgres(postgres.port);
    } else {
      await endAbruptly(temporal, 'SIGKILL');
      if (isLost) await removeTemporalDatabase(path);
      await delay(downMs);
      temporal = await startTemporal(temporalPort);
    }
  };
  let last: Promise<void> = Promise.resolve();
  return {
    postgresUrl: postgres.url,
    temporalAddress: temporal.address,
    // One after the other: a server that is being started cannot be ended.
    strike: (fault) => {
      last = last.then(() => strike(fault));
      return last;
    },
    stop: async () => {
      await last.catch(() => undefined);
      await Promise.all([postgres.stop(), temporal.stop()]);
      await directory.remove();
    },
  };
}

/** A campaign that was killed left its folders, and maybe its servers; one that is alive holds its folders' locks. */
export async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue;
    // Not ours to remove: in use by a campaign beside us, or another user's.
    await openStateDirectory({ path: join(tmpdir(), name), log: QUIET })
      .then((directory) => directory.remove())
      .catch(() => undefined);
  }
}

async function removeTemporalDatabase(stateDirectory: string): Promise<void> {
  const files = (await readdir(stateDirectory)).filter((name) => name.startsWith('temporal.db'));
  await Promise.all(files.map((name) => rm(join(stateDirectory, name))));
}

/** The process is our own child: its number cannot belong to another one before it has been waited for. */
async function endAbruptly(
  server: { readonly pid: number; stop(): Promise<void> },
  signal: NodeJS.Signals,
): Promise<void> {
  process.kill(server.pid, signal);
  const late = new AbortController();
  const timeout = delay(DEATH_TIMEOUT_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`the server did not end by ${signal}`);
  });
  await Promise.race([server.stop(), timeout]);
  late.abort();
  await timeout.catch(() => undefined);
}

/** A plain script that runs before anything is built, so that it is not part of the build. */
async function findTemporalCli(): Promise<string> {
  const script = pathToFileURL(join(PROJECT_ROOT, 'scripts', 'temporal-cli.mjs')).href;
  const { ensureTemporalCli } = (await import(script)) as { ensureTemporalCli: () => Promise<string> };
  return ensureTemporalCli();
}
