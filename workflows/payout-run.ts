import { CancellationScope, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import type { PayoutOriginInput } from '../activities/payouts/payout-origin.js';
import type { PayoutState } from '../activities/payout-state.js';
import { backoffMs } from '../src/domain/backoff.js';
import { FAILURE_TYPE, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import { payoutWorkflowId } from '../src/domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { DEFAULT_PAYOUT_POLICY, type PayoutPolicy } from '../src/domain/policy.js';
import { failureTypeOf, invalidRequest, retryAfterMsOf } from './failures.js';
import type { DepositInstructions, PayoutWorkflowInput } from './payout-messages.js';
import { awaitProvider } from './provider-wait.js';
import { createPublisher } from './visibility.js';

/** What one payout's workflow knows: facts that messages brought, and what the store last answered. */
export interface PayoutRun {
  readonly input: PayoutWorkflowInput;
  readonly origin: PayoutOriginInput;
  readonly policy: PayoutPolicy;
  /** The business steps run in here; a cancellation that the store has accepted ends it. */
  readonly scope: CancellationScope;
  /** The step that runs; an operation of a person ends it. */
  step: CancellationScope;
  readonly publish: ReturnType<typeof createPublisher>;
  /** The store's status, as the last activity answered it. */
  status: PayoutStatus;
  /** What the payout waits for, one line for people. */
  waitsFor: string;
  /** Why it is held, or waits longer than it should. */
  holdReason: FailureType | undefined;
  depositAllocated: boolean;
  /** Known when the payout is open. */
  deposit: DepositInstructions | undefined;
  convertingSinceMs: number | undefined;
  converted: boolean;
  providerPayoutId: string | undefined;
  /** Hints of webhooks that no reading has answered yet. */
  unreadEvents: number;
  /** Signals that money became available which no look has answered yet. */
  unreadReleases: number;
  /** The provider payout failed or was cancelled, and its money is not back yet. */
  isReturnPending: boolean;
  /** Deposits that lost this payout when it was closed: only before closing made their money available. */
  unallocatedDepositKeys: readonly string[];
  /** Another workflow, long gone, carried this payout: nothing may be done here. */
  usedBefore: boolean;
}

/** @throws ApplicationFailure INVALID_REQUEST when the input cannot even be shown */
export function createPayoutRun(input: PayoutWorkflowInput): PayoutRun {
  const info = workflowInfo();
  assertShape(input, info.workflowId);
  return {
    input,
    origin: {
      request: input.request,
      firstExecutionRunId: info.firstExecutionRunId,
      openRequestId: input.openRequestId ?? null,
      maker: input.maker ?? 'unknown',
      startedAtMs: info.startTime.getTime(),
    },
    policy: { ...DEFAULT_PAYOUT_POLICY, ...input.policy },
    // Under a parent that is not cancellable: "cancel" in the Temporal UI must not reach the steps by itself.
    scope: new CancellationScope({
      cancellable: true,
      parent: new CancellationScope({ cancellable: false }),
    }),
    step: new CancellationScope(),
    publish: createPublisher(),
    status: PAYOUT_STATUS.OPENING,
    waitsFor: 'opening',
    holdReason: undefined,
    depositAllocated: false,
    deposit: undefined,
    convertingSinceMs: undefined,
    converted: false,
    providerPayoutId: undefined,
    unreadEvents: 0,
    unreadReleases: 0,
    isReturnPending: false,
    unallocatedDepositKeys: [],
    usedBefore: false,
  };
}

/**
 * For those who start the workflow without the API. The rules of a request are checked by an activity: here a
 * stricter rule would break the replay of payouts that it did not apply to.
 */
function assertShape(input: Partial<PayoutWorkflowInput> | undefined, workflowId: string): void {
  const { payoutId, amount, currency, fundingCurrency } = input?.request ?? {};
  if ([payoutId, amount, currency, fundingCurrency].some((field) => typeof field !== 'string')) {
    throw invalidRequest('the input carries no payout request');
  }
  if (workflowId !== payoutWorkflowId(payoutId ?? '')) {
    throw invalidRequest('the workflow id must be "payout/" and the payoutId');
  }
}

/**
 * Takes over the store's status and shows it. An end is never left again: the answer of a step that a
 * cancellation overtook may come in after it.
 */
export function adopt(run: PayoutRun, status: PayoutStatus, waitsFor: string, reason?: FailureType): void {
  if (isFinalStatus(run.status)) return;
  run.status = status;
  run.waitsFor = waitsFor;
  run.holdReason = reason;
  show(run);
}

/** Answers recorded before operators could decide do not name the provider payout. */
type StoreAnswer = Pick<PayoutState, 'status' | 'holdReason'> &
  Partial<Pick<PayoutState, 'providerPayoutId'>>;

/** Takes over what the store says where it is elsewhere than the workflow: after a reset, or put aside for a person. */
export function adoptState(run: PayoutRun, { status, holdReason, providerPayoutId }: StoreAnswer): void {
  run.providerPayoutId = providerPayoutId ?? run.providerPayoutId;
  if (status !== PAYOUT_STATUS.HELD) run.isReturnPending = false;
  const waitsFor = status === PAYOUT_STATUS.HELD ? 'a person has to decide' : `the store says ${status}`;
  adopt(run, status, waitsFor, holdReason ?? undefined);
}

/** Brings the Temporal UI up to date: the status to search by, and one glance of text. */
export function show(run: PayoutRun): void {
  const { request } = run.input;
  run.publish(
    {
      PayoutStatus: run.status,
      PayoutCurrency: request.currency,
      FundingCurrency: request.fundingCurrency,
      PayoutAmount: Number.isFinite(Number(request.amount)) ? Number(request.amount) : null,
      PayoutHoldReason: run.holdReason ?? null,
      ProviderPayoutId: run.providerPayoutId ?? null,
    },
    describeRun(run),
  );
}

/** What the Temporal UI shows of a payout: what it waits for, and what a person can do. */
function describeRun(run: PayoutRun): string {
  const lines = [`**${run.status}**: ${run.waitsFor}`];
  if (run.holdReason !== undefined) {
    const { meaning, action, actions } = FAILURES[run.holdReason];
    lines.push(`**${run.holdReason}**: ${meaning}`, `**What to do:** ${action}`);
    if (run.status === PAYOUT_STATUS.HELD) lines.push(`**Possible:** ${actions.join(', ')}`);
  }
  return lines.join('\n\n');
}

/**
 * Calls an activity until it answers. What its own retries did not overcome (an outage, a refused key) is
 * shown as the reason for waiting; when the provider answers again, the call is made again.
 */
export async function untilAnswered<T>(run: PayoutRun, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await call();
      showWaiting(run, undefined);
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
  // A step that the engine itself did not finish does not wait for the provider.
  if (reason !== FAILURE_TYPE.ENGINE_UNAVAILABLE) {
    await awaitProvider(run.policy, reason, run.origin.request.payoutId, leastMs);
  }
  const { retryInitialMs, retryMaxMs } = run.policy;
  const longest = attempt > PATIENT_ATTEMPTS ? Math.max(retryMaxMs, PATIENT_PAUSE_MS) : retryMaxMs;
  await sleep(backoffMs(attempt, retryInitialMs, longest, Math.random()), { summary: `waiting: ${reason}` });
  showWaiting(run, undefined);
}

/** Shows why the payout waits longer than it should; undefined when it no longer does. */
export function showWaiting(run: PayoutRun, reason: FailureType | undefined): void {
  // Why it is held is the store's word; waiting for the provider beside that changes nothing of it.
  if (run.status === PAYOUT_STATUS.HELD || run.holdReason === reason) return;
  run.holdReason = reason;
  show(run);
}
