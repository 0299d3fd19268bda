import { setTimeout as delay } from 'node:timers/promises';
import { log } from '@temporalio/activity';
import { backoffMs } from '../src/domain/backoff.js';

/** Well within the time that a request which moves money has as an activity. */
const PATIENCE_MS = 100_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Writes what only this process knows: the provider's answer to a request that is never sent again. A database
 * that is away for a moment must not turn a known outcome into an unknown one.
 */
export async function persistWithRetry<T>(write: () => Promise<T>): Promise<T> {
  const givesUpAtMs = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (performance.now() > givesUpAtMs) throw error;
      log.warn('the store did not take an answer of the provider; trying again', {
        attempt,
        error: error instanceof Error ? error.message : 'unknown',
      });
      await delay(backoffMs(attempt, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Math.random()));
    }
  }
}
