import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutState } from '../payout-state.js';
import { RetryLaterError } from '../retry-later.js';
import { holdForOrder, readOrder, type OrderProgress } from './order-reading.js';

export interface PollOrderInput {
  readonly payoutId: string;
  readonly pollIntervalMs: number;
  /** How long an order is waited for that is not shown, or does not show what it moved. */
  readonly unknownOutcomeWaitSeconds: number;
  /** How far the executed price may be below the estimate, in basis points. */
  readonly maxSlippageBps: number;
}

/** Reads an accepted order until it has come to its end, and what it moved is known. */
export function createPollOrder(deps: ActivityDependencies) {
  return async function pollOrder(input: PollOrderInput): Promise<PayoutState<OrderProgress>> {
    const { payoutId, pollIntervalMs, unknownOutcomeWaitSeconds, maxSlippageBps } = input;
    const payout = await deps.store.payouts.getPayout(payoutId);
    const state = await readOrder(deps, payout, maxSlippageBps);
    if (state.next?.kind !== 'awaitOrder') return state;
    const { unclear } = state.next;
    if (unclear === undefined) throw new RetryLaterError('the order is pending', { afterMs: pollIntervalMs });
    if (unclear.forMs >= unknownOutcomeWaitSeconds * 1_000) {
      return holdForOrder(deps, payout, FAILURE_TYPE.ORDER_UNCLEAR, unclear.why);
    }
    throw new RetryLaterError(unclear.why, { afterMs: pollIntervalMs });
  };
}
