import type { Price } from '../../activities/payouts/fetch-ticker.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { fetchTicker, getDepositAddress } from '../activity-options.js';
import { refusal } from '../failures.js';
import { describeDeposit } from './await-deposit.js';
import { closePayout } from './close.js';
import { syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** Prices the payout and writes it, with its deposit address and amount, into the store. */
export async function open(run: PayoutRun): Promise<void> {
  const { payoutId, origin } = run;
  const { maxSlippageBps, depositDeadlineSeconds } = run.policy;
  const price = isSameCurrency(run.input.request) ? null : await takePrice(run);
  const state = await untilAnswered(run, () =>
    getDepositAddress({ payoutId, origin, price, maxSlippageBps, depositDeadlineSeconds }),
  );
  const { next } = state;
  switch (next?.kind) {
    case 'reject': {
      // Not even its fields can be trusted: nothing of it is stored.
      if (next.type === FAILURE_TYPE.INVALID_REQUEST) throw refusal(next.type, next.message);
      await closePayout(run, 'rejected', { failure: next });
      return;
    }
    case 'usedBefore':
      run.usedBefore = true;
      return syncStatus(run, state, 'another workflow carried this payout before; it stays as it is');
    case 'opened': {
      run.deposit = next.deposit;
      const isAwaited = next.deposit !== null && state.status === PAYOUT_STATUS.AWAITING_DEPOSIT;
      return syncStatus(run, state, isAwaited ? describeDeposit(next.deposit) : undefined);
    }
    case undefined:
      return syncStatus(run, state);
  }
}

/** The price now; null when no market sells the funding currency for the payout currency. */
export async function takePrice(run: PayoutRun): Promise<Price | null> {
  const { payoutId } = run;
  const { fundingCurrency, currency } = run.input.request;
  const ticker = await untilAnswered(run, () => fetchTicker({ payoutId, fundingCurrency, currency }));
  return ticker.kind === 'price' ? ticker.price : null;
}
