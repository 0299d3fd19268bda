import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { isOutage } from '../api/outage.js';
import { StoreNotMigratedError } from '../store/migrations/migrator.js';
import { NotReadError } from '../store/reconciliation/reconciliation.js';
import { OtherProviderError } from '../store/controls/engine-settings.js';
import {
  ConfigError,
  readConfig,
  withoutEmptyValues,
  type ConfigFor,
  type Environment,
  type ProcessName,
} from '../config/config.js';
import { createLogger } from '../config/logger.js';
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

/** A part of the engine that runs in this process until it is stopped. */
export interface RunningPart {
  /** Ends the part: no new work first, then what is in flight, within the configured time. */
  stop(): Promise<void>;
  /** Rejects when the part breaks by itself; never resolves. */
  readonly failed?: Promise<never>;
}

interface ProcessParts<Name extends ProcessName> {
  readonly env: Environment;
  readonly config: ConfigFor<Name>;
  readonly logger: Logger;
}

/** Beyond the drain: closing connections takes a moment, too. */
const EXIT_GRACE_MS = 5_000;

/**
 * Starts a part in this process and runs it until a signal, then stops it; a stop that takes longer than its bound ends
 * the process with an error, and so does, at once, a part that breaks by itself.
 */
export async function runAsProcess<Name extends ProcessName>(
  name: Name,
  start: (parts: ProcessParts<Name>) => Promise<RunningPart>,
): Promise<never> {
  return runMain(async (env) => {
    const config = readConfig(env, name);
    const logger = createLogger({ level: config.logLevel, name });
    const part = await start({ env, config, logger });
    const signal = await Promise.race([nextSignal(), ...(part.failed ? [part.failed] : [])]);
    logger.info({ signal }, 'stopping');
    const boundMs = config.shutdownTimeoutSeconds * 1_000 + EXIT_GRACE_MS;
    setTimeout(() => {
      logger.error('not stopped in time');
      process.exit(1);
    }, boundMs);
    await part.stop();
    logger.info('stopped');
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal that asks to stop. The handlers stay: npm and the terminal both pass Ctrl-C on, and a second
 * signal must not end the process before it has stopped what it started.
 */
export function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, resolve);
  });
}
