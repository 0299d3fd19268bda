import { ApplicationFailure, CancellationScope, currentUpdateInfo, setHandler } from '@temporalio/workflow';
import type { PayoutOperation } from '../activities/payouts/operate-payout.js';
import { findDestinationProblems } from '../src/domain/destination.js';
import { isText } from '../src/domain/field-problems.js';
import { refuseAction } from '../src/domain/hold.js';
import { PROVIDER_ID_PATTERN } from '../src/domain/identifiers.js';
import { OPERATOR_ACTION, type OperatorAction } from '../src/domain/operator-action.js';
import { canTransition, isFinalStatus, PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { operatePayout } from './payout-activities.js';
import {
  holdPayout,
  OPERATION_REFUSED,
  resolvePayout,
  resumePayout,
  retryPayout,
  type OperationResult,
  type OperatorDecision,
  type Resolution,
  type RetryDecision,
  type SeenInStore,
} from './payout-messages.js';
import { failureTypeOf, notNow } from './failures.js';
import { adoptState, type PayoutRun } from './payout-run.js';

/**
 * What persons decide about a payout. What makes no sense in its status is refused before it leaves a trace in the
 * history; the store decides the rest, under its lock.
 */
export function handleOperations(run: PayoutRun): void {
  setHandler(holdPayout, (decision) => operate(run, { ...only(decision), action: 'hold' }, decision), {
    validator: (decision: OperatorDecision) => {
      assertDecision(decision);
      if (mayBeRepeated(run, decision)) return;
      const { status } = seenBy(run, decision);
      if (!canTransition(status, PAYOUT_STATUS.HELD)) throw refused(`the payout is ${status}`);
    },
  });
  setHandler(resumePayout, (decision) => operate(run, { ...only(decision), action: 'resume' }, decision), {
    validator: (decision: OperatorDecision) => assertPossible(run, OPERATOR_ACTION.RESUME, decision),
  });
  setHandler(
    resolvePayout,
    (decision) => operate(run, { ...only(decision), ...toOperation(decision) }, decision),
    {
      validator: (decision: OperatorDecision & Resolution) => {
        assertPossible(run, OPERATOR_ACTION.RESOLVE, decision);
        assertResolution(decision);
      },
    },
  );
  setHandler(retryPayout, (decision) => operate(run, toRetry(decision), decision), {
    validator: (decision: RetryDecision) => {
      assertPossible(run, OPERATOR_ACTION.RETRY, decision);
      assertDestination(decision);
    },
  });
}

function toRetry({ destination, ...decision }: RetryDecision): PayoutOperation {
  const retry = { ...only(decision), action: 'retry' } as const;
  return destination === undefined ? retry : { ...retry, destination };
}

function only({ actor, reason }: OperatorDecision): OperatorDecision {
  return { actor, reason };
}

function toOperation(resolution: Resolution) {
  return resolution.action === 'adopt'
    ? ({ action: 'adopt', providerId: resolution.providerPayoutId } as const)
    : ({ action: resolution.action } as const);
}

/** Whoever decides says so with his name and why: an operation without them would leave nothing to audit. */
function assertDecision({ actor, reason, operationId = 'none' }: Partial<OperatorDecision> = {}): void {
  if ([actor, reason, operationId].every(isText)) return;
  throw refused('actor and reason are needed, of 256 printable characters at most');
}

const RESOLUTIONS: readonly string[] = ['adopt', 'resend', 'close'] satisfies Resolution['action'][];

function assertResolution(resolution: Partial<Resolution>): void {
  if (!RESOLUTIONS.includes(resolution.action ?? '')) {
    throw refused(`the action must be one of ${RESOLUTIONS.join(', ')}`);
  }
  if (resolution.action === 'adopt' && !PROVIDER_ID_PATTERN.test(resolution.providerPayoutId ?? '')) {
    throw refused('providerPayoutId says what is adopted: an id as QbitPay shows it');
  }
}

/** Without the API nobody has looked at it before. */
function assertDestination({ destination }: RetryDecision): void {
  if (destination === undefined) return;
  const [problem] = findDestinationProblems(destination);
  if (problem !== undefined) throw refused(`${problem.field}: ${problem.message}`);
}

function assertPossible(run: PayoutRun, action: OperatorAction, decision: OperatorDecision): void {
  assertDecision(decision);
  if (mayBeRepeated(run, decision)) return;
  const { status, holdReason } = seenBy(run, decision);
  const refusal = refuseAction(status, holdReason, action);
  if (refusal !== undefined) throw refused(refusal);
}

/** It may have been carried out before, which only the store knows: not while the payout is not in there yet. */
function mayBeRepeated(run: PayoutRun, decision: OperatorDecision): boolean {
  return decision.operationId !== undefined && seenBy(run, decision).status !== PAYOUT_STATUS.OPENING;
}

/** Whoever read the store knows more than a workflow whose activity has not answered yet. */
function seenBy(run: PayoutRun, { seen }: OperatorDecision): SeenInStore {
  return seen ?? { status: run.status, holdReason: run.holdReason ?? null };
}

function refused(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: OPERATION_REFUSED, message, nonRetryable: true });
}

/** Carries the decision out in the store; the step that was waiting or working ends, and the store's status has the next. */
async function operate(
  run: PayoutRun,
  operation: PayoutOperation,
  decision: OperatorDecision,
): Promise<OperationResult> {
  const { payoutId } = run.input.request;
  const update = currentUpdateInfo();
  if (update === undefined) throw new Error('operations are updates');
  const { unknownOutcomeWaitSeconds } = run.policy;
  const operationId = decision.operationId ?? update.id;
  const outcome = await CancellationScope.nonCancellable(() =>
    operatePayout({ payoutId, operationId, operation, unknownOutcomeWaitSeconds }),
  ).catch((error: unknown) => {
    throw notNow(failureTypeOf(error));
  });
  if (outcome.kind === 'refused') {
    // Decided before, by somebody whose answer was lost, or by an answer that came late.
    if (isElsewhere(run, outcome)) continuePayout(run, outcome);
    throw refused(outcome.message);
  }
  // What it did was taken over then, except by a workflow that was reset.
  if (outcome.isRepetition === true && !isElsewhere(run, outcome)) return { status: run.status };
  if (operation.action === 'retry') {
    run.providerPayoutId = undefined;
    run.converted = false;
    run.isReturnPending = false;
  }
  continuePayout(run, outcome);
  return { status: run.status };
}

/** The store says something else than the workflow, which leaves an end never again. */
function isElsewhere(run: PayoutRun, { status, holdReason }: SeenInStore): boolean {
  if (isFinalStatus(run.status)) return false;
  return status !== run.status || holdReason !== (run.holdReason ?? null);
}

function continuePayout(run: PayoutRun, store: Parameters<typeof adoptState>[1]): void {
  run.convertingSinceMs = undefined;
  adoptState(run, store);
  run.step.cancel();
}
