import { CancellationScope } from '@temporalio/workflow';
import type { CloseFundingInput, CloseFundingResult } from '../../activities/payouts/close-funding.js';
import { FAILURES } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { closeFunding } from '../activity-options.js';
import { failureTypeOf, refusal } from '../failures.js';
import { syncStatus, type PayoutRun } from './payout-run.js';

const DETAILS: Readonly<Record<CloseFundingInput['to'], string>> = {
  cancelled: 'cancelled',
  expired: 'no deposit came before the deadline',
  failed: 'refused for good',
  rejected: 'cannot be carried out as asked',
};

interface Closing {
  readonly failure?: NonNullable<CloseFundingInput['failure']>;
  /** One line for the timeline. @default what the end says */
  readonly detail?: string;
}

/** Ends the payout in the store, if it is not too late there. */
export async function closePayout(
  run: PayoutRun,
  to: CloseFundingInput['to'],
  { failure, detail = DETAILS[to] }: Closing = {},
): Promise<CloseFundingResult> {
  const { payoutId } = run;
  const result = await closeFunding({
    payoutId,
    to,
    detail: failure === undefined ? detail : `${detail}: ${failure.message}`,
    failure: failure === undefined ? null : { type: failure.type, message: failure.message },
  });
  // A refused cancellation changes nothing; any other step that wanted to end the payout goes on from the store.
  if (!result.ok && to === PAYOUT_STATUS.CANCELLED) return result;
  // The provider's own words stay in the store: they may name the recipient.
  const shown = failure === undefined ? detail : `${detail}: ${FAILURES[failure.type].meaning}`;
  syncStatus(run, result, result.ok ? shown : undefined);
  return result;
}

/**
 * Cancels on behalf of `actor`, unless it is too late. The steps end, wherever they are waiting.
 * @throws ApplicationFailure of why QbitPay could not be read, where it has to be
 */
export async function cancelFunding(
  run: PayoutRun,
  actor: string,
  reason?: string,
): Promise<CloseFundingResult> {
  const detail = `cancelled by ${actor}${reason === undefined ? '' : `: ${reason}`}`;
  try {
    const result = await CancellationScope.nonCancellable(() => closePayout(run, 'cancelled', { detail }));
    if (result.ok) run.scope.cancel();
    return result;
  } catch (error) {
    const reason = failureTypeOf(error);
    throw refusal(reason, FAILURES[reason].meaning);
  }
}
