import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { REQUEST_REASON, type RequestReason } from '../domain/request-reason.js';

const PRIORITY: Readonly<Record<RequestReason, number>> = { send: 2, step: 1, sync: 0 };
/** The place in each row of turns that is the sync's where it waits: it must not starve. */
const SYNC_TURN = 10;

/** Resolves when the next request may go out: in the order of the calls, the more urgent ones first. */
export type WaitForTurn = (reason: RequestReason) => Promise<void>;

/**
 * One request at a time, and after each the queue rests: a burst and what follows it could exceed the provider's limit
 * together. The queue's own intervals are read off the wall clock and would stand still while it is set back.
 * The rate is above 0; fractions such as 0.5 are fine.
 */
export function createRequestRate(maxRequestsPerSecond: number): WaitForTurn {
  const restMs = Math.ceil(1_000 / maxRequestsPerSecond);
  const queue = new PQueue({ concurrency: 1 });
  const waiting: string[] = [];
  let turns = 0;
  let calls = 0;
  return (reason) =>
    new Promise((resolve) => {
      calls += 1;
      const id = String(calls);
      if (reason === REQUEST_REASON.SYNC) waiting.push(id);
      const takeTurn = (): Promise<void> => {
        turns = reason === REQUEST_REASON.SYNC ? 0 : turns + 1;
        if (reason === REQUEST_REASON.SYNC) waiting.splice(waiting.indexOf(id), 1);
        resolve();
        const [next] = waiting;
        if (turns >= SYNC_TURN - 1 && next !== undefined) queue.setPriority(next, PRIORITY.send + 1);
        return sleep(restMs);
      };
      void queue.add(takeTurn, { id, priority: PRIORITY[reason] });
    });
}
