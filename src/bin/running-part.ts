import type { Logger } from 'pino';
import { readConfig, type ConfigFor, type Environment, type ProcessName } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import { runMain } from './main.js';

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
