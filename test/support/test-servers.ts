import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.js';
import { openStateDirectory } from '../../src/embedded/state-directory.js';
import { startTemporalDevServer } from '../../src/embedded/temporal-dev-server.js';

const DIRECTORY_PREFIX = 'qbitpay-payouts-test-';
const QUIET = { info: () => undefined, warn: () => undefined };

/** The servers all test files of a run share. */
export interface TestServers {
  readonly postgresUrl: string;
  readonly temporalAddress: string;
  stop(): Promise<void>;
}

/**
 * Starts one PostgreSQL and one Temporal server, both forgetting everything at the end. One that is named already
 * (`TEST_POSTGRES_URL`, `TEST_TEMPORAL_ADDRESS`) is used instead; the engine's own variables are not looked at,
 * because a shell may have them set to servers that no test should touch.
 */
export async function startTestServers(
  given: { readonly postgresUrl?: string | undefined; readonly temporalAddress?: string | undefined },
  findCli: () => Promise<string>,
): Promise<TestServers> {
  await removeLeftovers();
  const path = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
  const directory = await openStateDirectory({ path, log: QUIET });
  const options = { stateDirectory: path, log: QUIET };
  const postgres =
    given.postgresUrl === undefined ? startEmbeddedPostgres({ ...options, durable: false }) : undefined;
  const temporal = given.temporalAddress === undefined ? startTemporal(path, findCli) : undefined;
  const stopAll = async (): Promise<void> => {
    const started = await Promise.allSettled([Promise.resolve(postgres), Promise.resolve(temporal)]);
    await Promise.all(started.map(async (server) => server.status === 'fulfilled' && server.value?.stop()));
    await directory.remove();
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopAll());
  try {
    // Both are awaited to their end, so that neither's failure leaves the other one running.
    await Promise.all([Promise.resolve(postgres), Promise.resolve(temporal)]);
    return {
      postgresUrl: given.postgresUrl ?? (await postgres)!.url,
      temporalAddress: given.temporalAddress ?? (await temporal)!.address,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startTemporal(
  stateDirectory: string,
  findCli: () => Promise<string>,
): ReturnType<typeof startTemporalDevServer> {
  return startTemporalDevServer({
    cliPath: await findCli(),
    stateDirectory,
    storage: 'memory',
    searchAttributes: SEARCH_ATTRIBUTES,
    log: QUIET,
  });
}

/** A run that was killed left its folder and maybe its servers; a run that is alive holds its folder's lock. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue;
    // Not ours to remove: in use by a run beside us, or another user's.
    await openStateDirectory({ path: join(tmpdir(), name), log: QUIET })
      .then((directory) => directory.remove())
      .catch(() => undefined);
  }
}
