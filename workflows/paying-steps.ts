import { CancellationScope, condition, patched, sleep } from '@temporalio/workflow';
import type { ResolveOutcomeResult } from '../activities/payouts/resolve-outcome.js';
import type { PlaceOrderResult } from '../activities/payouts/place-order.js';
import type { Settlement } from '../activities/payouts/settlement-reading.js';
import { backoffMs } from '../src/domain/backoff.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { isSameCurrency } from '../src/domain/currency-pair.js';
import { isFinalStatus, PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { awaitReturnedMoney } from './balance-steps.js';
import { closeAs } from './closing-steps.js';
import { takePrice } from './funding-steps.js';
import {
  createPayout,
  getPayout,
  holdPayout,
  resolveOutcome,
  placeOrder,
  pollOrder,
  pollSettlement,
} from './payout-activities.js';
import { PATCH } from './patches.js';
import {
  adopt,
  adoptState,
  show,
  showWaiting,
  untilAnswered,
  waitBecauseOf,
  type PayoutRun,
} from './payout-run.js';
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
    const askedAtMs = Date.now();
    const answer = await priceAndOrder(run);
    // The time of an outage is not time in which there was no usable price.
    if (run.convertingSinceMs !== undefined && patched(PATCH.OUTAGE_IS_NOT_CONVERTING)) {
      run.convertingSinceMs += Date.now() - askedAtMs;
    }
    if (answer.kind === 'filled' || answer.kind === 'pending') return finishOrder(run, answer.kind);
    if (answer.kind === 'superseded') return adoptState(run, answer);
    if (answer.kind === 'refused') return refuseForGood(run, answer);
    if (answer.kind === 'unknown') {
      const found = await findRequest(run, attempt);
      if (found.kind === 'superseded') return adoptState(run, found);
      run.convertingSinceMs = undefined;
    } else if (answer.kind === 'notNow') {
      await waitBecauseOf(run, answer.reason, attempt, answer.retryAfterMs);
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
  run.convertingSinceMs = undefined;
  await holdFor(run, reason, 'not converted within the time for it');
}

async function priceAndOrder(run: PayoutRun): Promise<PlaceOrderResult> {
  const price = await takePrice(run);
  const { payoutId } = run.input.request;
  const { maxSlippageBps } = run.policy;
  return untilAnswered(run, () => placeOrder({ payoutId, price, maxSlippageBps }));
}

async function waitForPrice(
  run: PayoutRun,
  why: 'priceUnusable' | 'priceMoved',
  attempt: number,
): Promise<void> {
  run.waitsFor =
    why === 'priceMoved' ? 'the price moved too far; waiting for a better one' : 'debit a new price';
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
    const { pollIntervalMs, unknownOutcomeWaitSeconds, maxSlippageBps } = run.policy;
    const answer = await untilAnswered(run, () =>
      pollOrder({ payoutId, pollIntervalMs, unknownOutcomeWaitSeconds, maxSlippageBps }),
    );
    if (answer.kind === 'superseded') return adoptState(run, answer);
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
    if (answer.kind === 'superseded') return adoptState(run, answer);
    if (answer.kind === 'refused') return refuseForGood(run, answer);
    if (answer.kind === 'accepted') {
      run.providerPayoutId = answer.providerPayoutId;
      return adopt(
        run,
        answer.status,
        `accepted by QbitPay as ${answer.providerPayoutId}; waiting for settlement`,
      );
    }
    if (answer.kind === 'unknown') {
      const found = await findRequest(run, attempt);
      if (found.kind === 'superseded') return adoptState(run, found);
    } else await waitBecauseOf(run, answer.reason, attempt, answer.retryAfterMs);
  }
}

/** Looks for a request whose outcome is not known; then the step asks the store again. */
async function findRequest(run: PayoutRun, attempt: number): Promise<ResolveOutcomeResult> {
  const { payoutId } = run.input.request;
  const { unknownOutcomeWaitSeconds, absenceChecks, pollIntervalMs, retryInitialMs, retryMaxMs } = run.policy;
  showWaiting(run, FAILURE_TYPE.OUTCOME_LOOKED_UP);
  // Its sender may live, and keep it: the step must not come back at once again and again.
  if (attempt > 1) await sleep(backoffMs(attempt, retryInitialMs, retryMaxMs, Math.random()));
  return untilAnswered(run, () =>
    resolveOutcome({ payoutId, unknownOutcomeWaitSeconds, absenceChecks, pollIntervalMs }),
  );
}

/** Reads the payout whenever a webhook hints at a change, and in the background again and again. */
export async function awaitSettlement(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  // After a reset the store is ahead: createPayout answers with what was accepted.
  if (providerPayoutId === undefined) return pay(run);
  await followSettlement(run, providerPayoutId);
}

