import { DEFAULT_PAYOUT_POLICY } from '../../src/domain/policy.js';
import type { ActivityDependencies } from '../dependencies.js';
import { RetryLaterError } from '../retry-later.js';
import { holdUnclear, readOrder, type OrderProgress } from './order-reading.js';

export interface PollOrderInput {
  readonly payoutId: string;
  readonly pollIntervalMs: number;
  /** How long an order is waited for that is not shown, or does not show what it moved. @default 900 */
  readonly unknownOutcomeWaitSeconds?: number;
  /** How far the executed price may be below the estimate, in basis points; any, where an older input does not say. */
  readonly maxSlippageBps?: number;
}

/** Reads an accepted order until it has come to its end, and what it moved is known. */
export function createPollOrder(deps: ActivityDependencies) {
  return async function pollOrder(input: PollOrderInput): Promise<OrderProgress> {
    const { payoutId, pollIntervalMs } = input;
    const { unknownOutcomeWaitSeconds = DEFAULT_PAYOUT_POLICY.unknownOutcomeWaitSeconds, maxSlippageBps } =
      input;
    const payout = await deps.store.payouts.getPayout(payoutId);
    const progress = await readOrder(deps, payout, maxSlippageBps);
    if (progress.kind !== 'pending') return progress;
    const { unclear } = progress;
    if (unclear === undefined) throw new RetryLaterError('the order is pending', { afterMs: pollIntervalMs });
    if (unclear.forMs >= unknownOutcomeWaitSeconds * 1_000) return holdUnclear(deps, payout, unclear.why);
    throw new RetryLaterError(unclear.why, { afterMs: pollIntervalMs });
  };
}
