import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutState } from '../payout-state.js';
import { holdForOrder, readOrder, type OrderProgress } from './order-reading.js';

export interface GetOrderInput extends Pick<PayoutPolicy, 'unknownOutcomeWaitSeconds' | 'maxSlippageBps'> {
  readonly payoutId: string;
}

/** What QbitPay shows of an accepted order, and what it moved, goes into the store. */
export function createGetOrder(deps: ActivityDependencies) {
  return async function getOrder(input: GetOrderInput): Promise<PayoutState<OrderProgress>> {
    const { payoutId, unknownOutcomeWaitSeconds, maxSlippageBps } = input;
    const payout = await deps.store.payouts.getPayout(payoutId);
    const state = await readOrder(deps, payout, maxSlippageBps);
    const unclear = state.next?.kind === 'awaitOrder' ? state.next.unclear : undefined;
    if (unclear === undefined || unclear.forMs < unknownOutcomeWaitSeconds * 1_000) return state;
    return holdForOrder(deps, payout, FAILURE_TYPE.ORDER_UNCLEAR, unclear.why);
  };
}
