import { activityInfo } from '@temporalio/activity';
import type { ActivityDependencies } from './dependencies.js';
import { notYet } from './not-yet.js';
import { readSettlement, type Settlement, type SettlementInput } from './settlement-reading.js';

export interface PollSettlementInput extends SettlementInput {
  readonly pollIntervalMs: number;
}

/**
 * Reads an accepted payout until it is settled: the fallback for webhooks, which do get lost. The payout was
 * accepted a moment ago, so that the first attempt only starts the clock.
 */
export function createPollSettlement(deps: ActivityDependencies) {
  return async function pollSettlement(input: PollSettlementInput): Promise<Settlement> {
    if (activityInfo().attempt === 1) throw notYet('just accepted', input.pollIntervalMs);
    const settlement = await readSettlement(deps, input);
    if (!settlement.settled) throw notYet('the payout is not settled', input.pollIntervalMs);
    return settlement;
  };
}
