import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ClaimPayoutInput } from '../../activities/payouts/claim-payout.js';
import type { PayoutState } from '../../activities/payout-state.js';
import { FAILURE_TYPE, FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { payoutIdOfWorkflow } from '../../src/domain/identifiers.js';
import type { DepositInstructions, PayoutRequest } from '../../src/domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { backoffMs, DEFAULT_PAYOUT_POLICY, type PayoutPolicy } from '../../src/domain/policy.js';
import { awaitProvider } from '../activity-options.js';
import { failureTypeOf, refusal, retryAfterMsOf } from '../failures.js';
import { createPublisher } from '../visibility.js';
import type { PayoutWorkflowInput, PayoutWorkflowResult } from './payout-messages.js';

/** What one payout's workflow knows: facts that messages brought, and what the store last answered. */
export interface PayoutRun {
  readonly payoutId: string;
  /** What the run was started with; null where that is in the store already. */
  readonly asked: ClaimPayoutInput['asked'];
  /** Whether the store lets this run carry the payout. Superseded, it does nothing more. */
  claim: 'pending' | 'claimed' | 'superseded';
  /** From here on: the store's word, known with the claim. */
  request: Pick<PayoutRequest, 'amount' | 'currency' | 'fundingCurrency'>;
  policy: PayoutPolicy;
  /** The business steps run in here; a cancellation that the store has accepted ends it. */
  readonly scope: CancellationScope;
  /** The step that runs; a person's decision ends it. */
  step: CancellationScope;
  /** The step does nothing itself: what others do, or decide, ends it. */
  isWaiting: boolean;
  readonly publish: ReturnType<typeof createPublisher>;
  /** The store's status, as the last activity answered it. */
  status: PayoutStatus;
  /** What the payout waits for, one line for people. */
  waitsFor: string;
  /** Why it is held, or waits longer than it should. */
  holdReason: FailureType | null;
  /** Known when the payout is open. */
  deposit: DepositInstructions | null;
  depositAllocated: boolean;
  providerPayoutId: string | null;
  /** The provider payout failed or was cancelled, and its money is not back yet. */
  isReturnPending: boolean;
  /** Hints of the sync, and of webhooks, that no reading has answered yet. */
  unreadEvents: number;
  /** A brake was released since it was last tried to send against one. */
  isBrakeReleased: boolean;
  /** Signals that money became available which no look has answered yet. */
  unreadReleases: number;
}

/** @throws ApplicationFailure INVALID_REQUEST when the input cannot even be shown */
export function createPayoutRun(input: PayoutWorkflowInput): PayoutRun {
  const { maker = 'unknown', policy = {} } = input;
  const request = input.request ?? null;
  return {
    payoutId: readPayoutId(request, workflowInfo().workflowId),
    asked: request && { request, maker, policy },
    claim: 'pending',
    request: { amount: '', currency: '', fundingCurrency: '' },
    policy: DEFAULT_PAYOUT_POLICY,
    // Under a parent that is not cancellable: "cancel" in the Temporal UI must not reach the steps by itself.
    scope: new CancellationScope({
      cancellable: true,
      parent: new CancellationScope({ cancellable: false }),
    }),
    step: new CancellationScope(),
    isWaiting: false,
    publish: createPublisher(),
    status: PAYOUT_STATUS.OPENING,
    waitsFor: WAITS_FOR.opening,
    holdReason: null,
    deposit: null,
    depositAllocated: false,
    providerPayoutId: null,
    isReturnPending: false,
    unreadEvents: 0,
    isBrakeReleased: false,
    unreadReleases: 0,
  };
}

/** For those who start the workflow without the API. The rules of a request are checked with the claim. */
function readPayoutId(request: PayoutRequest | null, workflowId: string): string {
  const payoutId = payoutIdOfWorkflow(workflowId);
  if (payoutId === undefined || (request !== null && request.payoutId !== payoutId)) {
    throw refusal(FAILURE_TYPE.INVALID_REQUEST, 'the workflow id must be "payout/" and a payoutId');
  }
  return payoutId;
}

const WAITS_FOR: Readonly<Record<PayoutStatus, string>> = {
  opening: 'opening',
  awaiting_deposit: 'waiting for the deposit',
  awaiting_balance: 'waiting for its turn and for enough money in the available balance',
  converting: 'the deposit is there; it is being converted',
  paying: 'creating the payout at QbitPay',
  in_transit: 'accepted by QbitPay; waiting for settlement',
  held: 'a person has to decide',
  paid: 'settled',
  failed: 'it has failed',
  cancelled: 'it was cancelled',
  expired: 'no deposit came before the deadline',
  rejected: 'it cannot be carried out as asked',
  returned: 'the bank sent it back',
};

/** Takes over what the store says, and shows it. */
export function syncStatus(run: PayoutRun, state: PayoutState<unknown>, waitsFor?: string): void {
  run.providerPayoutId = state.providerPayoutId;
  run.isReturnPending = state.isReturnPending;
  // Of one that is not held the workflow itself knows what it waits for, but not that it takes too long.
  const isHeld = state.status === PAYOUT_STATUS.HELD;
  const isShown = isHeld || state.holdReason === FAILURE_TYPE.SETTLEMENT_OVERDUE;
  showStatus(run, state.status, waitsFor, isShown ? state.holdReason : null);
}

/**
 * Shows the step that begins. A run never leaves an end again, but for the bank's return: the answer of a step that a
 * cancellation overtook may come in after it. A payout that is carried out after all gets a run of its own.
 */
export function showStatus(
  run: PayoutRun,
  status: PayoutStatus,
  waitsFor = WAITS_FOR[status],
  holdReason: FailureType | null = null,
): void {
  if (isFinalStatus(run.status) && status !== PAYOUT_STATUS.RETURNED) return;
  run.status = status;
  run.waitsFor = waitsFor;
  run.holdReason = holdReason;
  show(run);
}

/** As {@link showStatus}, of a step that is mostly over soon: to search by it would cost an event, its text does not. */
export function showBriefly(run: PayoutRun, status: PayoutStatus): void {
  run.status = status;
  run.waitsFor = WAITS_FOR[status];
  setCurrentDetails(describeRun(run));
}

/** Shows why the payout waits longer than it should; null when it no longer does. */
export function showWaiting(run: PayoutRun, reason: FailureType | null): void {
  // Why it is held is the store's word; waiting for the provider beside that changes nothing of it.
  if (run.status === PAYOUT_STATUS.HELD || run.holdReason === reason) return;
  run.holdReason = reason;
  show(run);
}

/** Brings the Temporal UI up to date: the status to search by, and one glance of text. */
export function show(run: PayoutRun): void {
  const { currency, fundingCurrency, amount } = run.request;
  run.publish(
    {
      PayoutStatus: run.status,
      PayoutCurrency: currency,
      FundingCurrency: fundingCurrency,
      PayoutAmount: Number(amount),
      PayoutHoldReason: run.holdReason,
      ProviderPayoutId: run.providerPayoutId,
    },
    describeRun(run),
  );
}

/** What the Temporal UI shows of a payout: what it waits for, and what a person can do. */
function describeRun(run: PayoutRun): string {
  const lines = [`**${run.status}**: ${run.waitsFor}`];
  if (run.claim === 'superseded')
    lines.push('**superseded**: another run carries the payout, or it has ended');
  if (run.holdReason !== null) {
    const { meaning, action, actions } = FAILURES[run.holdReason];
    lines.push(`**${run.holdReason}**: ${meaning}`, `**What to do:** ${action}`);
    if (run.status === PAYOUT_STATUS.HELD) lines.push(`**Possible:** ${actions.join(', ')}`);
  }
  return lines.join('\n\n');
}

/** The history of this run is so long that Temporal suggests to go on in a new one, and nobody waits for an answer of it. */
export function isHistoryLong(): boolean {
  return workflowInfo().continueAsNewSuggested && allHandlersFinished();
}

/** Goes on in a new run, with a history of its own, where it is time for that: all that it has to know is in the store. */
export async function continueIfLong(): Promise<void> {
  if (!isHistoryLong()) return;
  await continueAsNew<(input: PayoutWorkflowInput) => Promise<PayoutWorkflowResult>>({});
}

/**
 * Calls an activity until it answers. What its own retries did not overcome (an outage, a refused key) is
 * shown as the reason for waiting; when the provider answers again, the call is made again. `waitsFor`: what the payout still
 * waits for with this answer.
 */
export async function untilAnswered<T>(
  run: PayoutRun,
  call: () => Promise<T>,
  waitsFor: (answer: T) => FailureType | null = () => null,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await continueIfLong();
    try {
      const answer = await call();
      showWaiting(run, waitsFor(answer));
      return answer;
    } catch (error) {
      if (isCancellation(error)) throw error;
      await waitBecauseOf(run, failureTypeOf(error), attempt, retryAfterMsOf(error));
    }
  }
}

