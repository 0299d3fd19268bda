import { ApplicationFailure, CancellationScope, currentUpdateInfo, setHandler } from '@temporalio/workflow';
import type { PayoutOperation } from '../../activities/payouts/operate-payout.js';
import { findDestinationProblems } from '../../src/domain/destination.js';
import { isText } from '../../src/domain/field-problems.js';
import { refuseAction } from '../../src/domain/hold.js';
import { PROVIDER_ID_PATTERN } from '../../src/domain/identifiers.js';
import { OPERATOR_ACTION, type OperatorAction } from '../../src/domain/operator-action.js';
import { canTransition, isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { operatePayout } from '../activity-options.js';
import { cannotBeRead, failureTypeOf } from '../failures.js';
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
import { syncStatus, type PayoutRun } from './payout-run.js';

/**
 * What persons decide about a payout. The validators refuse what makes no sense in the payout's status before it leaves
 * a trace in the history: they are cheap, and may be wrong. The store decides under its lock: its word is the one that
 * counts.
 */
export function handleDecisions(run: PayoutRun): void {
  setHandler(holdPayout, (decision) => decide(run, { ...only(decision), action: 'hold' }, decision), {
    validator: (decision: OperatorDecision) => {
      assertDecision(decision);
      if (mayBeRepeated(run, decision)) return;
      const { status } = seenBy(run, decision);
      if (!canTransition(status, PAYOUT_STATUS.HELD)) throw decisionRefused(`the payout is ${status}`);
    },
  });
  setHandler(resumePayout, (decision) => decide(run, { ...only(decision), action: 'resume' }, decision), {
    validator: (decision: OperatorDecision) => assertPossible(run, OPERATOR_ACTION.RESUME, decision),
  });
  setHandler(
    resolvePayout,
    (decision) => decide(run, { ...only(decision), ...toOperation(decision) }, decision),
    {
      validator: (decision: OperatorDecision & Resolution) => {
        assertPossible(run, OPERATOR_ACTION.RESOLVE, decision);
        assertResolution(decision);
      },
    },
  );
  setHandler(retryPayout, (decision) => decide(run, toRetry(decision), decision), {
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
  throw decisionRefused('actor and reason are needed, of 256 printable characters at most');
}

const RESOLUTIONS: readonly string[] = ['adopt', 'resend', 'close'] satisfies Resolution['action'][];

function assertResolution(resolution: Partial<Resolution>): void {
  if (!RESOLUTIONS.includes(resolution.action ?? '')) {
    throw decisionRefused(`the action must be one of ${RESOLUTIONS.join(', ')}`);
  }
  if (resolution.action === 'adopt' && !PROVIDER_ID_PATTERN.test(resolution.providerPayoutId ?? '')) {
    throw decisionRefused('providerPayoutId says what is adopted: an id as QbitPay shows it');
  }
}

/** Without the API nobody has looked at it before. */
function assertDestination({ destination }: RetryDecision): void {
  if (destination === undefined) return;
  const [problem] = findDestinationProblems(destination);
  if (problem !== undefined) throw decisionRefused(`${problem.field}: ${problem.message}`);
}

function assertPossible(run: PayoutRun, action: OperatorAction, decision: OperatorDecision): void {
  assertDecision(decision);
  if (mayBeRepeated(run, decision)) return;
  const { status, holdReason } = seenBy(run, decision);
  const refusal = refuseAction(status, holdReason, action);
  if (refusal !== undefined) throw decisionRefused(refusal);
}

/** It may have been carried out before, which only the store knows: not while the payout is not in there yet. */
function mayBeRepeated(run: PayoutRun, decision: OperatorDecision): boolean {
  return decision.operationId !== undefined && seenBy(run, decision).status !== PAYOUT_STATUS.OPENING;
}

/** Whoever read the store knows more than a workflow whose activity has not answered yet. */
function seenBy(run: PayoutRun, { seen }: OperatorDecision): SeenInStore {
  return seen ?? { status: run.status, holdReason: run.holdReason };
}

function decisionRefused(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: OPERATION_REFUSED, message, nonRetryable: true });
}

/** Carries the decision out in the store; the step that was waiting or working ends, and the store's status has the next. */
async function decide(
  run: PayoutRun,
  operation: PayoutOperation,
  decision: OperatorDecision,
): Promise<OperationResult> {
  const { payoutId } = run;
  const update = currentUpdateInfo();
  if (update === undefined) throw new Error('decisions are updates');
  const { unknownOutcomeWaitSeconds } = run.policy;
  const operationId = decision.operationId ?? update.id;
  const result = await CancellationScope.nonCancellable(() =>
    operatePayout({ payoutId, operationId, operation, unknownOutcomeWaitSeconds }),
  ).catch((error: unknown) => {
    throw cannotBeRead(failureTypeOf(error));
  });
  // What was decided before was taken over then, except where its answer was lost or the workflow was reset.
  const isNews = result.ok && !result.isRepetition;
  if (isNews || isElsewhere(run, result)) {
    await syncStatus(run, result);
    run.step.cancel();
  }
  if (!result.ok) throw decisionRefused(result.message);
  return { status: run.status };
}

/** The store says something else than the workflow, which leaves an end never again. */
function isElsewhere(run: PayoutRun, { status, holdReason }: SeenInStore): boolean {
  if (isFinalStatus(run.status)) return false;
  return status !== run.status || (status === PAYOUT_STATUS.HELD && holdReason !== run.holdReason);
}
