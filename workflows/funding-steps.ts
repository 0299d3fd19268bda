import { condition } from '@temporalio/workflow';
import type { Price } from '../activities/payouts/fetch-ticker.js';
import type { GetDepositAddressResult } from '../activities/payouts/get-deposit-address.js';
import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { isSameCurrency } from '../src/domain/currency-pair.js';
import { PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { closeAs } from './closing-steps.js';
import { invalidRequest } from './failures.js';
import { fetchTicker, getDepositAddress } from './payout-activities.js';
import type { DepositInstructions } from './payout-messages.js';
import { adopt, adoptState, show, untilAnswered, type PayoutRun } from './payout-run.js';

/** Prices the payout and writes it, with its deposit address and amount, into the store. */
export async function open(run: PayoutRun): Promise<void> {
  const price = isSameCurrency(run.input.request) ? null : await takePrice(run);
  const { payoutId } = run.input.request;
  const { maxSlippageBps, depositDeadlineSeconds } = run.policy;
  const opened = await untilAnswered(run, () =>
    getDepositAddress({ payoutId, origin: run.origin, price, maxSlippageBps, depositDeadlineSeconds }),
  );
  await adoptOpening(run, opened);
}

/** The price now; null when no market sells the funding currency for the payout currency. */
export async function takePrice(run: PayoutRun): Promise<Price | null> {
  const { payoutId, fundingCurrency, currency } = run.input.request;
  const ticker = await untilAnswered(run, () => fetchTicker({ payoutId, fundingCurrency, currency }));
  return ticker.kind === 'price' ? ticker.price : null;
}

async function adoptOpening(run: PayoutRun, opened: GetDepositAddressResult): Promise<void> {
  if (opened.kind === 'rejected') {
    // Not even its fields can be trusted: nothing of it is stored.
    if (opened.type === FAILURE_TYPE.INVALID_REQUEST) throw invalidRequest(opened.message);
    await closeAs(run, 'rejected', { type: opened.type, message: opened.message });
  } else if (opened.kind === 'usedBefore') {
    adopt(run, opened.status, 'another workflow carried this payout before; it stays as it is');
    run.usedBefore = true;
  } else {
    const { deposit, status } = opened;
    run.deposit = deposit ?? undefined;
    if (status !== PAYOUT_STATUS.AWAITING_DEPOSIT || deposit === null) adoptState(run, opened);
    else adopt(run, status, describeDeposit(deposit));
  }
}

function describeDeposit(deposit: DepositInstructions): string {
  const until = new Date(deposit.expiresAtMs).toISOString();
  return `waiting for exactly ${deposit.amount} ${deposit.currency} (${deposit.network}) at ${deposit.address}, until ${until}`;
}

/** Takes note of money that came in for the payout; as long as some is missing it goes on waiting. */
export function noteDeposit(run: PayoutRun, missing: string): void {
  if (missing === '0') {
    run.depositAllocated = true;
    return;
  }
  const { fundingCurrency } = run.input.request;
  const instructions = run.deposit === undefined ? '' : `; ${describeDeposit(run.deposit)}`;
  run.waitsFor = `${missing} ${fundingCurrency} of the deposit missing${instructions}`;
  show(run);
}

/** Waits for the deposit or the deadline; whether the deposit was in time is decided in the store. */
export async function awaitDeposit(run: PayoutRun): Promise<void> {
  const remainingMs = Math.max(1, (run.deposit?.expiresAtMs ?? 0) - Date.now());
  const allocated = await condition(() => run.depositAllocated, remainingMs, {
    summary: 'waiting for the deposit, until its deadline',
  });
  if (!allocated && (await closeAs(run, 'expired')) === undefined) return;
  // Part of it is there: a person has to decide.
  if (run.status !== PAYOUT_STATUS.AWAITING_DEPOSIT) return;
  run.depositAllocated = true;
  run.waitsFor = 'the deposit is confirmed; it is being converted and paid out';
  show(run);
}
