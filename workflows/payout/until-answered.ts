import { isCancellation, sleep } from '@temporalio/workflow';
import { backoffMs } from '../../src/domain/backoff.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { awaitProvider } from '../activity-options.js';
import { failureTypeOf, retryAfterMsOf } from '../failures.js';
import { showWaiting, type PayoutRun } from './payout-run.js';

/**
 * Calls an activity until it answers. What its own retries did not overcome (an outage, a refused key) is
 * shown as the reason for waiting; when the provider answers again, the call is made again.
 */
export async function untilAnswered<T>(run: PayoutRun, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await call();
      showWaiting(run, null);
      return answer;
    } catch (error) {
      if (isCancellation(error)) throw error;
      await waitBecauseOf(run, failureTypeOf(error), attempt, retryAfterMsOf(error));
    }
  }
}

/** A request that is refused on its own, time and again, is made less often: every time adds to the history. */
const PATIENT_ATTEMPTS = 100;
const PATIENT_PAUSE_MS = 3_600_000;

/**
 * Shows the reason, waits as long as the provider asked for and until it answers, and then longer with every attempt,
 * should it refuse just this request.
 */
export async function waitBecauseOf(
  run: PayoutRun,
  reason: FailureType,
  attempt: number,
  leastMs = 0,
): Promise<void> {
  showWaiting(run, reason);
  // A step that the engine itself did not finish does not wait for the provider.
  if (reason !== FAILURE_TYPE.ENGINE_UNAVAILABLE) {
    await awaitProvider(run.policy, reason, run.payoutId, leastMs);
  }
  const { retryInitialMs, retryMaxMs } = run.policy;
  const longest = attempt > PATIENT_ATTEMPTS ? Math.max(retryMaxMs, PATIENT_PAUSE_MS) : retryMaxMs;
  await sleep(backoffMs(attempt, retryInitialMs, longest, Math.random()), { summary: `waiting: ${reason}` });
  showWaiting(run, null);
}
