import { condition } from '@temporalio/workflow';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { isFinalStatus } from '../../src/domain/payout-status.js';
import { getPayout } from '../activity-options.js';
import { show, syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/**
 * Posts what QbitPay shows of the payout whenever something of it is news, until its status is another one. An end is
 * followed until the money that QbitPay took is back.
 */
export async function awaitSettlement(run: PayoutRun): Promise<void> {
  const { payoutId, status } = run;
  const { unknownOutcomeWaitSeconds } = run.policy;
  let unclearSinceMs: number | undefined;
  let isUnshown = false;
  while (run.status === status && (run.isReturnPending || !isFinalStatus(status))) {
    // What the ledger lacks for it may come in: of that nobody tells.
    const isUnclear = isUnshown || run.holdReason === FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER;
    unclearSinceMs = isUnclear ? (unclearSinceMs ?? Date.now()) : undefined;
    await untilNews(run, unclearSinceMs);
    const state = await untilAnswered(run, () => getPayout({ payoutId, unknownOutcomeWaitSeconds }));
    isUnshown = state.next !== undefined;
    syncStatus(run, state);
  }
}

/** The first look at what is not shown as it should be comes so soon. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Waits for a hint of the sync or of a webhook. What QbitPay does not show as it should is looked at again after as long
 * as that has lasted, and at least as often as the wait for it is long.
 */
export async function untilNews(run: PayoutRun, unclearSinceMs?: number): Promise<void> {
  const isTold = (): boolean => run.unreadEvents > 0;
  if (unclearSinceMs === undefined) await condition(isTold);
  else {
    const longestMs = run.policy.unknownOutcomeWaitSeconds * 1_000;
    const pauseMs = Math.max(LOOK_AGAIN_MS, Math.min(Date.now() - unclearSinceMs, longestMs));
    await condition(isTold, pauseMs, { summary: 'QbitPay does not show it as it should' });
  }
  run.unreadEvents = 0;
}

/** A payout that has ended, and whose money is on its way back, goes on until it is there, and available. */
export async function awaitReturnedMoney(run: PayoutRun): Promise<void> {
  if (!run.isReturnPending || run.claim === 'superseded') return;
  run.waitsFor = 'its money is on the way back from QbitPay, and available when it is there';
  show(run);
  await awaitSettlement(run);
  run.waitsFor = 'nothing of it is on the way back from QbitPay any more';
  show(run);
}
