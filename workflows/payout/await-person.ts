import { CancellationScope, condition } from '@temporalio/workflow';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { showAsTimer } from '../visibility.js';
import { awaitSettlement } from './await-settlement.js';
import { untilResolved } from './pay.js';
import { showStatus, syncStatus, type PayoutRun } from './payout-run.js';

/** A cancellation that the store accepts ends the wait, and so does the rest of a deposit that came too late. */
export async function awaitPerson(run: PayoutRun): Promise<void> {
  const waiting = new CancellationScope();
  const held = waiting.run(() =>
    Promise.race([showAsTimer(`held: ${run.holdReason ?? 'a person has to decide'}`), watchWhileHeld(run)]),
  );
  const isFunded = (): boolean => run.holdReason === FAILURE_TYPE.UNDERFUNDED && run.depositAllocated;
  await Promise.race([held, condition(isFunded)]);
  waiting.cancel();
  await held.catch(() => undefined);
  if (isFunded()) showStatus(run, PAYOUT_STATUS.AWAITING_DEPOSIT, 'the rest of the deposit came in');
}

/** What goes on while a person decides: a request that was not found is looked for, what QbitPay has is posted. */
async function watchWhileHeld(run: PayoutRun): Promise<void> {
  if (run.providerPayoutId !== null) return awaitSettlement(run);
  syncStatus(run, await untilResolved(run, true));
}
