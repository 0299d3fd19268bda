import type { Logger } from 'pino';
import type { ApiKeySetting, Config, Environment } from '../config/config.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import { choosePort } from '../embedded/choose-port.js';
import { startEmbeddedPostgres } from '../embedded/postgres.js';
import { startTemporalDevServer } from '../embedded/temporal-dev-server.js';
import { createTemporalAccess, migrateDatabase, startConfiguredSimulator } from './create-parts.js';
import { readOrCreateKey } from './local-engine.js';
import { StartError } from './main.js';
import { startApi } from './run-api.js';
import { startWorker, type RunningWorker } from './run-worker.js';

/** What the store calls the embedded provider; a URL would change with every port. */
const EMBEDDED_SIMULATOR = 'embedded simulator';

/** Where everything of a started engine is; what `.payouts/endpoints.json` says. */
export interface Endpoints {
  readonly api: string;
  readonly apiDocs: string;
  readonly temporalAddress: string;
  /** Without its password, which stands in a file of the state directory. */
  readonly postgres: string;
  readonly temporalUi?: string;
  readonly simulator?: string;
}

export interface Engine {
  readonly endpoints: Endpoints;
  readonly worker: RunningWorker;
}

/** What was started, in order; stopped in the opposite one. */
export type Started = { readonly name: string; readonly stop: () => Promise<void> }[];

export interface EngineStart {
  readonly env: Environment;
  readonly config: Config;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly say: (line: string) => void;
  /** Filled as parts come up, so that a start that fails half-way can be undone. */
  readonly started: Started;
}

/** Starts every part that the environment does not name: database, Temporal, provider, worker and API. */
export async function startEngine(start: EngineStart): Promise<Engine> {
  const { config, env, logger } = start;
  const { host, port: wanted } = config.http;
  const port = await choosePort({ variable: 'PORT', wanted, host });
  const apiUrl = `http://${nameInUrl(host)}:${port}`;
  const [databaseUrl, temporal] = await bothOrNeither(provideDatabase(start), provideTemporal(start));
  await migrateDatabase({ ...config, databaseUrl }, logger);
  const provider = await provideProvider(start, `${apiUrl}/webhooks/qbitpay`);
  const parts = {
    ...config,
    databaseUrl,
    http: { host, port },
    qbitpay: { ...config.qbitpay, apiKey: provider.apiKey, baseUrl: provider.baseUrl },
  };
  const providerName = provider.simulatorUrl === undefined ? provider.baseUrl : EMBEDDED_SIMULATOR;
  const access = createTemporalAccess({ ...env, TEMPORAL_ADDRESS: temporal.address });
  start.say('Starting the worker and the API');
  const worker = await startWorker(parts, access, logger.child({ part: 'worker' }), { providerName });
  start.started.push({ name: 'worker', stop: () => worker.stop() });
  const api = await startApi(parts, access, logger.child({ part: 'api' }));
  start.started.push({ name: 'API', stop: () => api.stop() });
  return {
    worker,
    endpoints: {
      api: apiUrl,
      apiDocs: `${apiUrl}/docs`,
      temporalAddress: temporal.address,
      postgres: withoutPassword(databaseUrl),
      ...(temporal.uiUrl === undefined ? {} : { temporalUi: temporal.uiUrl }),
      ...(provider.simulatorUrl === undefined ? {} : { simulator: provider.simulatorUrl }),
    },
  };
}

/** Waits for the end of both, also when one fails: what has started by then is known and can be stopped. */
async function bothOrNeither<A, B>(left: Promise<A>, right: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([left, right]);
  return Promise.all([left, right]);
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.password = '';
  return url.href;
}

/** All addresses of a machine are reached by its loopback; an IPv6 address stands in brackets. */
function nameInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Ends the parts in the opposite order of their start: nobody loses what it stands on. */
export async function stopStarted(started: Started, logger: Logger): Promise<void> {
  for (let part = started.pop(); part !== undefined; part = started.pop()) {
    try {
      await part.stop();
    } catch (error) {
      // The others have to be ended all the same.
      logger.error({ err: error }, `${part.name} did not stop cleanly`);
    }
  }
}

async function provideDatabase(start: EngineStart): Promise<string> {
  const { config, stateDirectory, logger, say, started } = start;
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  say('Starting PostgreSQL');
  const postgres = await startEmbeddedPostgres({ stateDirectory, log: logger });
  started.push({ name: 'PostgreSQL', stop: () => postgres.stop() });
  return postgres.url;
}

async function provideTemporal(
  start: EngineStart,
): Promise<{ readonly address: string; readonly uiUrl?: string }> {
  const { config, stateDirectory, logger, say, started } = start;
  const { address, cliPath } = config.temporal;
  if (address !== undefined) return { address };
  if (cliPath === undefined) {
    throw new StartError('no Temporal server: set TEMPORAL_ADDRESS or TEMPORAL_CLI_PATH, or use "npm start"');
  }
  say('Starting the Temporal dev server');
  const server = await startTemporalDevServer({
    cliPath,
    stateDirectory,
    searchAttributes: SEARCH_ATTRIBUTES,
    log: logger,
  });
  started.push({ name: 'Temporal', stop: () => server.stop() });
  return server;
}

interface Provider {
  readonly baseUrl: string;
  readonly apiKey: ApiKeySetting;
  readonly simulatorUrl?: string;
}

async function provideProvider(start: EngineStart, webhookUrl: string): Promise<Provider> {
  const { config, stateDirectory, logger, say, started } = start;
  const { baseUrl, apiKey } = config.qbitpay;
  if (baseUrl !== undefined) {
    // The configuration has been refused without a key.
    if (apiKey === undefined) throw new StartError('QBITPAY_API_KEY is not set');
    return { baseUrl, apiKey };
  }
  say('Starting the QbitPay simulator');
  const key = await readOrCreateKey(stateDirectory, 'simulator-key');
  const simulator = await startConfiguredSimulator(config.qbitpay, logger.child({ part: 'simulator' }), {
    apiKey: key,
    host: '127.0.0.1',
    port: await choosePort({ variable: 'SIMULATOR_PORT', wanted: config.simulatorPort }),
    stateDirectory,
    webhookUrl,
  });
  started.push({ name: 'simulator', stop: () => simulator.close() });
  return { baseUrl: simulator.url, apiKey: { kind: 'value', value: key }, simulatorUrl: simulator.url };
}
