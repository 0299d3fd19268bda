import {
  CancellationScope,
  currentUpdateInfo,
  setHandler,
  type ApplicationFailure,
} from '@temporalio/workflow';
import type { PayoutOperation } from '../../activities/payouts/operate-payout.js';
import { findDestinationProblems } from '../../src/domain/destination.js';
import {
  FAILURE_TYPE,
  FAILURES,
  OPERATOR_ACTION,
  refuseAction,
  type OperatorAction,
} from '../../src/domain/failure-type.js';
import { isPrice, isText } from '../../src/domain/field-problems.js';
import { PROVIDER_ID_PATTERN } from '../../src/domain/identifiers.js';
import { canTransition, isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { operatePayout } from '../activity-options.js';
import { failureTypeOf, refusal } from '../failures.js';
import { readDeposit } from './await-deposit.js';
import { untilClaimed } from './claim.js';
import {
  holdPayout,
  OPERATION_REFUSED,
  resolvePayout,
  resumePayout,
  retryPayout,
  type OperationResult,
  type OperatorDecision,
  type Resolution,
  type ResumeDecision,
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
  setHandler(holdPayout, (decision) => decide(run, decision, { action: 'hold' }), {
    validator: (decision: OperatorDecision) => {
      assertDecision(decision);
      const seen = seenBy(run, decision);
      if (seen === undefined || canTransition(seen.status, PAYOUT_STATUS.HELD)) return;
      throw decisionRefused(`the payout is ${seen.status}`);
    },
  });
  setHandler(
    resumePayout,
    (decision) => decide(run, decision, { action: 'resume', acceptPrice: decision.acceptPrice }),
    {
      validator: (decision: ResumeDecision) => {
        assertPossible(run, OPERATOR_ACTION.RESUME, decision);
        const { acceptPrice = '1' } = decision;
        if (!isPrice(acceptPrice)) throw decisionRefused('acceptPrice must be a decimal string above zero');
      },
    },
  );
  setHandler(resolvePayout, (decision) => decide(run, decision, toOperation(decision)), {
    validator: (decision: OperatorDecision & Resolution) => {
      assertPossible(run, OPERATOR_ACTION.RESOLVE, decision);
      assertResolution(decision);
    },
  });
  setHandler(
    retryPayout,
    (decision) => decide(run, decision, { action: 'retry', destination: decision.destination }),
    {
      validator: (decision: RetryDecision) => {
        assertPossible(run, OPERATOR_ACTION.RETRY, decision);
        assertDestination(decision);
      },
    },
  );
}

function toOperation(resolution: Resolution): PayoutOperation {
  return 'providerPayoutId' in resolution
    ? { action: resolution.action, providerId: resolution.providerPayoutId }
    : { action: resolution.action };
}

/** Whoever decides says so with his name and why: an operation without them would leave nothing to audit. */
function assertDecision({ actor, reason, operationId = 'none' }: Partial<OperatorDecision> = {}): void {
  if ([actor, reason, operationId].every(isText)) return;
  throw decisionRefused('actor and reason are needed, of 256 printable characters at most');
}

const NAMING: readonly string[] = ['adopt', 'disown'] satisfies Resolution['action'][];
const RESOLUTIONS: readonly string[] = [...NAMING, 'resend', 'close', 'paid'];

function assertResolution(resolution: Partial<Resolution>): void {
  const { action = '' } = resolution;
  const isNaming = NAMING.includes(action);
  if (!RESOLUTIONS.includes(action)) {
    throw decisionRefused(`the action must be one of ${RESOLUTIONS.join(', ')}`);
  }
  if (isNaming !== 'providerPayoutId' in resolution) {
    throw decisionRefused('providerPayoutId is needed to adopt or disown, and only then');
  }
  const { providerPayoutId = '' } = resolution as { readonly providerPayoutId?: string };
  if (isNaming && !PROVIDER_ID_PATTERN.test(providerPayoutId)) {
    throw decisionRefused('providerPayoutId says what is adopted or disowned: an id as QbitPay shows it');
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
  const seen = seenBy(run, decision);
  const why = seen && refuseAction(seen.status, seen.holdReason, action);
  if (why !== undefined) throw decisionRefused(why);
}

/**
 * Whoever read the store knows more than a workflow whose activity has not answered yet. Undefined where only the store
 * can say: before the claim, and of what may have been carried out before.
 */
function seenBy(run: PayoutRun, { seen, operationId }: OperatorDecision): SeenInStore | undefined {
  if (operationId !== undefined) return undefined;
  if (seen !== undefined || run.claim === 'pending') return seen;
  return { status: run.status, holdReason: run.holdReason };
}

const decisionRefused = (message: string): ApplicationFailure => refusal(OPERATION_REFUSED, message);

/** Carries the decision out in the store; the step that was waiting or working ends, and the store's status has the next. */
async function decide(
  run: PayoutRun,
  decision: OperatorDecision,
  operation: PayoutOperation,
): Promise<OperationResult> {
  const { payoutId } = run;
  const update = currentUpdateInfo();
  if (update === undefined) throw new Error('decisions are updates');
  await untilClaimed(run);
  const { unknownOutcomeWaitSeconds } = run.policy;
  const { actor, reason, operationId = update.id } = decision;
  const result = await CancellationScope.nonCancellable(() =>
    operatePayout({ payoutId, operationId, actor, reason, operation, unknownOutcomeWaitSeconds }),
  ).catch((error: unknown) => {
    // QbitPay has to be read first, and does not answer; nothing was changed.
    const type = failureTypeOf(error);
    throw refusal(type, FAILURES[type].meaning);
  });
  // What was decided before was taken over then, except where its answer was lost or the workflow was reset.
  const isNews = result.ok && !result.isRepetition;
  if (isNews || isElsewhere(run, result)) {
    syncStatus(run, result);
    if (isNews && result.holdReason === FAILURE_TYPE.UNDERFUNDED) {
      // At the price that was accepted more money is needed than came in.
      run.depositAllocated = false;
      await readDeposit(run);
    }
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
