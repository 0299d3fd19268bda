import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';

/** `post` moves money and must leave within seconds or not at all; `background` is what keeps the mirror fresh. */
export type Urgency = 'post' | 'read' | 'background';

const PRIORITY: Readonly<Record<Urgency, number>> = { post: 2, read: 1, background: 0 };
/** The place in each row of turns that is the background's where it waits: it must not starve. */
const BACKGROUND_TURN = 10;

/** Resolves when the next request may go out: in the order of the calls, the more urgent ones first. */
export type WaitForTurn = (urgency: Urgency) => Promise<void>;

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
  const waiting: string[] = [];
  let turns = 0;
  let calls = 0;
  return (urgency) =>
    new Promise((resolve) => {
      calls += 1;
      const id = String(calls);
      if (urgency === 'background') waiting.push(id);
      const takeTurn = (): Promise<void> => {
        turns = urgency === 'background' ? 0 : turns + 1;
        if (urgency === 'background') waiting.splice(waiting.indexOf(id), 1);
        resolve();
        const [next] = waiting;
        if (turns >= BACKGROUND_TURN - 1 && next !== undefined) queue.setPriority(next, PRIORITY.post + 1);
        return sleep(restMs);
      };
      void queue.add(takeTurn, { id, priority: PRIORITY[urgency] });
    });
}
