import { homedir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import {
  startDetachedServer,
  stopLeftover,
  withFreePorts,
  type DetachedServer,
  type EmbeddedLog,
  type ServerIdentity,
} from './detached-server.js';

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 1_000;
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: homedir() };
// The command's settings file and TEMPORAL_… variables may name another server: none of them applies here.
const CLEAN_CONFIGURATION = ['--disable-config-file', '--disable-config-env'];

function identify(stateDirectory: string): ServerIdentity {
  return {
    name: 'Temporal',
    recordFile: join(stateDirectory, 'temporal.json'),
    signalTarget: 'group',
    // A stop in order takes it about 1.4 s.
    stopSteps: [
      { signal: 'SIGTERM', waitMs: 10_000 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ],
  };
}

export interface TemporalDevServerOptions {
  /** The `temporal` command. */
  readonly cliPath: string;
  /** Holds the log, the record of the process and, when stored in a file, the workflows. Must exist. */
  readonly stateDirectory: string;
  /** `memory` forgets every workflow when it ends. @default "file" */
  readonly storage?: 'file' | 'memory';
  /** @default a free port, another one at every start */
  readonly port?: number;
  /** Name to type; registered in the namespace `default` when it is created: once for a database file. */
  readonly searchAttributes: Readonly<Record<string, string>>;
  readonly log: EmbeddedLog;
}

/** Temporal's development server, the real one on SQLite, on loopback; it stops within 15 s at worst. */
export interface TemporalDevServer extends DetachedServer {
  /** gRPC: "127.0.0.1:7233". */
  readonly address: string;
  readonly uiUrl: string;
}

/**
 * Starts the dev server and answers when it serves and its UI listens. One that an engine killed by SIGKILL left behind
 * in the same state directory is ended first.
 *
 * @throws Error with the last lines of its log when it does not come up
 */
export async function startTemporalDevServer(options: TemporalDevServerOptions): Promise<TemporalDevServer> {
  const { stateDirectory } = options;
  await stopLeftoverTemporalDevServer(stateDirectory, options.log);
  return withFreePorts(async () => {
    const ports = await choosePorts(options);
    const server = await startDetachedServer({
      ...identify(stateDirectory),
      command: options.cliPath,
      args: commandArguments(options, ports),
      environment: ENVIRONMENT,
      workingDirectory: stateDirectory,
      logFile: join(stateDirectory, 'temporal.log'),
      isReady: () => isServing(ports),
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
    return { ...server, address: `${HOST}:${ports.grpc}`, uiUrl: `http://${HOST}:${ports.ui}` };
  });
}

/** Ends a dev server that an engine killed by SIGKILL left running in this state directory, if there is one. */
export async function stopLeftoverTemporalDevServer(stateDirectory: string, log: EmbeddedLog): Promise<void> {
  await stopLeftover(identify(stateDirectory), log);
}

type Ports = Awaited<ReturnType<typeof choosePorts>>;

async function choosePorts({ port }: TemporalDevServerOptions) {
  return {
    grpc: port ?? (await getPort({ host: HOST })),
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
