import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from './store-changes.js';
import { nextChange } from './store-changes.js';

/** Bounds, not measures: the servers are shared, and machines are slow at times. */
const TIMEOUT_MS = 200_000;
/** Of what happens outside the stores there is no event. */
const LONGEST_PAUSE_MS = 150;
/** Where a change is sure to tell: longer than any test needs. */
const LONGEST_PAUSE_FOR_REASON_MS = 1_000;
/** Changes come in bursts: whoever waits for any asks once about those that come together. */
const BURST_MS = 20;

/**
 * Asks again and again until the answer is the wanted one: whenever the store of an engine of this test file changed,
 * or some time after the last question.
 * @param isReason which changes are worth a question. @default every one
 */
export async function untilAnswer<T>(
  ask: () => Promise<T>,
  isWanted: (answer: T) => boolean,
  what: string,
  isReason?: (change: Change) => boolean,
): Promise<T> {
  let last: T | undefined;
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline;) {
    // Before the question, so that no change between it and the wait is missed.
    const changed = nextChange(
      isReason === undefined ? LONGEST_PAUSE_MS : LONGEST_PAUSE_FOR_REASON_MS,
      isReason,
    );
    last = await ask();
    if (isWanted(last)) return last;
    await changed;
    if (isReason === undefined) await delay(BURST_MS);
  }
  throw new Error(`not in time: ${what}; last answer: ${JSON.stringify(last)}`);
}
