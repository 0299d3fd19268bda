import { createHash } from 'node:crypto';
import type { Environment } from '../../src/config/config.js';
import { openStore } from '../../src/store/store.js';
import { choosePort } from '../../src/embedded/choose-port.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { BUG_VARIABLE, type Bug } from './bugs/index.js';
import { BUNDLE_VARIABLE, type CampaignBundles } from './campaign-bundle.js';
import { CANARY_CALLER_KEY, CANARY_PROVIDER_KEY } from './canaries.js';
import { createCaller, type Caller } from './caller.js';
import type { Plan } from './plan.js';
import { startProviderGate } from './provider-gate.js';
import type { Servers } from './servers.js';
import { createSimulatorClient, type SimulatorClient } from './simulator-client.js';
import { createSupervisor, type Supervisor } from './supervisor.js';
import { withDatabase } from './with-database.js';

export interface SeedOptions {
  readonly plan: Plan;
  readonly servers: Servers;
  readonly bundles: CampaignBundles;
  readonly bug?: Bug | undefined;
  /** Of this run: ids must not come twice on shared servers. */
  readonly runId: string;
}

const ANOTHER_ACCOUNT = {
  wallets: [{ currency: 'USDT', addr: '0x00000000000000000000000000000000000000a1' }],
};

/** One seed's own: database, task queue, simulator, and the engine's processes. */
export interface SeedWorld {
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly simulator: SimulatorClient;
  /** Another account. */
  readonly another: SimulatorClient;
  readonly caller: Caller;
  readonly supervisor: Supervisor;
  readonly logLines: readonly string[];
  /** Whose account the engine's requests reach from now on. */
  readAccount(whose: 'own' | 'another'): void;
  stop(): Promise<void>;
}

export async function buildSeedWorld(options: SeedOptions): Promise<SeedWorld> {
  const { plan, servers, runId } = options;
  const taskQueue = `faults_${runId}_${plan.seed}`.toLowerCase();
  const apiPort = await choosePort({ variable: 'PORT' });
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const simulator = await startSimulator({
    apiKey: CANARY_PROVIDER_KEY,
    feeSide: plan.feeSide,
    settleAfterMs: 400,
    // The provider's 15 minutes between two deliveries become 0.9 s.
    webhookTimeScale: 0.001,
    webhookUrl: `${apiUrl}/webhooks/qbitpay`,
  });
  const client = createSimulatorClient(simulator.url, CANARY_PROVIDER_KEY);
  // The engine has to refuse old prices by itself: this provider would take them.
  await client.control('PATCH', '/settings', { quoteValidityMs: 600_000 });
  await client.control('POST', '/deposits', { currency: 'USDT', amount: plan.openingBalance, notify: false });
  const another = await startSimulator({ apiKey: CANARY_PROVIDER_KEY });
  const anotherClient = createSimulatorClient(another.url, CANARY_PROVIDER_KEY);
  await anotherClient.control('PATCH', '/settings', ANOTHER_ACCOUNT);
  // It could pay everything.
  for (const currency of ['USDT', 'CNY'])
    await anotherClient.control('POST', '/balances/adjust', { currency, amount: '1000000' });
  const databaseUrl = await createMigratedDatabase(servers.postgresUrl, taskQueue);
  const logLines: string[] = [];
  const gate = await startGate(plan, simulator, () => supervisor);
  const supervisor: Supervisor = createSupervisor({
    env: toEnvironment(options, { taskQueue, apiPort, databaseUrl, providerUrl: gate.url }),
    crashes: plan.crashes,
    onLogLine: (line) => void logLines.push(line),
    strike: servers.strike,
  });
  return {
    taskQueue,
    databaseUrl,
    simulator: client,
    another: anotherClient,
    caller: createCaller(apiUrl, CANARY_CALLER_KEY),
    supervisor,
    logLines,
    readAccount: (whose) => gate.route(whose === 'own' ? simulator.port : another.port),
    stop: async () => {
      await supervisor.stop();
      await gate.close();
      await Promise.all([simulator.close(), another.close()]);
      await dropDatabase(servers.postgresUrl, taskQueue);
    },
  };
}

function startGate(plan: Plan, simulator: Simulator, supervisor: () => Supervisor) {
  return startProviderGate({
    simulatorPort: simulator.port,
    crashes: plan.crashes,
    onCrash: (crash) => supervisor().crash(crash),
  });
}

interface SeedAddresses {
  readonly taskQueue: string;
  readonly apiPort: number;
  readonly databaseUrl: string;
  readonly providerUrl: string;
}

function toEnvironment(options: SeedOptions, addresses: SeedAddresses): Environment {
  const { plan, servers, bundles, bug } = options;
  const sha256 = createHash('sha256').update(CANARY_CALLER_KEY).digest('hex');
  return {
    ...SHORT_WAITS,
    QBITPAY_BASE_URL: addresses.providerUrl,
    QBITPAY_API_KEY: CANARY_PROVIDER_KEY,
    QBITPAY_FEE_SIDE: plan.feeSide,
    QBITPAY_NETWORKS: 'USDT:TRC20',
    PAYOUTS_API_KEYS: `caller:create+read+operate:${sha256}`,
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    TEMPORAL_TASK_QUEUE: addresses.taskQueue,
    PORT: String(addresses.apiPort),
    DEPOSIT_DEADLINE_SECONDS: String(plan.depositDeadlineSeconds),
    RESEND_MAX_AMOUNT: plan.resendMaxAmount,
    [BUNDLE_VARIABLE]: bug?.usesNaiveWorkflows === true ? bundles.naive : bundles.engine,
    ...(bug === undefined ? {} : { [BUG_VARIABLE]: bug.name }),
  };
}

const SHORT_WAITS: Environment = {
  LOG_LEVEL: 'debug',
  PROVIDER_SYNC_INTERVAL_MS: '300',
  RETRY_INITIAL_MS: '50',
  RETRY_MAX_MS: '500',
  // Longer than any request of the campaign takes (campaign-client.ts), and than the provider's planned delays.
  UNKNOWN_OUTCOME_WAIT_SECONDS: '5',
  ABSENCE_CHECKS: '2',
  // Longer than a list of the plans takes to show what is there: before that, nothing is absent.
  REFUSAL_WAIT_SECONDS: '5',
  RECONCILIATION_INTERVAL_SECONDS: '10',
  RECONCILIATION_GRACE_SECONDS: '5',
  SHUTDOWN_TIMEOUT_SECONDS: '5',
};

async function createMigratedDatabase(serverUrl: string, name: string): Promise<string> {
  await withDatabase(serverUrl, (database) => database.query(`create database ${name}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const store = openStore({ url: url.href, onIdleError: () => undefined });
  await store.migrate();
  await store.close();
  return url.href;
}

async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await withDatabase(serverUrl, (database) => database.query(`drop database if exists ${name} with (force)`));
}
