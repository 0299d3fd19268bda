import { CancellationScope, condition, sleep } from '@temporalio/workflow';
import type { PlaceOrderResult } from '../activities/place-order.js';
import type { Settlement } from '../activities/settlement-reading.js';
import { backoffMs } from '../src/domain/backoff.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { isSameCurrency } from '../src/domain/currency-pair.js';
import { PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { closeAs } from './closing-steps.js';
import { takePrice } from './funding-steps.js';
import {
  createPayout,
  getPayout,
  holdPayout,
  placeOrder,
  pollOrder,
  pollSettlement,
} from './payout-activities.js';
import { adopt, adoptBook, show, untilAnswered, waitBecauseOf, type PayoutRun } from './payout-run.js';
import { showAsTimer } from './visibility.js';
import { wakeWaiting } from './wake-up.js';

/** The deposit is there: sell it, unless it is in the payout currency already. */
export async function convertOrPay(run: PayoutRun): Promise<void> {
  if (run.converted || isSameCurrency(run.input.request)) await pay(run);
  else await convert(run);
}

/** Takes prices and places the order until one is accepted, or until the time for converting is over. */
async function convert(run: PayoutRun): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await priceAndOrder(run);
    if (answer.kind === 'filled' || answer.kind === 'pending') return finishOrder(run, answer.kind);
    if (answer.kind === 'superseded') return adoptBook(run, answer);
    if (answer.kind === 'refused') return refuseForGood(run, answer);
    if (answer.kind === 'notNow') {
      await waitBecauseOf(run, answer.reason, attempt, answer.retryAfterMs);
      // The time of an outage is not time in which there was no usable price.
      run.convertingSinceMs = undefined;
    } else if (
      Date.now() - (run.convertingSinceMs ??= Date.now()) <
      run.policy.convertTimeoutSeconds * 1_000
    ) {
      await waitForPrice(run, answer.kind, attempt);
    } else return giveUpConverting(run, answer.kind);
  }
}

async function giveUpConverting(run: PayoutRun, why: 'priceUnusable' | 'priceMoved'): Promise<void> {
  const reason = why === 'priceMoved' ? FAILURE_TYPE.PRICE_MOVED : FAILURE_TYPE.NO_USABLE_PRICE;
  await holdFor(run, reason, 'not converted within the time for it');
}

async function priceAndOrder(run: PayoutRun): Promise<PlaceOrderResult> {
  const price = await takePrice(run);
  // The market was there when the payout opened; that it is gone is a price nobody can use.
  if (price === null) return { kind: 'priceUnusable' };
  return untilAnswered(run, () => placeOrder({ payoutId: run.input.request.payoutId, price }));
}

async function waitForPrice(
  run: PayoutRun,
  why: 'priceUnusable' | 'priceMoved',
  attempt: number,
): Promise<void> {
  run.waitsFor =
    why === 'priceMoved' ? 'the price moved too far; waiting for a better one' : 'taking a new price';
  show(run);
  const { retryInitialMs, retryMaxMs } = run.policy;
  await sleep(
    backoffMs(attempt, retryInitialMs, Math.min(retryMaxMs, LONGEST_PRICE_PAUSE_MS), Math.random()),
    {
      summary: 'waiting for a price',
    },
  );
}

/** A price lives for 30 s: looking less often than that would miss the better ones. */
const LONGEST_PRICE_PAUSE_MS = 30_000;

async function finishOrder(run: PayoutRun, progress: 'filled' | 'pending'): Promise<void> {
  if (progress === 'pending') {
    adopt(run, PAYOUT_STATUS.CONVERTING, 'the order is placed; waiting until it is filled');
    const { payoutId } = run.input.request;
    const { pollIntervalMs } = run.policy;
    const answer = await untilAnswered(run, () => pollOrder({ payoutId, pollIntervalMs }));
    if (answer.kind === 'superseded') return adoptBook(run, answer);
  }
  run.converted = true;
  await pay(run);
}

/** Creates the payout at the provider; until it is accepted, refused for good, or held. */
export async function pay(run: PayoutRun): Promise<void> {
  adopt(run, PAYOUT_STATUS.PAYING, 'creating the payout at QbitPay');
  const { payoutId } = run.input.request;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await untilAnswered(run, () => createPayout({ payoutId }));
    if (answer.kind === 'superseded') return adoptBook(run, answer);
    if (answer.kind === 'refused') return refuseForGood(run, answer);
    if (answer.kind === 'accepted') {
      run.providerPayoutId = answer.providerPayoutId;
      return adopt(
        run,
        answer.status,
        `accepted by QbitPay as ${answer.providerPayoutId}; waiting for settlement`,
      );
    }
    await waitBecauseOf(run, answer.reason, attempt, answer.retryAfterMs);
  }
}

/** Reads the payout whenever a webhook hints at a change, and in the background again and again. */
export async function awaitSettlement(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  // After a reset the book is ahead: createPayout answers with what was accepted.
  if (providerPayoutId === undefined) return pay(run);
  const subject = { payoutId: run.input.request.payoutId, providerPayoutId };
  let poll: Promise<Settlement> | undefined;
  while (run.status === PAYOUT_STATUS.IN_TRANSIT) {
    if (run.unreadEvents > 0) {
      run.unreadEvents = 0;
      await adoptSettlement(run, await untilAnswered(run, () => getPayout(subject)));
    } else {
      const { pollIntervalMs } = run.policy;
      poll ??= untilAnswered(run, () => pollSettlement({ ...subject, pollIntervalMs }));
      const polled = await Promise.race([poll, condition(() => run.unreadEvents > 0)]);
      if (polled !== undefined) await adoptSettlement(run, polled);
    }
  }
}

async function adoptSettlement(run: PayoutRun, settlement: Settlement): Promise<void> {
  if (!settlement.settled) return;
  // Answers recorded before the ledger say nothing of it.
  run.isReturning = (settlement as Partial<Settlement>).isReturning ?? false;
  adopt(run, settlement.status, 'settled');
  await wakeWaiting(settlement);
}

/** A cancellation that the book accepts ends the wait, and so does the rest of a deposit that came too late. */
export async function awaitPerson(run: PayoutRun): Promise<void> {
  const timer = new CancellationScope();
  const held = timer.run(() => showAsTimer(`held: ${run.holdReason ?? 'a person has to decide'}`));
  const isFunded = (): boolean => run.holdReason === FAILURE_TYPE.UNDERFUNDED && run.depositAllocated;
  await Promise.race([held, condition(isFunded)]);
  timer.cancel();
  await held.catch(() => undefined);
  adopt(run, PAYOUT_STATUS.AWAITING_DEPOSIT, 'the rest of the deposit came in');
}

async function refuseForGood(
  run: PayoutRun,
  refusal: Extract<PlaceOrderResult, { kind: 'refused' }>,
): Promise<void> {
  await closeAs(run, 'failed', { type: refusal.type, message: refusal.message });
}

async function holdFor(run: PayoutRun, reason: FailureType, detail: string): Promise<void> {
  adoptBook(run, await holdPayout({ payoutId: run.input.request.payoutId, reason, detail }));
}
