import { CancellationScope, condition } from '@temporalio/workflow';
import type { PayoutState } from '../../activities/payout-state.js';
import { isFinalStatus } from '../../src/domain/payout-status.js';
import { awaitReturn, getPayout, pollSettlement } from '../activity-options.js';
import { pay } from './pay.js';
import { show, syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** Reads the payout whenever a webhook hints at a change, and in the background again and again. */
export async function awaitSettlement(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  // Not expected: a payout in transit names its attempt. createPayout sends nothing here, it reads the state again.
  if (providerPayoutId === null) await pay(run);
  else await followSettlement(run, providerPayoutId);
}

/** Until the payout is settled, its status is another one, or its money is on the way back; on hold it is read on. */
export async function followSettlement(run: PayoutRun, providerPayoutId: string): Promise<void> {
  const { payoutId, status } = run;
  const { onFailedAttempt, pollIntervalMs, unknownOutcomeWaitSeconds } = run.policy;
  const subject = { payoutId, providerPayoutId, onFailedAttempt, unknownOutcomeWaitSeconds };
  const polling = new CancellationScope();
  let poll: Promise<PayoutState> | undefined;
  while (run.status === status && !run.isReturnPending) {
    if (run.unreadEvents > 0) {
      run.unreadEvents = 0;
      await syncStatus(run, await untilAnswered(run, () => getPayout(subject)));
    } else {
      poll ??= polling.run(() =>
        untilAnswered(run, () => pollSettlement({ ...subject, pollIntervalMs, holdReason: run.holdReason })),
      );
      const polled = await Promise.race([poll, condition(() => run.unreadEvents > 0)]);
      if (polled !== undefined) {
        poll = undefined;
        await syncStatus(run, polled);
      }
    }
  }
  // The poll of a payout that has ended sees that for itself.
  if (isFinalStatus(run.status)) return;
  polling.cancel();
  await poll?.catch(() => undefined);
}

/** A payout that has ended, or is held, goes on until the money that QbitPay took is back, and available. */
export async function awaitReturnedMoney(run: PayoutRun): Promise<void> {
  const { payoutId, providerPayoutId } = run;
  if (!run.isReturnPending || run.claim === 'superseded' || providerPayoutId === null) return;
  const { pollIntervalMs } = run.policy;
  run.waitsFor = 'its money is on the way back from QbitPay, and available when it is there';
  show(run);
  const state = await untilAnswered(run, () => awaitReturn({ payoutId, providerPayoutId, pollIntervalMs }));
  await syncStatus(run, state);
  run.waitsFor = 'its money is back, in the available balance';
  show(run);
}
