import { DEFAULT_PAYOUT_POLICY } from '../src/domain/policy.js';
import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';
import { holdUnclear, readOrder, type OrderProgress } from './order-reading.js';
import { watched } from './watched.js';

export interface PollOrderInput {
  readonly payoutId: string;
  readonly pollIntervalMs: number;
  /** How long what an order that has ended moved is waited for. @default 900 */
  readonly settleWindowSeconds?: number;
}

/** Reads an accepted order until it has come to its end, and what it moved is known. */
export function createPollOrder(deps: ActivityDependencies) {
  return async function pollOrder(input: PollOrderInput): Promise<OrderProgress> {
    const { payoutId, pollIntervalMs } = input;
    const { settleWindowSeconds = DEFAULT_PAYOUT_POLICY.settleWindowSeconds } = input;
    const payout = await deps.book.payouts.get(payoutId);
    const progress = await watched(deps.book, payoutId, () => readOrder(deps, payout));
    if (progress.kind !== 'pending') return progress;
    const { unclearForMs } = progress;
    if (unclearForMs === undefined) throw notYet('the order is pending', pollIntervalMs);
    if (unclearForMs >= settleWindowSeconds * 1_000) return holdUnclear(deps, payout);
    throw notYet('what the order moved is not shown yet', pollIntervalMs);
  };
}
