import { condition } from '@temporalio/workflow';
import type { ReservationOutcome } from '../activities/payouts/reserve-funds.js';
import { PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { awaitReturn, pollReservation, reserveFunds } from './payout-activities.js';
import { adopt, adoptState, show, untilAnswered, type PayoutRun } from './payout-run.js';
import { wakeWaiting } from './wake-up.js';

/** What a payout has to do with the available balance: waiting for its part, and giving back what it did not need. */

/** Looks whenever money became available, and in the background again and again. */
export async function awaitBalance(run: PayoutRun): Promise<void> {
  const { payoutId } = run.input.request;
  const { pollIntervalMs } = run.policy;
  adopt(
    run,
    PAYOUT_STATUS.AWAITING_BALANCE,
    'waiting for its turn and for enough money in the available balance',
  );
  let poll: Promise<ReservationOutcome> | undefined;
  while (run.status === PAYOUT_STATUS.AWAITING_BALANCE) {
    if (run.unreadReleases > 0) {
      run.unreadReleases = 0;
      await adoptReservation(run, await untilAnswered(run, () => reserveFunds({ payoutId })));
    } else {
      poll ??= untilAnswered(run, () => pollReservation({ payoutId, pollIntervalMs }));
      const polled = await Promise.race([poll, condition(() => run.unreadReleases > 0)]);
      if (polled !== undefined) await adoptReservation(run, polled);
    }
  }
}

async function adoptReservation(run: PayoutRun, outcome: ReservationOutcome): Promise<void> {
  if (outcome.status === PAYOUT_STATUS.AWAITING_BALANCE) return;
  adoptState(run, outcome);
  await wakeWaiting(outcome);
}

/** The payout has ended; its workflow goes on until the money that QbitPay took is back, and available. */
export async function awaitReturnedMoney(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  if (!run.isReturnPending || providerPayoutId === undefined) return;
  run.waitsFor = 'its money is on the way back from QbitPay, and available when it is there';
  show(run);
  const { payoutId } = run.input.request;
  const { pollIntervalMs } = run.policy;
  const outcome = await untilAnswered(run, () => awaitReturn({ payoutId, providerPayoutId, pollIntervalMs }));
  run.isReturnPending = false;
  run.waitsFor = 'its money is back, in the available balance';
  show(run);
  await wakeWaiting(outcome);
}
