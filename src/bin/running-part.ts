import type { Logger } from 'pino';

/** A part of the engine that runs in this process until it is stopped. */
export interface RunningPart {
  /** Ends the part: no new work first, then what is in flight, within the configured time. */
  stop(): Promise<void>;
}

/** Beyond the drain: closing connections takes a moment, too. */
const EXIT_GRACE_MS = 5_000;

/**
 * Runs a part until SIGTERM or SIGINT, then stops it; a stop that takes longer than its bound ends the process
 * with an error. `failed` ends it at once when the part breaks by itself.
 */
export async function runUntilSignal(
  logger: Logger,
  shutdownTimeoutSeconds: number,
  part: RunningPart,
  failed: Promise<never> = new Promise(() => undefined),
): Promise<void> {
  const signal = await Promise.race([nextSignal(), failed]);
  logger.info({ signal }, 'stopping');
  const bound = setTimeout(
    () => {
      logger.error('not stopped in time');
      process.exit(1);
    },
    shutdownTimeoutSeconds * 1_000 + EXIT_GRACE_MS,
  );
  await part.stop();
  clearTimeout(bound);
  logger.info('stopped');
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
