import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { ActivityDependencies, SupervisionSettings } from '../../activities/dependencies.js';
import { createActivities, type Activities } from '../../activities/index.js';
import { createActivityInterceptor } from '../../activities/interceptor.js';
import { createOwnAccountRule } from '../../activities/provider/account-identity.js';
import { ensureAccountOpened } from '../../activities/provider/account-opening.js';
import { findUnclear } from '../../activities/provider/deposit-wallet.js';
import { BalancesMovingError } from '../../activities/provider/provider-balances.js';
import type { Config, ConfigFor } from '../config/config.js';
import { providerSyncQueue } from '../domain/identifiers.js';
import type { SeenStore } from '../store/controls/seen-store.js';
import type { Store } from '../store/store.js';
import type { IsOwnAccount, QbitPayClient } from '../qbitpay/client.js';
import { QbitPayError } from '../qbitpay/errors.js';
import { createPayoutGateway } from '../temporal/payout-gateway.js';
import { ensureForeverWorkflows, ensureReconciliation } from '../temporal/schedules.js';
import { ensureSearchAttributes, type SearchAttributeSetup } from '../temporal/search-attribute-setup.js';
import {
  createProviderClient,
  openServingStore,
  toActivitySettings,
  type TemporalAccess,
} from './create-parts.js';
import { StartError, type RunningPart } from './main.js';
import { WORKFLOW_BUNDLE_PATH } from './project-files.js';

export type RunningWorker = Required<RunningPart>;

/** What may be different from a worker as `npm run worker` starts it. */
export interface WorkerVariations {
  /** What the store calls the provider. @default its URL */
  readonly providerName?: string;
  /** Where the workflows are. @default the bundle of the build */
  readonly workflowBundlePath?: string;
  /** How the supervisor looks at open payouts. @default every 30 s, at those that were left alone for 60 s */
  readonly supervision?: SupervisionSettings;
  /** How often Temporal is looked at for what the engine stands on. @default once a minute */
  readonly upkeepIntervalMs?: number;
  /** Whether an account is the engine's. @default by what it showed before */
  readonly isOwnAccount?: IsOwnAccount;
  /** Makes the activities: the fault campaign ends processes on purpose and plants mistakes to see that they are found. */
  readonly makeActivities?: (deps: ActivityDependencies) => Activities;
}

const SUPERVISION: SupervisionSettings = { minimumAgeSeconds: 60, intervalMs: 30_000 };
const UPKEEP_INTERVAL_MS = 60_000;
const UPKEEP_TIMEOUT_MS = 30_000;

/**
 * Starts a worker: connects, checks what it stands on, then takes tasks.
 * @throws OtherProviderError when the store belongs to another provider than `providerName`: its payouts in flight
 *   would be carried on with the wrong money
 */
