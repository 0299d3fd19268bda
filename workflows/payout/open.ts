import type { FetchTickerInput, Price } from '../../activities/payouts/fetch-ticker.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { fetchTicker, getDepositAddress } from '../activity-options.js';
import { describeDeposit } from './await-deposit.js';
import { claim } from './claim.js';
import { closePayout } from './close.js';
import { syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** Prices the payout, and writes its deposit address and amount into the store. */
export async function open(run: PayoutRun): Promise<void> {
  const { payoutId } = run;
  const { maxSlippageBps, depositDeadlineSeconds } = run.policy;
  const price = isSameCurrency(run.request) ? null : await takePrice(run, 'opening');
  const state = await untilAnswered(run, () =>
    getDepositAddress({ payoutId, price, maxSlippageBps, depositDeadlineSeconds }),
  );
  const { next } = state;
  switch (next?.kind) {
    case 'reject':
      await closePayout(run, 'rejected', { failure: next });
      return;
    case 'opened': {
      run.deposit = next.deposit;
      const isAwaited = next.deposit !== null && state.status === PAYOUT_STATUS.AWAITING_DEPOSIT;
      return syncStatus(run, state, isAwaited ? describeDeposit(next.deposit) : undefined);
    }
    case undefined:
      // The answer by which it was opened was lost.
      return claim(run);
  }
}

/** The price now; null when no market sells the funding currency for the payout currency. */
export async function takePrice(run: PayoutRun, purpose: FetchTickerInput['purpose']): Promise<Price | null> {
  const { payoutId } = run;
  const { fundingCurrency, currency } = run.request;
  const ticker = await untilAnswered(
    run,
    () => fetchTicker({ payoutId, fundingCurrency, currency, purpose }),
    // Whether the price can be used, the next step says.
    () => run.holdReason,
  );
  return ticker.kind === 'price' ? ticker.price : null;
}
