import { activityInfo } from '@temporalio/activity';
import type { FailureType } from '../../src/domain/failure-type.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { PayoutState } from '../payout-state.js';
import { RetryLaterError } from '../retry-later.js';
import { readSettlement, type SettlementInput } from './settlement-reading.js';

export interface PollSettlementInput extends SettlementInput {
  readonly pollIntervalMs: number;
  /** Why the payout is held while it is polled, null where it is not; another reason is an answer. */
  readonly holdReason: FailureType | null;
}

/**
 * Reads an accepted payout until it is settled: the fallback for webhooks, which do get lost. The payout was accepted a
 * moment ago, so that the first attempt only starts the clock.
 */
export function createPollSettlement(deps: ActivityDependencies) {
  return async function pollSettlement(input: PollSettlementInput): Promise<PayoutState> {
    const afterMs = input.pollIntervalMs;
    if (activityInfo().attempt === 1) throw new RetryLaterError('just accepted', { afterMs });
    const state = await readSettlement(deps, input);
    const isHeldAnew = state.status === PAYOUT_STATUS.HELD && state.holdReason !== input.holdReason;
    if (isFinalStatus(state.status) || isHeldAnew) return state;
    throw new RetryLaterError('the payout is not settled', { afterMs });
  };
}