/** A request that is refused on its own, time and again, is made less often: every time adds to the history. */
const PATIENT_ATTEMPTS = 100;
const PATIENT_PAUSE_MS = 3_600_000;

/**
 * Shows the reason, waits as long as the provider asked for and until it answers, and then longer with every attempt,
 * should it refuse just this request.
 */
export async function waitBecauseOf(
  run: PayoutRun,
  reason: FailureType,
  attempt: number,
  leastMs = 0,
): Promise<void> {
  showWaiting(run, reason);
  if (reason === FAILURE_TYPE.BRAKE_ENGAGED) {
    await condition(() => run.isBrakeReleased);
    run.isBrakeReleased = false;
  } else if (reason !== FAILURE_TYPE.ENGINE_UNAVAILABLE) {
    // A step that the engine itself did not finish does not wait for the provider.
    await awaitProvider(run.policy, reason, run.payoutId, leastMs);
  }
  const { retryInitialMs, retryMaxMs } = run.policy;
  const longest = attempt > PATIENT_ATTEMPTS ? Math.max(retryMaxMs, PATIENT_PAUSE_MS) : retryMaxMs;
  await sleep(backoffMs(attempt, retryInitialMs, longest, Math.random()), { summary: `waiting: ${reason}` });
  showWaiting(run, null);
}
