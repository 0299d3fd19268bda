import { CancellationScope, condition } from '@temporalio/workflow';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { resolveOutcome } from '../activity-options.js';
import { showAsTimer } from '../visibility.js';
import { awaitReturnedMoney, followSettlement } from './await-settlement.js';
import { showStatus, syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

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

/**
 * What goes on while a person decides: a request that was not found is looked for, a payout that QbitPay has is read
 * on, and money on its way back is awaited.
 */
async function watchWhileHeld(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  if (providerPayoutId === null) return resolveOutcomeWhileHeld(run);
  if (run.holdReason !== FAILURE_TYPE.ATTEMPT_FAILED) await followSettlement(run, providerPayoutId);
  const isHeld = (): boolean => run.status === PAYOUT_STATUS.HELD;
  if (!isHeld()) return;
  await awaitReturnedMoney(run);
  // The store may be elsewhere by now. Only a decision ends a hold that is still there.
  if (!isHeld()) return;
  return new Promise(() => undefined);
}

/**
 * Now and then, and at once when a webhook hints at it: a request whose outcome is not known may show up, and an
 * answer may come to the store after the payout was held.
 */
async function resolveOutcomeWhileHeld(run: PayoutRun): Promise<void> {
  const { payoutId, holdReason: heldAs } = run;
  const { unknownOutcomeWaitSeconds, absenceChecks, retryMaxMs: pollIntervalMs } = run.policy;
  const input = { payoutId, unknownOutcomeWaitSeconds, absenceChecks, pollIntervalMs, heldAs };
  for (;;) {
    run.unreadEvents = 0;
    const looking = new CancellationScope();
    const look = looking.run(() => untilAnswered(run, () => resolveOutcome(input)));
    const found = await Promise.race([look, condition(() => run.unreadEvents > 0)]);
    if (found !== undefined) return syncStatus(run, found);
    looking.cancel();
    await look.catch(() => undefined);
  }
}
