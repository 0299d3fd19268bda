import type { Logger } from 'pino';
import { Runtime } from '@temporalio/worker';
import { readConfig, type Environment } from '../../src/config/config.js';
import { createLogger } from '../../src/config/logger.js';
import { createTemporalAccess, type TemporalAccess } from '../../src/bin/create-parts.js';
import { startApi } from '../../src/bin/run-api.js';
import {
  installTemporalRuntime,
  startWorker,
  type RunningWorker,
  type WorkerVariations,
} from '../../src/bin/run-worker.js';
import type { RunningPart } from '../../src/bin/main.js';
import { choosePort, PortUnavailableError } from '../../src/embedded/choose-port.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/server.js';
import { createEngineClient, type EngineClient } from './engine-client.js';
import { sharedServer } from './shared-servers.js';
import { watchStore } from './store-changes.js';
import { createMigratedDatabase, newDatabaseName } from './test-database.js';

/** The key of the simulated provider: no log line, history, error or answer may ever show it. */
export const CANARY_API_KEY = 'qbitpay-canary-key-4f9c2b7e';

export interface TestEngine extends EngineClient {
  readonly env: Environment;
  readonly temporal: TemporalAccess;
  readonly apiUrl: string;
  readonly databaseUrl: string;
  /** Everything that worker and API logged, as JSON lines. */
  readonly logLines: readonly string[];
  /** With the engine's settings, except for these. */
  startWorker(changes?: Environment): Promise<RunningWorker>;
  stopWorker(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestEngineOptions {
  /** Wins over the settings below, which make every wait short. */
  readonly env?: Environment;
  readonly simulator?: Partial<SimulatorOptions>;
  /** @default true */
  readonly worker?: boolean;
  /** What the worker does otherwise than one that `npm run worker` starts. */
  readonly variations?: WorkerVariations;
  /** @default true */
  readonly webhooks?: boolean;
}

const SHORT_WAITS: Environment = {
  PROVIDER_SYNC_INTERVAL_MS: '1000',
  RETRY_INITIAL_MS: '50',
  REFUSAL_WAIT_SECONDS: '0',
  RETRY_MAX_MS: '500',
  // Many of a file's payouts are answered so on purpose.
  BRAKE_AFTER_DIFFERENCES: '20',
  SHUTDOWN_TIMEOUT_SECONDS: '10',
};

const DELETE_TIMEOUT_MS = 5_000;

/** Another process may take the port that was chosen before the API listens on it. */
const MAX_STARTS = 3;

/**
 * A whole engine of its own for one test file: own database, task queue, simulator, worker and API, on the
 * shared PostgreSQL and Temporal servers.
 */
export async function startTestEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  for (let start = 1; ; start += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!(error instanceof PortUnavailableError) || start === MAX_STARTS) throw error;
    }
  }
}

async function startOnce(options: TestEngineOptions): Promise<TestEngine> {
  const name = newDatabaseName();
  const databaseUrl = await createMigratedDatabase(name);
  const port = await choosePort({ variable: 'PORT' });
  const apiUrl = `http://127.0.0.1:${port}`;
  const simulator = await startSimulator({
    apiKey: CANARY_API_KEY,
    settleAfterMs: 30,
    webhookTimeScale: 0.0001,
    ...(options.webhooks === false ? {} : { webhookUrl: `${apiUrl}/webhooks/qbitpay` }),
    ...options.simulator,
  });
  const env: Environment = {
    ...SHORT_WAITS,
    QBITPAY_BASE_URL: simulator.url,
    QBITPAY_API_KEY: CANARY_API_KEY,
    QBITPAY_FEE_SIDE: 'added',
    QBITPAY_NETWORKS: 'USDT:TRC20',
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: sharedServer('TEST_TEMPORAL_ADDRESS'),
    TEMPORAL_TASK_QUEUE: name,
    PORT: String(port),
    ...options.env,
  };
  try {
    const { worker = true, variations = {} } = options;
    return await assemble(env, simulator, { apiUrl, databaseUrl, worker, variations });
  } catch (error) {
    // What listens would keep the test run from ending.
    await simulator.close();
    throw error;
  }
}

async function assemble(
  env: Environment,
  simulator: Simulator,
  setting: {
    readonly apiUrl: string;
    readonly databaseUrl: string;
    readonly worker: boolean;
    readonly variations: WorkerVariations;
  },
): Promise<TestEngine> {
  const temporal = createTemporalAccess(env);
  const logger = await installTestRuntime();
  let worker: RunningWorker | undefined;
  const stopWatching = await watchStore(setting.databaseUrl);
  const api: RunningPart = await startApi(readConfig(env, 'api'), createTemporalAccess(env), logger);
  const engine: TestEngine = {
    ...createEngineClient(setting.apiUrl, simulator.url),
    env,
    temporal,
    apiUrl: setting.apiUrl,
    databaseUrl: setting.databaseUrl,
    logLines,
    startWorker: async (changes = {}) =>
      (worker = await startWorker(
        readConfig({ ...env, ...changes }, 'worker'),
        temporal,
        logger,
        setting.variations,
      )),
    stopWorker: async () => {
      await worker?.stop();
      worker = undefined;
    },
    stop: () =>
      inTurn([
        () => api.stop(),
        () => worker?.stop(),
        () => simulator.close(),
        () => deleteBackgroundWork(temporal, env['TEMPORAL_TASK_QUEUE'] ?? ''),
        () => temporal.client.connection.close(),
        () => stopWatching(),
        // The next file's engine begins with none.
        () => void logLines.splice(0),
      ]),
  };
  try {
    if (setting.worker) await engine.startWorker();
  } catch (error) {
    await engine.stop();
    throw error;
  }
  return engine;
}

/** Each of them, also when one before it failed: what stays open would keep the test run from ending. */
async function inTurn(steps: readonly (() => Promise<void> | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}

const logLines: string[] = [];
let logger: Logger | undefined;

/**
 * One for all that runs in a test process: the SDK's runtime, which logs through it, is one per process, and goes on with
 * the first settings.
 */
export async function installTestRuntime(): Promise<Logger> {
  if (logger === undefined) {
    logger = createLogger({ level: 'debug', name: 'test' }, { write: (line) => void logLines.push(line) });
    installTemporalRuntime(logger);
    // It ends with the last worker, and where there is none it would keep the test run from ending. The first worker
    // starts it again, with the same settings.
    await Runtime.instance().shutdown();
  }
  return logger;
}

/** The schedule and the sync outlive their workers; on a shared server they would pile up. */
async function deleteBackgroundWork({ client }: TemporalAccess, taskQueue: string): Promise<void> {
  const forever = ['provider-sync', 'supervisor'].map((kind) => `${kind}/${taskQueue}`);
  // A server that is gone took its schedules with it.
  await client.withDeadline(Date.now() + DELETE_TIMEOUT_MS, () =>
    Promise.allSettled([
      ...forever.map((workflowId) => client.workflow.getHandle(workflowId).terminate()),
      client.schedule.getHandle(`reconcile/${taskQueue}`).delete(),
    ]),
  );
}
