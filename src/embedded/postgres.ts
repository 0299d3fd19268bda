import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import getPort from 'get-port';
import pg from 'pg';
import {
  startDetachedServer,
  stopLeftover,
  withFreePorts,
  type DetachedServer,
  type EmbeddedLog,
  type ServerIdentity,
} from './detached-server.js';
import {
  createPostgresHome,
  postgresHome,
  preparePostgresInstallation,
  type PostgresInstallation,
} from './postgres-installation.js';

const run = promisify(execFile);

const HOST = '127.0.0.1';
const SUPERUSER = 'postgres';
const DATABASE = 'payouts';
const PASSWORD_FILE = 'postgres-password';
const INITDB_TIMEOUT_MS = 120_000;
// Recovery after a crash replays the write-ahead log first, which is slow on a slow disk.
const READY_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 2_000;
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

async function identify(stateDirectory: string): Promise<ServerIdentity> {
  return {
    name: 'PostgreSQL',
    recordFile: join(await postgresHome(stateDirectory), 'process.json'),
    signalTarget: 'process',
    // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (recovery at the next start).
    stopSteps: [
      { signal: 'SIGINT', waitMs: 15_000 },
      { signal: 'SIGQUIT', waitMs: 8_000 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ],
  };
}

export interface EmbeddedPostgresOptions {
  /** Holds the password, the log and, but for root, the data. Must exist. */
  readonly stateDirectory: string;
  /** @default a free port, another one at every start */
  readonly port?: number;
  /** False switches fsync off: for tests, whose data nobody misses after a power cut. @default true */
  readonly durable?: boolean;
  readonly log: EmbeddedLog;
}

/** A PostgreSQL of our own, on loopback; it stops by a fast shutdown, within 28 s at worst. */
export interface EmbeddedPostgres extends DetachedServer {
  /** Carries the password: not for logs. */
  readonly url: string;
  readonly port: number;
}

/**
 * Starts the PostgreSQL of a state directory and answers when it serves the database `payouts`, which is created when
 * missing. A postmaster that an engine killed by SIGKILL left behind on the same data is ended first.
 *
 * @throws Error with the last lines of its log when it does not come up
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { stateDirectory, log } = options;
  await stopLeftoverPostgres(stateDirectory, log);
  const installation = await preparePostgresInstallation(log);
  const home = await createPostgresHome(stateDirectory);
  const password = await prepareCluster({ stateDirectory, home, installation, log });
  return withFreePorts(async () => {
    const port = options.port ?? (await getPort({ host: HOST }));
    const server = await startDetachedServer({
      ...(await identify(stateDirectory)),
      command: join(installation.directory, 'bin', 'postgres'),
      args: ['-D', join(home, 'data'), '-p', String(port), ...settingsOf(options)],
      environment: ENVIRONMENT,
      workingDirectory: home,
      logFile: join(stateDirectory, 'postgres.log'),
      account: installation.account,
      isReady: () => provideDatabase(port, password),
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
    return { ...server, port, url: `postgres://${SUPERUSER}:${password}@${HOST}:${port}/${DATABASE}` };
  });
}

/** Ends a postmaster that an engine killed by SIGKILL left running on the data of this state directory, if there is one. */
export async function stopLeftoverPostgres(stateDirectory: string, log: EmbeddedLog): Promise<void> {
  const pidOfAnother = await stopLeftover(await identify(stateDirectory), log);
  if (pidOfAnother === undefined) return;
  // PostgreSQL only asks whether the pid lives, and would refuse to start over somebody else's process: after a
  // restart of a container or a computer the numbers are dealt again. A dead pid it sorts out by itself.
  const pidFile = join(await postgresHome(stateDirectory), 'data', 'postmaster.pid');
  const content = await readFile(pidFile, 'utf8').catch(() => '');
  if (Number.parseInt(content, 10) === pidOfAnother) await rm(pidFile, { force: true });
}

interface Cluster {
  readonly stateDirectory: string;
  readonly home: string;
  readonly installation: PostgresInstallation;
  readonly log: EmbeddedLog;
}

/** Makes the cluster when there is none; answers its password. */
async function prepareCluster(cluster: Cluster): Promise<string> {
  const passwordFile = join(cluster.stateDirectory, PASSWORD_FILE);
  const dataDirectory = join(cluster.home, 'data');
  const stored = await readFile(passwordFile, 'utf8').catch(() => undefined);
  if (existsSync(dataDirectory)) {
    if (stored) return stored.trim();
    // The state directory was removed by hand and with it the key to this data. It is kept: it may hold money.
    const aside = `${dataDirectory}.without-password-${new Date().toISOString().replaceAll(':', '')}`;
    cluster.log.warn(
      `the password of ${dataDirectory} is gone: the data is kept at ${aside}, and new data begins`,
    );
    await rename(dataDirectory, aside);
  }
  const password = randomBytes(24).toString('hex');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await initialiseCluster(cluster, dataDirectory, password);
  return password;
}

/** Works in a draft folder that gets its name only when it is complete: an initdb that was interrupted is redone. */
async function initialiseCluster(
  { home, installation, log }: Cluster,
  dataDirectory: string,
  password: string,
): Promise<void> {
  for (const name of await readdir(home)) {
    if (name.startsWith('draft-')) await rm(join(home, name), { recursive: true, force: true });
  }
  const id = randomBytes(4).toString('hex');
  const draft = join(home, `draft-${id}`);
  const passwordFile = join(home, `draft-${id}.password`);
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    const { account } = installation;
    if (account) {
      for (const path of [draft, passwordFile]) await chown(path, account.uid, account.gid);
    }
    log.info('creating the database cluster');
    const identity = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    // PostgreSQL's own C.UTF-8: the same order of texts on every operating system, whatever locales it has.
    const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
    await run(
      join(installation.directory, 'bin', 'initdb'),
      [`--pgdata=${draft}`, '--no-instructions', ...identity, ...locale],
      { cwd: home, env: ENVIRONMENT, timeout: INITDB_TIMEOUT_MS, ...account },
    );
    await rename(draft, dataDirectory);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

function settingsOf({ durable = true }: EmbeddedPostgresOptions): string[] {
  const settings = {
    listen_addresses: HOST,
    // No socket file: its path would be limited to 107 bytes, and the folder would have to suit the account.
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * Creates the database when it is missing. False while the server does not listen yet or still recovers; another
 * server's refusal of our password is final.
 */
async function provideDatabase(port: number, password: string): Promise<boolean> {
  const client = new pg.Client({
    host: HOST,
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    const isConnected = await client.connect().then(
      () => true,
      (error: unknown) => {
        if (/^28[0-9A-Z]{3}$/.test((error as { code?: string }).code ?? '')) throw error;
        return false;
      },
    );
    if (!isConnected) return false;
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}
