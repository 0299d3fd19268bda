import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';
import { readOrder, type OrderProgress } from './order-reading.js';
import { watched } from './watched.js';

export interface PollOrderInput {
  readonly payoutId: string;
  readonly pollIntervalMs: number;
}

/** Reads an accepted order until it has come to its end, and what it moved is known. */
export function createPollOrder(deps: ActivityDependencies) {
  return async function pollOrder({ payoutId, pollIntervalMs }: PollOrderInput): Promise<OrderProgress> {
    const payout = await deps.book.payouts.get(payoutId);
    const progress = await watched(deps.book, payoutId, () => readOrder(deps, payout));
    if (progress.kind !== 'pending') return progress;
    const isEnded = progress.isEnded === true;
    throw notYet(isEnded ? 'what the order moved is not shown yet' : 'the order is pending', pollIntervalMs);
  };
}
