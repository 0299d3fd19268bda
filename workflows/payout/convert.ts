import { sleep } from '@temporalio/workflow';
import type { PlaceOrderResult, PriceAwaited } from '../../activities/payouts/place-order.js';
import { backoffMs } from '../../src/domain/policy.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import type { OrderAwaited } from '../../activities/payouts/order-reading.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { getOrder, holdPayout, placeOrder } from '../activity-options.js';
import { untilNews } from './await-settlement.js';
import { takePrice } from './open.js';
import { pay, settleRequest } from './pay.js';
import { showStatus, syncStatus, untilAnswered, type PayoutRun } from './payout-run.js';

/** The deposit is there: sell it, unless it is in the payout currency already. */
export async function convertOrPay(run: PayoutRun): Promise<void> {
  if (isSameCurrency(run.request)) await pay(run);
  else await convert(run);
}

/** Takes prices and places the order until one is accepted, or until the time for converting is over. */
async function convert(run: PayoutRun): Promise<void> {
  let withoutPriceSinceMs: number | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const askedAtMs = Date.now();
    const state = await priceAndOrder(run);
    // The time of an outage is not time in which there was no usable price.
    if (withoutPriceSinceMs !== undefined) withoutPriceSinceMs += Date.now() - askedAtMs;
    const { next } = state;
    if (next === undefined) return syncStatus(run, state);
    switch (next.kind) {
      case 'pay':
        return pay(run);
      case 'awaitOrder':
        return awaitOrder(run, next);
      case 'awaitPrice': {
        withoutPriceSinceMs ??= Date.now();
        const isOver = Date.now() - withoutPriceSinceMs >= run.policy.convertTimeoutSeconds * 1_000;
        if (isOver) return giveUpConverting(run, next);
        await waitForPrice(run, attempt);
        break;
      }
      case 'fail':
      case 'retryLater':
      case 'resolveOutcome':
      case 'superseded':
        if (!(await settleRequest(run, state, next, attempt))) return;
        withoutPriceSinceMs = undefined;
    }
  }
}

async function priceAndOrder(run: PayoutRun): Promise<PlaceOrderResult> {
  const price = await takePrice(run, 'order');
  const { payoutId } = run;
  const { maxSlippageBps } = run.policy;
  return untilAnswered(
    run,
    () => placeOrder({ payoutId, price, maxSlippageBps }),
    ({ next }) => (next?.kind === 'awaitPrice' ? next.reason : null),
  );
}

async function giveUpConverting(run: PayoutRun, awaited: PriceAwaited): Promise<void> {
  const { payoutId } = run;
  const isTooLow = awaited.reason === FAILURE_TYPE.PRICE_TOO_LOW;
  const reason = isTooLow ? FAILURE_TYPE.PRICE_MOVED : FAILURE_TYPE.NO_USABLE_PRICE;
  const detail = 'not converted within the time for it';
  const { price } = awaited;
  syncStatus(run, await holdPayout({ payoutId, reason, detail, price }));
}

/** A price lives for 30 s: looking less often than that would miss the better ones. */
const LONGEST_PRICE_PAUSE_MS = 30_000;

async function waitForPrice(run: PayoutRun, attempt: number): Promise<void> {
  const { retryInitialMs, retryMaxMs } = run.policy;
  const longestMs = Math.min(retryMaxMs, LONGEST_PRICE_PAUSE_MS);
  await sleep(backoffMs(attempt, retryInitialMs, longestMs, Math.random()), {
    summary: 'waiting for a price',
  });
}

/** Until the order has come to its end, and what it moved is known. */
async function awaitOrder(run: PayoutRun, { unclear }: OrderAwaited): Promise<void> {
  showStatus(run, PAYOUT_STATUS.CONVERTING, 'the order is placed; waiting until it is filled');
  const { payoutId } = run;
  const { unknownOutcomeWaitSeconds, maxSlippageBps } = run.policy;
  let unclearSinceMs = unclear && Date.now();
  for (;;) {
    await untilNews(run, unclearSinceMs);
    const state = await untilAnswered(run, () =>
      getOrder({ payoutId, unknownOutcomeWaitSeconds, maxSlippageBps }),
    );
    if (state.next === undefined) return syncStatus(run, state);
    if (state.next.kind === 'pay') return pay(run);
    unclearSinceMs = state.next.unclear && (unclearSinceMs ?? Date.now());
  }
}