export async function startWorker(
  config: ConfigFor<'worker'>,
  temporal: TemporalAccess,
  logger: Logger,
  { providerName = config.qbitpay.baseUrl, isOwnAccount, ...variations }: WorkerVariations = {},
): Promise<RunningWorker> {
  const store = await openServingStore(config, logger);
  const qbitpay = await createProviderClient(config, isOwnAccount ?? createOwnAccountRule(store));
  let connection: NativeConnection | undefined;
  /** Also after a start or a drain that failed: what stays open would keep the process from ending. */
  const release = async (): Promise<void> => {
    await connection?.close();
    qbitpay.close();
    await store.close();
  };
  try {
    await store.claimForProvider(providerName);
    await openAccount(store, qbitpay, config, logger);
    if ((await prepareTemporal(config, temporal, logger)).kind === 'notChecked') {
      logger.warn('the search attributes could not be checked: see that all of them are registered');
    }
    connection = await NativeConnection.connect(temporal.connectionOptions);
    const stopping = new AbortController();
    const seen: SeenStore = {
      startWish: await store.mirror.wishForSync('a worker has started'),
      place: undefined,
    };
    await store.watchStore(seen);
    const parts = { store, qbitpay, seen, stopping: stopping.signal, ...variations };
    const workers = await createWorkers(config, temporal, connection, parts);
    const timers = [
      countRequests(store, qbitpay, logger),
      keepPrepared(config, temporal, logger, variations.upkeepIntervalMs ?? UPKEEP_INTERVAL_MS),
    ];
    const run = Promise.all(workers.map((worker) => worker.run())).finally(() => {
      for (const stopTimer of timers) stopTimer();
    });
    logger.info({ taskQueue: config.temporal.taskQueue }, 'worker takes tasks');
    return {
      failed: run.then(() => new Promise<never>(() => undefined)),
      stop: async () => {
        for (const worker of workers) worker.shutdown();
        // What runs for ever would go on for as long as the others may take.
        stopping.abort();
        await run.finally(release);
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Sees to it that Temporal has what the engine stands on: search attributes, the schedule, workflows that run for ever. */
async function prepareTemporal(
  config: Config,
  { client, namespace }: TemporalAccess,
  logger: Logger,
): Promise<SearchAttributeSetup> {
  const setup = await ensureSearchAttributes(client, namespace);
  if (setup.kind === 'complete' && setup.registered.length > 0) {
    logger.info({ registered: setup.registered }, 'search attributes registered');
  }
  const { taskQueue } = config.temporal;
  await ensureReconciliation(client, taskQueue, config.reconciliation.intervalSeconds);
  await ensureForeverWorkflows(client, taskQueue);
  return setup;
}

/**
 * The same again and again: a person may have ended something, or Temporal may have lost its database. While Temporal is
 * away that is nothing new. Answers with how to stop it.
 */
function keepPrepared(
  config: Config,
  temporal: TemporalAccess,
  logger: Logger,
  intervalMs: number,
): () => void {
  const { client } = temporal;
  const timer = setInterval(() => {
    client
      .withDeadline(Date.now() + UPKEEP_TIMEOUT_MS, () => prepareTemporal(config, temporal, logger))
      .catch((error: unknown) => logger.debug({ err: error }, 'Temporal could not be prepared now'));
  }, intervalMs);
  return () => clearInterval(timer);
}

/**
 * What was in the account before the engine; written down once. Without QbitPay the first sync sees to it.
 * @throws StartError when nobody could say which of several wallets deposits go to
 */
async function openAccount(
  store: Store,
  qbitpay: QbitPayClient,
  { qbitpay: { networks, depositAddresses } }: ConfigFor<'worker'>,
  logger: Logger,
): Promise<void> {
  try {
    const [unclear] = findUnclear(await qbitpay.getAccount(), Object.keys(networks), depositAddresses);
    if (unclear !== undefined) {
      throw new StartError(
        `which wallet do deposits in ${unclear} go to? QBITPAY_DEPOSIT_ADDRESSES names one of the account's`,
      );
    }
    await ensureAccountOpened({ store, qbitpay });
  } catch (error) {
    if (!(error instanceof QbitPayError || error instanceof BalancesMovingError)) throw error;
    logger.warn({ reason: error.name }, 'the account cannot be read now: its balances are read later');
  }
}

async function createWorkers(
  config: ConfigFor<'worker'>,
  { client, namespace }: TemporalAccess,
  connection: NativeConnection,
  parts: Omit<WorkerVariations, 'providerName' | 'isOwnAccount'> &
    Pick<ActivityDependencies, 'store' | 'qbitpay' | 'seen' | 'stopping'>,
): Promise<readonly Worker[]> {
  const { supervision = SUPERVISION, makeActivities = createActivities } = parts;
  const { taskQueue } = config.temporal;
  const options: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    interceptors: { activity: [createActivityInterceptor(parts.store)] },
    activities: makeActivities({
      ...parts,
      settings: toActivitySettings(config),
      supervision,
      payoutRuns: createPayoutGateway({ client, taskQueue }),
    }),
    // By default a heartbeat may wait for most of its time-out: a short break of the network would then look like
    // a dead sender.
    maxHeartbeatThrottleInterval: '5s',
    // Zero by default: a deploy would cut a request that moves money.
    shutdownGraceTime: `${config.shutdownTimeoutSeconds}s`,
    shutdownForceTime: `${config.shutdownTimeoutSeconds + 2}s`,
  };
  return Promise.all([
    Worker.create({
      ...options,
      taskQueue,
      workflowBundle: { codePath: parts.workflowBundlePath ?? WORKFLOW_BUNDLE_PATH },
      // Each needs the database for moments only; the pool has a third as many connections.
      maxConcurrentActivityTaskExecutions: 40,
      // With the default a burst of starts crawls: new workflows are polled for by two pollers only.
      nonStickyToStickyPollRatio: 0.5,
    }),
    Worker.create({
      ...options,
      taskQueue: providerSyncQueue(taskQueue),
      maxConcurrentActivityTaskExecutions: 1,
    }),
  ]);
}

const COUNT_EVERY_MS = 10_000;

/** Tells the store, now and then, how many requests this process sends to QbitPay. */
function countRequests(store: Store, { observed }: QbitPayClient, logger: Logger): () => void {
  const timer = setInterval(() => {
    store.mirror
      .countRequests(observed.requests.splice(0))
      .catch((error: unknown) => logger.warn({ err: error }, 'requests to QbitPay are not counted'));
  }, COUNT_EVERY_MS);
  return () => clearInterval(timer);
}

/** Once per process: the SDK's own messages go where the others go, and signals are the engine's business. */
export function installTemporalRuntime(logger: Logger): void {
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('TRACE', ({ level, message, meta }) =>
      logger[levels[level]](meta ?? {}, message),
    ),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}
