import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { openStore, type Store } from '../store/store.js';
import { StoreNotMigratedError } from '../store/migrations/migrator.js';
import type { ApiKeySetting, Environment } from '../config/config.js';
import { withoutEmptyValues } from '../config/config.js';
import { createApiKeyFile, createStaticApiKey, type ApiKeySource } from '../qbitpay/api-key.js';
import { createTemporalClient, readTemporalSettings, type TemporalSettings } from '../temporal/connection.js';
import { StartError } from './start-error.js';

/** What worker and API both stand on. */

export async function createApiKeySource(setting: ApiKeySetting): Promise<ApiKeySource> {
  return setting.kind === 'file' ? createApiKeyFile(setting.path) : createStaticApiKey(setting.value);
}

/**
 * @throws StoreNotMigratedError when the database is not of this version
 * @throws StartError when it does not answer, or refuses
 */
export async function openMigratedStore(url: string, logger: Logger): Promise<Store> {
  const store = openStore({
    url,
    onIdleError: (error) => logger.warn({ err: error }, 'database connection lost'),
  });
  try {
    await store.assertMigrated();
    return store;
  } catch (error) {
    await store.close();
    throw error instanceof StoreNotMigratedError ? error : databaseUnusable(error);
  }
}

/** The driver's words name host, user and database, and never the password. */
function databaseUnusable(error: unknown): StartError {
  const { message, code } = error as NodeJS.ErrnoException;
  // Where a name has several addresses, the error that sums up their errors has a code only.
  const reason = message === '' ? code : message;
  return new StartError(`the database cannot be used: ${reason ?? 'no reason is given'}`);
}

export interface TemporalAccess {
  readonly settings: TemporalSettings;
  readonly client: Client;
}

export function createTemporalAccess(env: Environment): TemporalAccess {
  const settings = readTemporalSettings(withoutEmptyValues(env));
  return { settings, client: createTemporalClient(settings) };
}
