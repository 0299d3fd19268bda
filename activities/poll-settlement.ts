import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';
import { readSettlement, type Settlement, type SettlementInput } from './settlement-reading.js';

export interface PollSettlementInput extends SettlementInput {
  readonly pollIntervalMs: number;
}

/** Reads an accepted payout until it is settled: the fallback for webhooks, which do get lost. */
export function createPollSettlement(deps: ActivityDependencies) {
  return async function pollSettlement(input: PollSettlementInput): Promise<Settlement> {
    const settlement = await readSettlement(deps, input);
    if (!settlement.settled) throw notYet('the payout is not settled', input.pollIntervalMs);
    return settlement;
  };
}
