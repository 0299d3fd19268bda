import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/config.js';

export const STATE_DIRECTORY = '.payouts';

const ENDPOINTS = 'endpoints.json';

/** Publishes where a running engine can be reached, by name ("api", "temporalUi", …), for commands and scripts. */
export async function writeEndpoints(
  stateDirectory: string,
  endpoints: Readonly<Record<string, string>>,
): Promise<void> {
  await writeState(stateDirectory, ENDPOINTS, JSON.stringify(endpoints, null, 2));
}

export async function removeEndpoints(stateDirectory: string): Promise<void> {
  await rm(join(stateDirectory, ENDPOINTS), { force: true });
}

/** The environment, completed by what an engine that runs in this folder (`npm start`) has embedded. */
export async function withLocalEngine(
  env: Environment,
  stateDirectory: string = STATE_DIRECTORY,
): Promise<Environment> {
  const published = await readState(stateDirectory, ENDPOINTS);
  if (published === undefined) return env;
  const { postgres, simulator, temporalAddress } = JSON.parse(published) as Record<string, string>;
  return {
    TEMPORAL_ADDRESS: temporalAddress,
    ...(postgres === undefined || env['DATABASE_URL'] !== undefined
      ? {}
      : { DATABASE_URL: await withPassword(postgres, stateDirectory) }),
    ...(simulator === undefined || env['QBITPAY_BASE_URL'] !== undefined
      ? {}
      : {
          QBITPAY_BASE_URL: simulator,
          QBITPAY_API_KEY: await readState(stateDirectory, 'simulator-key'),
          QBITPAY_FEE_SIDE: 'added',
          QBITPAY_NETWORKS: 'USDT:TRC20',
        }),
    ...env,
  };
}

async function withPassword(databaseUrl: string, stateDirectory: string): Promise<string> {
  const url = new URL(databaseUrl);
  url.password = (await readState(stateDirectory, 'postgres-password')) ?? '';
  return url.href;
}

/** A random key in the state directory, made at the first start. */
export async function readOrCreateKey(stateDirectory: string, fileName: string): Promise<string> {
  const stored = await readState(stateDirectory, fileName);
  if (stored !== undefined) return stored;
  const key = randomBytes(24).toString('base64url');
  await writeState(stateDirectory, fileName, key);
  return key;
}

async function readState(stateDirectory: string, fileName: string): Promise<string | undefined> {
  try {
    return (await readFile(join(stateDirectory, fileName), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Readable by its owner only; renamed into place, so that nobody reads half of it. */
async function writeState(stateDirectory: string, fileName: string, text: string): Promise<void> {
  const path = join(stateDirectory, fileName);
  await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
