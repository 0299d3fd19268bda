import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../config/config.js';
import { readEndpoints } from '../embedded/endpoints.js';

/** What `npm start` calls its provider in the store; a URL would change with every port. */
export const EMBEDDED_SIMULATOR = 'embedded simulator';

export const STATE_DIRECTORY = '.payouts';

export interface LocalEnvironment {
  readonly env: Environment;
  /** Undefined: the one that QBITPAY_BASE_URL names. */
  readonly providerName: string | undefined;
}

/** The environment, completed by what an engine that runs in this folder (`npm start`) has embedded. */
export async function withLocalEngine(
  env: Environment,
  stateDirectory: string = STATE_DIRECTORY,
): Promise<LocalEnvironment> {
  const endpoints = await readEndpoints(stateDirectory);
  if (endpoints === undefined) return { env, providerName: undefined };
  const { postgres, simulator, temporalAddress } = endpoints;
  const isEmbedded = env['QBITPAY_BASE_URL'] === undefined && simulator !== undefined;
  return {
    env: {
      TEMPORAL_ADDRESS: temporalAddress,
      ...(postgres === undefined || env['DATABASE_URL'] !== undefined
        ? {}
        : { DATABASE_URL: await withPassword(postgres, stateDirectory) }),
      ...(isEmbedded
        ? {
            QBITPAY_BASE_URL: simulator,
            QBITPAY_API_KEY: await readState(stateDirectory, 'simulator-key'),
            QBITPAY_FEE_SIDE: 'added',
            QBITPAY_NETWORKS: 'USDT:TRC20',
          }
        : {}),
      ...env,
    },
    providerName: isEmbedded ? EMBEDDED_SIMULATOR : undefined,
  };
}

async function withPassword(databaseUrl: string, stateDirectory: string): Promise<string> {
  const url = new URL(databaseUrl);
  url.password = await readState(stateDirectory, 'postgres-password');
  return url.href;
}

async function readState(stateDirectory: string, fileName: string): Promise<string> {
  return (await readFile(join(stateDirectory, fileName), 'utf8')).trim();
}

/** A random key in the state directory, made at the first start and readable by its owner only. */
export async function readOrCreateKey(stateDirectory: string, fileName: string): Promise<string> {
  const path = join(stateDirectory, fileName);
  try {
    return await readState(stateDirectory, fileName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const key = randomBytes(24).toString('base64url');
    // Renamed into place: a start that is killed leaves no empty key behind.
    await writeFile(`${path}.new`, `${key}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return key;
  }
}
