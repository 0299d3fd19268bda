import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutState } from '../payout-state.js';
import { readSettlement, type SettlementInput } from './settlement-reading.js';

/** Reads an accepted payout once, because a webhook hinted at a change. */
export function createGetPayout(deps: ActivityDependencies) {
  return async function getPayout(input: SettlementInput): Promise<PayoutState> {
    return readSettlement(deps, input);
  };
}
