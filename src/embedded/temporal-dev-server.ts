import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { choosePort } from './choose-port.js';
import { spawnDetachedServer, waitUntilReady, type DetachedServer } from './detached-server.js';
import { readCommandLine, stopLeftoverProcess, type EmbeddedLog, type StopStep } from './running-process.js';

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const PID_FILE = 'temporal.pid';
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 1_000;
const START_ATTEMPTS = 3;
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: homedir() };
// The command's settings file and TEMPORAL_… variables may name another server: none of them applies here.
const CLEAN_CONFIGURATION = ['--disable-config-file', '--disable-config-env'];

/** A stop in order takes it about 1.4 s. */
const STOP_STEPS: readonly StopStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

/** The types a search attribute can be registered with on the command line of the dev server. */
export type SearchAttributeType = 'Keyword' | 'KeywordList' | 'Int' | 'Double' | 'Datetime' | 'Bool' | 'Text';

export interface TemporalDevServerOptions {
  /** The `temporal` command. */
  readonly cliPath: string;
  /** Holds the log, the record of the process and, when stored in a file, the workflows. Must exist. */
  readonly stateDirectory: string;
  /** `memory` forgets every workflow when it ends. @default "file" */
  readonly storage?: 'file' | 'memory';
  /** @default a free port, another one at every start */
  readonly port?: number;
  /** Registered in the namespace `default` when it is created: once for a database file, at every start for memory. */
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  readonly log: EmbeddedLog;
}

/** Temporal's development server, the real one on SQLite, on loopback. */
export interface TemporalDevServer {
  /** gRPC: "127.0.0.1:7233". */
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** Waits for the end of the process, bounded (15 s at worst). May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts the dev server and answers when it serves and its UI listens. One that an engine killed by SIGKILL left behind
 * in the same state directory is ended first.
 *
 * @throws PortUnavailableError when the port asked for is taken
 * @throws Error with the last lines of its log when it does not come up
 */
export async function startTemporalDevServer(options: TemporalDevServerOptions): Promise<TemporalDevServer> {
  const { stateDirectory, log } = options;
  await stopLeftoverTemporalDevServer(stateDirectory, log);
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(options);
    const args = commandArguments(options, ports);
    const server = await spawnServer(options, args);
    try {
      await writeFile(join(stateDirectory, PID_FILE), JSON.stringify({ pid: server.pid, args }));
      await waitUntilReady('Temporal', server, () => isServing(ports), READY_TIMEOUT_MS);
    } catch (error) {
      await server.stop();
      // Between choosing a free port and listening on it another process may have taken it.
      const lostPort = String(error).includes('address already in use');
      if (lostPort && options.port === undefined && attempt < START_ATTEMPTS) continue;
      throw error;
    }
    return {
      address: `${HOST}:${ports.grpc}`,
      uiUrl: `http://${HOST}:${ports.ui}`,
      pid: server.pid,
      stop: async () => {
        await server.stop();
        await rm(join(stateDirectory, PID_FILE), { force: true });
      },
    };
  }
}

/**
 * Ends a dev server that an engine killed by SIGKILL left running in this state directory, if there is one. It is
 * known by its recorded arguments (ports and database file): a pid that was dealt again is never signalled.
 */
export async function stopLeftoverTemporalDevServer(stateDirectory: string, log: EmbeddedLog): Promise<void> {
  const pidFile = join(stateDirectory, PID_FILE);
  if (!existsSync(pidFile)) return;
  const record = parseRecord(await readFile(pidFile, 'utf8'));
  if (record) {
    const isOurs = async (): Promise<boolean> =>
      (await readCommandLine(record.pid))?.endsWith(record.args.join(' ')) ?? false;
    if (await isOurs()) {
      log.warn(`ending the Temporal server (process ${record.pid}) that an engine before left behind`);
      // It leads a process group of its own, in which a wrapper script would run as well.
      await stopLeftoverProcess(-record.pid, isOurs, STOP_STEPS);
    }
  }
  await rm(pidFile, { force: true });
}

/** Undefined for a record cut short by the death of its writer. */
function parseRecord(text: string): { pid: number; args: string[] } | undefined {
  try {
    const { pid, args } = JSON.parse(text) as { pid?: unknown; args?: unknown };
    const isSound = typeof pid === 'number' && pid > 1 && Array.isArray(args) && args.length > 2;
    return isSound ? { pid, args: args.map(String) } : undefined;
  } catch {
    return undefined;
  }
}

type Ports = Awaited<ReturnType<typeof choosePorts>>;

async function choosePorts({ port }: TemporalDevServerOptions) {
  return {
    grpc: await choosePort({ variable: "the port of Temporal's server", wanted: port, host: HOST }),
    ui: await getPort({ host: HOST }),
    http: await getPort({ host: HOST }),
    metrics: await getPort({ host: HOST }),
  };
}

function commandArguments(options: TemporalDevServerOptions, ports: Ports): string[] {
  const storage =
    options.storage === 'memory'
      ? []
      : [
          ...['--db-filename', join(options.stateDirectory, 'temporal.db')],
          // Without these two SQLite syncs its whole journal at every commit: a third of the throughput.
          ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
        ];
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(ports.grpc), '--ui-port', String(ports.ui)],
    ...['--http-port', String(ports.http), '--metrics-port', String(ports.metrics)],
    ...['--log-level', 'warn', '--log-format', 'text', '--color', 'never'],
    ...CLEAN_CONFIGURATION,
    ...storage,
    // Starts a workflow's next activity without a second round trip through the server.
    '--dynamic-config-value=system.enableActivityEagerExecution=true',
    ...Object.entries(options.searchAttributes).map(([name, type]) => `--search-attribute=${name}=${type}`),
  ];
}

function spawnServer(options: TemporalDevServerOptions, args: readonly string[]): Promise<DetachedServer> {
  return spawnDetachedServer({
    name: 'Temporal',
    command: options.cliPath,
    args,
    environment: ENVIRONMENT,
    workingDirectory: options.stateDirectory,
    logFile: join(options.stateDirectory, 'temporal.log'),
    signalTarget: 'group',
    stopSteps: STOP_STEPS,
  });
}

/** True when the namespace is served, by an HTTP API that begins after gRPC, and the UI as well. */
async function isServing(ports: Ports): Promise<boolean> {
  const namespace = `http://${HOST}:${ports.http}/api/v1/namespaces/${NAMESPACE}/search-attributes`;
  const answers = [namespace, `http://${HOST}:${ports.ui}`].map(async (url) => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await answer.body?.cancel();
    return answer.ok;
  });
  return (await Promise.all(answers).catch(() => [false])).every((isOk) => isOk);
}
