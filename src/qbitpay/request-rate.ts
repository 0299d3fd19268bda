import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';

const PRIORITY = { post: 1, read: 0 } as const;

/**
 * Resolves when the next request may go out: in the order of the calls, but before all reads what moves money, which must
 * leave within seconds or not at all.
 */
export type WaitForTurn = (urgency: keyof typeof PRIORITY) => Promise<void>;

/**
 * One request at a time, and after each the queue rests: a burst and what follows it could exceed the provider's limit
 * together. The queue's own intervals are read off the wall clock and would stand still while it is set back.
 * @throws RangeError unless `maxRequestsPerSecond` is above 0; fractions such as 0.5 are fine.
 */
export function createRequestRate(maxRequestsPerSecond: number): WaitForTurn {
  if (!Number.isFinite(maxRequestsPerSecond) || maxRequestsPerSecond <= 0) {
    throw new RangeError('maxRequestsPerSecond is not a number above 0');
  }
  const restMs = Math.ceil(1_000 / maxRequestsPerSecond);
  const queue = new PQueue({ concurrency: 1 });
  return (urgency) =>
    new Promise((resolve) => {
      const takeTurn = (): Promise<void> => {
        resolve();
        return sleep(restMs);
      };
      void queue.add(takeTurn, { priority: PRIORITY[urgency] });
    });
}
