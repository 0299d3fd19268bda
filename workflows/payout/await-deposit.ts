import { CancellationScope, condition } from '@temporalio/workflow';
import type { DepositInstructions } from '../../src/domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { readMissingDeposit } from '../activity-options.js';
import { closePayout } from './close.js';
import { show, type PayoutRun } from './payout-run.js';

/** Waits for the deposit or the deadline; whether the deposit was in time is decided in the store. */
export async function awaitDeposit(run: PayoutRun): Promise<void> {
  const remainingMs = Math.max(1, (run.deposit?.expiresAtMs ?? 0) - Date.now());
  const isAllocated = await condition(() => run.depositAllocated, remainingMs, {
    summary: 'waiting for the deposit, until its deadline',
  });
  if (!isAllocated) await closePayout(run, 'expired');
  // Where only part of it is there, a person has to decide.
  if (run.status !== PAYOUT_STATUS.AWAITING_DEPOSIT) return;
  run.depositAllocated = true;
  run.waitsFor = 'the deposit is confirmed; it is being converted and paid out';
  show(run);
}

/** Money came in for the payout: reads what is missing still. */
export async function readDeposit(run: PayoutRun): Promise<void> {
  const { payoutId } = run;
  const missing = await CancellationScope.nonCancellable(() => readMissingDeposit({ payoutId }));
  if (!isFinalStatus(run.status)) noteDeposit(run, missing);
}

/** Takes note of money that came in for the payout; as long as some is missing it goes on waiting. */
export function noteDeposit(run: PayoutRun, missing: string): void {
  if (missing === '0') {
    run.depositAllocated = true;
    return;
  }
  const { fundingCurrency } = run.request;
  const instructions = run.deposit === null ? '' : `; ${describeDeposit(run.deposit)}`;
  run.waitsFor = `${missing} ${fundingCurrency} of the deposit missing${instructions}`;
  show(run);
}

export function describeDeposit(deposit: DepositInstructions): string {
  const until = new Date(deposit.expiresAtMs).toISOString();
  return `waiting for exactly ${deposit.amount} ${deposit.currency} (${deposit.network}) at ${deposit.address}, until ${until}`;
}
