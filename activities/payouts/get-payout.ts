import type { ActivityDependencies } from '../dependencies.js';
import { readSettlement, type Settlement, type SettlementInput } from './settlement-reading.js';

/** Reads an accepted payout once, because a webhook hinted at a change. */
export function createGetPayout(deps: ActivityDependencies) {
  return async function getPayout(input: SettlementInput): Promise<Settlement> {
    return readSettlement(deps, input);
  };
}
