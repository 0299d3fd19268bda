import { condition, sleep } from '@temporalio/workflow';
import type { PayoutState } from '../../activities/payout-state.js';
import type { RequestNext } from '../../activities/payouts/send-guarded.js';
import { backoffMs } from '../../src/domain/policy.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS, UNSENT_STATUSES } from '../../src/domain/payout-status.js';
import { createPayout, resolveOutcome } from '../activity-options.js';
import { claim } from './claim.js';
import { closePayout } from './close.js';
import {
  showBriefly,
  showWaiting,
  syncStatus,
  untilAnswered,
  waitBecauseOf,
  type PayoutRun,
} from './payout-run.js';

/** Creates the payout at QbitPay; until it is accepted, refused for good, or held. */
export async function pay(run: PayoutRun): Promise<void> {
  showBriefly(run, PAYOUT_STATUS.PAYING);
  const { payoutId } = run;
  for (let attempt = 1; ; attempt += 1) {
    const state = await untilAnswered(run, () => createPayout({ payoutId }));
    if (state.next === undefined) return syncStatus(run, state);
    if (!(await settleRequest(run, state, state.next, attempt))) return;
  }
}

/** Deals with a request, of an order or a payout, that was not accepted; true where its step tries again. */
export async function settleRequest(
  run: PayoutRun,
  state: PayoutState<unknown>,
  next: RequestNext,
  attempt: number,
): Promise<boolean> {
  if (next.kind === 'superseded') {
    // After a reset to a later moment than its claim the run has to claim the payout anew.
    await claim(run);
    return run.claim === 'claimed' && UNSENT_STATUSES.includes(run.status);
  }
  if (!UNSENT_STATUSES.includes(state.status)) {
    syncStatus(run, state);
    return false;
  }
  switch (next.kind) {
    case 'fail':
      await closePayout(run, 'failed', { failure: next });
      return false;
    case 'retryLater':
      await waitBecauseOf(run, next.reason, attempt, next.afterMs);
      return true;
    case 'resolveOutcome':
      syncStatus(run, await resolveRequest(run, attempt));
      return UNSENT_STATUSES.includes(run.status);
  }
}

/** Finds out what became of a request; the step then asks the store again. */
async function resolveRequest(run: PayoutRun, attempt: number): Promise<PayoutState> {
  const { retryInitialMs, retryMaxMs } = run.policy;
  showWaiting(run, FAILURE_TYPE.OUTCOME_LOOKED_UP);
  // Its sender may live, and keep it: the step must not come back at once again and again.
  if (attempt > 1) await sleep(backoffMs(attempt, retryInitialMs, retryMaxMs, Math.random()));
  return untilResolved(run);
}

/** The sync searches QbitPay's lists; what it finds, or that it found nothing, is told by a signal. */
export async function untilResolved(run: PayoutRun, isHeld = false): Promise<PayoutState> {
  const { payoutId } = run;
  const { unknownOutcomeWaitSeconds, absenceChecks, refusalWaitSeconds } = run.policy;
  const input = { payoutId, unknownOutcomeWaitSeconds, absenceChecks, refusalWaitSeconds, isHeld };
  for (;;) {
    run.unreadEvents = 0;
    const { next, ...state } = await untilAnswered(run, () => resolveOutcome(input));
    const isHeldOtherwise = isHeld && state.holdReason !== run.holdReason;
    if (next === undefined || isHeldOtherwise) {
      // QbitPay may have shown more of it than that it is there.
      run.unreadEvents += 1;
      return state;
    }
    if (next.reason !== null) showWaiting(run, next.reason);
    await condition(() => run.unreadEvents > 0);
  }
}
