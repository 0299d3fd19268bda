import { log } from '@temporalio/activity';
import pRetry from 'p-retry';

/** Well within the time that a request which moves money has as an activity. */
const PATIENCE_MS = 100_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Writes what only this process knows: the provider's answer to a request that is never sent again. A database that is
 * away for a moment must not turn a known outcome into an unknown one.
 */
export async function persistWithRetry<T>(write: () => Promise<T>): Promise<T> {
  return pRetry(() => write().catch(asRetryable), {
    retries: Infinity,
    minTimeout: FIRST_PAUSE_MS,
    maxTimeout: LONGEST_PAUSE_MS,
    maxRetryTime: PATIENCE_MS,
    randomize: true,
    onFailedAttempt: ({ attemptNumber: attempt, error }) => {
      log.warn('the store did not take an answer of the provider; trying again', {
        attempt,
        error: error.message,
      });
    },
  });
}

/** p-retry takes a TypeError for a bug and gives up at once. Here nothing is given up before the time is over. */
function asRetryable(error: unknown): never {
  throw error instanceof TypeError ? new Error(error.message, { cause: error }) : error;
}