/** Until the payout is settled, its status is another one, or its money is on the way back; on hold it is read on. */
async function followSettlement(run: PayoutRun, providerPayoutId: string): Promise<void> {
  const { onFailedAttempt, pollIntervalMs, unknownOutcomeWaitSeconds } = run.policy;
  const { payoutId } = run.input.request;
  const subject = { payoutId, providerPayoutId, onFailedAttempt, unknownOutcomeWaitSeconds };
  const { status } = run;
  const polling = new CancellationScope();
  let poll: Promise<Settlement> | undefined;
  while (run.status === status && !run.isReturnPending) {
    if (run.unreadEvents > 0) {
      run.unreadEvents = 0;
      await adoptSettlement(run, await untilAnswered(run, () => getPayout(subject)));
    } else {
      poll ??= polling.run(() =>
        untilAnswered(run, () =>
          pollSettlement({ ...subject, pollIntervalMs, holdReason: run.holdReason ?? null }),
        ),
      );
      const polled = await Promise.race([poll, condition(() => run.unreadEvents > 0)]);
      if (polled !== undefined) {
        poll = undefined;
        await adoptSettlement(run, polled);
      }
    }
  }
  // The poll of a payout that has ended sees that for itself.
  if (isFinalStatus(run.status)) return;
  polling.cancel();
  await poll?.catch(() => undefined);
}

async function adoptSettlement(run: PayoutRun, settlement: Settlement): Promise<void> {
  // Answers recorded before the ledger say nothing of it.
  run.isReturnPending = (settlement as Partial<Settlement>).isReturnPending ?? false;
  if (settlement.settled) adopt(run, settlement.status, 'settled');
  else if (settlement.status === PAYOUT_STATUS.HELD) adoptState(run, settlement);
  await wakeWaiting(settlement);
}

/** A cancellation that the store accepts ends the wait, and so does the rest of a deposit that came too late. */
export async function awaitPerson(run: PayoutRun): Promise<void> {
  const timer = new CancellationScope();
  const isWatched = patched(PATCH.WATCH_HELD);
  const held = timer.run(() =>
    Promise.race([
      showAsTimer(`held: ${run.holdReason ?? 'a person has to decide'}`),
      ...(isWatched ? [watchWhileHeld(run)] : []),
    ]),
  );
  const isFunded = (): boolean => run.holdReason === FAILURE_TYPE.UNDERFUNDED && run.depositAllocated;
  await Promise.race([held, condition(isFunded)]);
  timer.cancel();
  await held.catch(() => undefined);
  if (isFunded()) adopt(run, PAYOUT_STATUS.AWAITING_DEPOSIT, 'the rest of the deposit came in');
}

/**
 * What goes on while a person decides: a request that was not found is looked for, a payout that QbitPay has is read
 * on, and money on its way back is awaited.
 */
async function watchWhileHeld(run: PayoutRun): Promise<void> {
  const { providerPayoutId } = run;
  if (providerPayoutId === undefined) return resolveOutcomeWhileHeld(run);
  if (run.holdReason !== FAILURE_TYPE.ATTEMPT_FAILED) await followSettlement(run, providerPayoutId);
  if (run.status !== PAYOUT_STATUS.HELD) return;
  const { holdReason } = run;
  await awaitReturnedMoney(run);
  // An answer takes away the reason for waiting; the reason for the hold is still there.
  adopt(run, PAYOUT_STATUS.HELD, run.waitsFor, holdReason);
  return new Promise(() => undefined);
}

/**
 * Now and then, and at once when a webhook hints at it: a request whose outcome is not known may show up, and an
 * answer may come to the store after the payout was held.
 */
async function resolveOutcomeWhileHeld(run: PayoutRun): Promise<void> {
  const { payoutId } = run.input.request;
  const { unknownOutcomeWaitSeconds, absenceChecks, retryMaxMs } = run.policy;
  const { holdReason = null } = run;
  const input = {
    payoutId,
    unknownOutcomeWaitSeconds,
    absenceChecks,
    pollIntervalMs: retryMaxMs,
    heldAs: holdReason,
  };
  while (run.status === PAYOUT_STATUS.HELD) {
    run.unreadEvents = 0;
    const looking = new CancellationScope();
    const look = looking.run(() => untilAnswered(run, () => resolveOutcome(input)));
    const found = await Promise.race([look, condition(() => run.unreadEvents > 0)]);
    if (found?.kind === 'superseded') return adoptState(run, found);
    looking.cancel();
    await look.catch(() => undefined);
  }
}

async function refuseForGood(
  run: PayoutRun,
  refusal: Extract<PlaceOrderResult, { kind: 'refused' }>,
): Promise<void> {
  await closeAs(run, 'failed', { type: refusal.type, message: refusal.message });
}

async function holdFor(run: PayoutRun, reason: FailureType, detail: string): Promise<void> {
  adoptState(run, await holdPayout({ payoutId: run.input.request.payoutId, reason, detail }));
}
