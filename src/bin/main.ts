import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isOutage } from '../api/outage.js';
import { StoreNotMigratedError } from '../store/migrations/migrator.js';
import { NotReadError } from '../store/reconciliation/reconciliation.js';
import { OtherProviderError } from '../store/controls/engine-settings.js';
import { ConfigError, withoutEmptyValues, type Environment } from '../config/config.js';
import { PortUnavailableError } from '../embedded/choose-port.js';
import { StateDirectoryInUseError } from '../embedded/state-directory.js';
import { QbitPayError } from '../qbitpay/errors.js';
import { MissingSearchAttributesError } from '../temporal/search-attribute-setup.js';

/** A start that cannot go on, with a message for whoever started it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * The flags that this process was called with.
 * @throws StartError with the usage for any other argument
 */
export function readFlags<Flag extends string>(flags: readonly Flag[], usage: string): Record<Flag, boolean> {
  const options = flags.map((flag) => [flag, { type: 'boolean', default: false }] as const);
  try {
    return parseArgs({ options: Object.fromEntries(options) }).values as Record<Flag, boolean>;
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : 'unknown option'}: ${usage}`);
  }
}

/** Faults of the surroundings: their message says what to do, a stack would only hide it. */
const EXPLAINED_ERRORS = [
  StoreNotMigratedError,
  ConfigError,
  MissingSearchAttributesError,
  NotReadError,
  OtherProviderError,
  PortUnavailableError,
  QbitPayError,
  StartError,
  StateDirectoryInUseError,
];

/**
 * Runs a process's main function with its environment (`.env` included) and exits: with the code that it answers, 0
 * where it answers none, or with `failureCode` when it fails.
 */
export async function runMain(main: (env: Environment) => Promise<unknown>, failureCode = 1): Promise<never> {
  try {
    if (existsSync('.env')) process.loadEnvFile('.env');
    const code = await main(withoutEmptyValues(process.env));
    process.exit(typeof code === 'number' ? code : 0);
  } catch (error) {
    const isExplained = EXPLAINED_ERRORS.some((known) => error instanceof known) || isOutage(error);
    console.error(isExplained && error instanceof Error ? error.message : error);
    process.exit(failureCode);
  }
}
