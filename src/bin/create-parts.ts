import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Logger } from 'pino';
import type { ActivitySettings } from '../../activities/dependencies.js';
import {
  withoutEmptyValues,
  type ApiKeySetting,
  type Config,
  type ConfigFor,
  type Environment,
  type QbitPayConfig,
} from '../config/config.js';
import { createApiKeyFile, createStaticApiKey, type ApiKeySource } from '../qbitpay/api-key.js';
import { createQbitPayClient, type IsOwnAccount, type QbitPayClient } from '../qbitpay/client.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../simulator/server.js';
import { StoreNotMigratedError } from '../store/migrations/migrator.js';
import { openStore, type Store } from '../store/store.js';
import { StartError } from './main.js';

/* What the processes are made of, as the configuration says it. */

export async function createApiKeySource(setting: ApiKeySetting): Promise<ApiKeySource> {
  return setting.kind === 'file' ? createApiKeyFile(setting.path) : createStaticApiKey(setting.value);
}

export async function createProviderClient(
  { qbitpay }: ConfigFor<'worker'>,
  isOwnAccount: IsOwnAccount,
): Promise<QbitPayClient> {
  const { baseUrl, maxRequestsPerSecond } = qbitpay;
  return createQbitPayClient({
    baseUrl,
    apiKey: await createApiKeySource(qbitpay.apiKey),
    isOwnAccount,
    ...(maxRequestsPerSecond === undefined ? {} : { maxRequestsPerSecond }),
  });
}

/** The simulator as the engine's settings want their provider to be. */
export async function startConfiguredSimulator(
  { feeSide, webhookAlgorithm, livemode }: QbitPayConfig,
  logger: Logger,
  place: Required<Pick<SimulatorOptions, 'apiKey' | 'host' | 'port' | 'stateDirectory' | 'webhookUrl'>>,
): Promise<Simulator> {
  return startSimulator({
    ...place,
    stateDirectory: join(place.stateDirectory, 'simulator'),
    feeSide,
    webhookAlgorithm,
    livemode,
    log: (line) => logger.warn(line),
  });
}

export function toActivitySettings({ qbitpay, ...config }: Config): ActivitySettings {
  const { feeSide, networks, depositAddresses, depositProof } = qbitpay;
  const {
    brakeAfterDifferences,
    depositTailDigits,
    isAccountShared,
    maxPayoutAmounts,
    maxPriceChangeBps,
    reconciliation,
    resendLimits,
    sync,
  } = config;
  return {
    ...{ feeSide, networks, depositAddresses, depositProof, depositTailDigits },
    ...{
      brakeAfterDifferences,
      isAccountShared,
      maxPayoutAmounts,
      maxPriceChangeBps,
      reconciliation,
      resendLimits,
      sync,
    },
  };
}

type DatabaseConfig = Pick<ConfigFor<'migrate'>, 'databaseUrl' | 'maxDatabaseConnections'>;

function openLoggedStore({ databaseUrl, maxDatabaseConnections }: DatabaseConfig, logger: Logger): Store {
  return openStore({
    url: databaseUrl,
    maxConnections: maxDatabaseConnections,
    onIdleError: (error) => logger.warn({ err: error }, 'database connection lost'),
  });
}

/** Brings the database to this version; answers what was applied. */
export async function migrateDatabase(config: DatabaseConfig, logger: Logger): Promise<readonly string[]> {
  const store = openLoggedStore(config, logger);
  try {
    return await store.migrate();
  } finally {
    await store.close();
  }
}

/**
 * @throws StoreNotMigratedError when the database is not of this version
 * @throws StartError when it does not answer, or refuses
 */
export async function openMigratedStore(config: DatabaseConfig, logger: Logger): Promise<Store> {
  const store = openLoggedStore(config, logger);
  try {
    await store.assertMigrated();
    return store;
  } catch (error) {
    await store.close();
    throw error instanceof StoreNotMigratedError ? error : databaseUnusable(error);
  }
}

/**
 * As {@link openMigratedStore}, for a process that stays: it says how many connections it may open.
 * @throws StartError when the database has fewer places than that
 */
export async function openServingStore(config: DatabaseConfig, logger: Logger): Promise<Store> {
  const store = await openMigratedStore(config, logger);
  try {
    await sayBudget(store, config, logger);
    return store;
  } catch (error) {
    await store.close();
    throw error instanceof StartError ? error : databaseUnusable(error);
  }
}

/** What this process may open, and what all of the engine that are connected now may. */
async function sayBudget(
  store: Store,
  { maxDatabaseConnections: own }: DatabaseConfig,
  logger: Logger,
): Promise<void> {
  const { mayOpen, limit } = await store.readBudget();
  const budget = { own, allProcesses: mayOpen, limit };
  const advice = 'lower DATABASE_MAX_CONNECTIONS, or raise max_connections of the server';
  if (own > limit)
    throw new StartError(
      `this process may open ${own} connections, and the database has ${limit}: ${advice}`,
    );
  if (mayOpen > limit)
    logger.warn(budget, `the processes may open more connections than the database has: ${advice}`);
  else logger.info(budget, 'connections to the database');
}

/** The driver's words name host, user and database, and never the password. */
function databaseUnusable(error: unknown): StartError {
  const { message, code } = error as NodeJS.ErrnoException;
  // Where a name has several addresses, the error that sums up their errors has a code only.
  const reason = message === '' ? code : message;
  return new StartError(`the database cannot be used: ${reason ?? 'no reason is given'}`);
}

export type TemporalAccess = ReturnType<typeof createTemporalAccess>;

/**
 * How to reach Temporal, as the SDK's environment configuration says it (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`,
 * `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`, profiles). The client connects at the first call, so that a process starts, and
 * says what is wrong, while Temporal is down.
 */
export function createTemporalAccess(env: Environment) {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: withoutEmptyValues(env),
  });
  const client = new Client({ connection: Connection.lazy(connectionOptions), namespace });
  return { connectionOptions, namespace, client };
}
