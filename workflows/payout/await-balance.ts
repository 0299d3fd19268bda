import { condition } from '@temporalio/workflow';
import type { PayoutState } from '../../activities/payout-state.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { pollReservation, reserveFunds } from '../activity-options.js';
import { syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** Looks whenever money became available, and in the background again and again. */
export async function awaitBalance(run: PayoutRun): Promise<void> {
  const { payoutId } = run;
  const { pollIntervalMs } = run.policy;
  let poll: Promise<PayoutState> | undefined;
  while (run.status === PAYOUT_STATUS.AWAITING_BALANCE) {
    if (run.unreadReleases > 0) {
      run.unreadReleases = 0;
      await syncStatus(run, await untilAnswered(run, () => reserveFunds({ payoutId })));
    } else {
      poll ??= untilAnswered(run, () => pollReservation({ payoutId, pollIntervalMs }));
      const polled = await Promise.race([poll, condition(() => run.unreadReleases > 0)]);
      if (polled !== undefined) await syncStatus(run, polled);
    }
  }
}
