import { condition } from '@temporalio/workflow';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { reserveFunds } from '../activity-options.js';
import { syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** Begins with a look, of what another run may have been told, and looks whenever its turn has come. */
export async function awaitBalance(run: PayoutRun): Promise<void> {
  const { payoutId } = run;
  for (;;) {
    run.unreadReleases = 0;
    const state = await untilAnswered(run, () => reserveFunds({ payoutId }));
    if (state.status !== PAYOUT_STATUS.AWAITING_BALANCE) return syncStatus(run, state);
    await condition(() => run.unreadReleases > 0);
  }
}
