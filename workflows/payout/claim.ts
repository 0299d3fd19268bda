import { CancellationScope, condition } from '@temporalio/workflow';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { claimPayout } from '../activity-options.js';
import { refusal } from '../failures.js';
import { describeDeposit, noteDeposit } from './await-deposit.js';
import { REQUEST_CONFLICT } from './payout-messages.js';
import { syncStatus, type PayoutRun } from './payout-run.js';

/**
 * Takes the payout over from the store, which alone says what is carried out: its request, its waits, and where it is.
 * Refused, the run has nothing more to do.
 *
 * @throws ApplicationFailure INVALID_REQUEST or REQUEST_CONFLICT, by which the run ends and the payout does not
 */
export async function claim(run: PayoutRun): Promise<void> {
  const { payoutId, asked } = run;
  const claimed = await claimPayout({ payoutId, asked });
  switch (claimed.kind) {
    case 'invalid':
      throw refusal(FAILURE_TYPE.INVALID_REQUEST, claimed.message);
    case 'conflict':
      throw refusal(REQUEST_CONFLICT, 'this payout was asked for with other content');
    case 'superseded':
    case 'claimed': {
      const { request, policy, deposit, missing, status } = claimed;
      Object.assign(run, { request, policy, deposit });
      run.claim = claimed.kind;
      const isAwaited = status === PAYOUT_STATUS.AWAITING_DEPOSIT && deposit !== null;
      syncStatus(run, claimed, isAwaited ? describeDeposit(deposit) : undefined);
      if (missing !== null) noteDeposit(run, missing);
      // Of what QbitPay has, another run may have been told.
      if (claimed.providerPayoutId !== null) run.unreadEvents += 1;
    }
  }
}

/** Messages may come before the store was asked, a cancellation by Temporal among them. */
export async function untilClaimed(run: PayoutRun): Promise<void> {
  await CancellationScope.nonCancellable(() => condition(() => run.claim !== 'pending'));
}
