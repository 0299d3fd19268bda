import { FAILURES, type FailureType } from './failure-type.js';
import type { OperatorAction } from './operator-action.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from './payout-status.js';

/** Why an action makes no sense for a payout; undefined when it does. */
export function refuseAction(
  status: PayoutStatus,
  holdReason: FailureType | null,
  action: OperatorAction,
): string | undefined {
  if (isFinalStatus(status)) return `the payout has ended as ${status}`;
  if (status !== PAYOUT_STATUS.HELD || holdReason === null) return `the payout is ${status}, not held`;
  const { actions } = FAILURES[holdReason];
  if (actions.includes(action)) return undefined;
  return `the payout is held as ${holdReason}: possible are ${actions.join(', ')}`;
}
