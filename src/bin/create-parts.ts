import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { openBook, type Book } from '../book/book.js';
import type { ApiKeySetting, Environment } from '../config/config.js';
import { withoutEmptyValues } from '../config/config.js';
import { createApiKeyFile, createStaticApiKey, type ApiKeySource } from '../qbitpay/api-key.js';
import { createTemporalClient, readTemporalSettings, type TemporalSettings } from '../temporal/connection.js';

/** What worker and API both stand on. */

export async function createApiKeySource(setting: ApiKeySetting): Promise<ApiKeySource> {
  return setting.kind === 'file' ? createApiKeyFile(setting.path) : createStaticApiKey(setting.value);
}

/** @throws BookNotMigratedError when the database is not of this version */
export async function openMigratedBook(url: string, logger: Logger): Promise<Book> {
  const book = openBook({
    url,
    onIdleError: (error) => logger.warn({ err: error }, 'database connection lost'),
  });
  try {
    await book.assertMigrated();
    return book;
  } catch (error) {
    await book.close();
    throw error;
  }
}

export interface TemporalAccess {
  readonly settings: TemporalSettings;
  readonly client: Client;
}

export function createTemporalAccess(env: Environment): TemporalAccess {
  const settings = readTemporalSettings(withoutEmptyValues(env));
  return { settings, client: createTemporalClient(settings) };
}
