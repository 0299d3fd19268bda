import {
  CancellationScope,
  ParentClosePolicy,
  sleep,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { CloseFundingInput } from '../activities/payouts/close-funding.js';
import { FAILURES } from '../src/domain/failure-type.js';
import { depositWorkflowId } from '../src/domain/identifiers.js';
import { DEPOSIT_WORKFLOW_TYPE, type DepositWorkflowInput } from './deposit-messages.js';
import { failureTypeOf, notNow } from './failures.js';
import { closeFunding } from './payout-activities.js';
import { adopt, adoptState, type PayoutRun } from './payout-run.js';
import { wakeWaiting } from './wake-up.js';

const DETAILS = {
  cancelled: 'cancelled',
  expired: 'no deposit came before the deadline',
  failed: 'refused for good',
  rejected: 'cannot be carried out as asked',
} as const;

/** Ends the payout in the store, if it is not too late there; answers why not, and undefined when it has ended. */
export async function closeAs(
  run: PayoutRun,
  to: CloseFundingInput['to'],
  failure: CloseFundingInput['failure'] = null,
  detail: string = failure === null ? DETAILS[to] : `${DETAILS[to]}: ${failure.message}`,
): Promise<string | undefined> {
  const { payoutId } = run.input.request;
  const outcome = await closeFunding({ payoutId, origin: run.origin, to, detail, failure });
  // The provider's own words stay in the store: they may name the recipient.
  const shown = failure === null ? detail : `${DETAILS[to]}: ${FAILURES[failure.type].meaning}`;
  if (outcome.kind === 'closed') {
    run.unallocatedDepositKeys = (outcome as ClosedBeforeLedger).unallocatedDepositKeys ?? [];
    adopt(run, outcome.status, shown);
    await wakeWaiting(outcome);
  } else if (outcome.kind === 'refused' && to !== 'cancelled') {
    // The step that wanted to end the payout goes on from where the store is; a refused cancellation changes nothing.
    adoptState(run, { status: outcome.status, holdReason: outcome.holdReason ?? null });
  }
  if (outcome.kind === 'closed') return undefined;
  // Answers recorded before they said why have the status alone.
  return (outcome as Partial<Extract<typeof outcome, { kind: 'refused' }>>).why ?? `it is ${outcome.status}`;
}

/** Recorded histories have it: closing a payout unallocated its deposits once. */
interface ClosedBeforeLedger {
  readonly unallocatedDepositKeys?: readonly string[];
}

/**
 * Cancels on behalf of `actor`; answers why not, where it is too late. The steps end, wherever they are waiting.
 * @throws ApplicationFailure of why QbitPay could not be read, where it has to be
 */
export async function cancelFunding(
  run: PayoutRun,
  actor: string,
  reason?: string,
): Promise<string | undefined> {
  const detail = `cancelled by ${actor}${reason === undefined ? '' : `: ${reason}`}`;
  try {
    const refusal = await CancellationScope.nonCancellable(() => closeAs(run, 'cancelled', null, detail));
    if (refusal === undefined) run.scope.cancel();
    return refusal;
  } catch (error) {
    throw notNow(failureTypeOf(error));
  }
}

/**
 * A deposit that lost its payout shows as a running workflow, until a person decides about it. Only payouts that
 * were closed before the ledger have any: today their money is available.
 */
export async function keepUnallocatedDepositsVisible(run: PayoutRun): Promise<void> {
  for (const depositKey of run.unallocatedDepositKeys) await startUnallocatedDeposit({ depositKey });
}

const UNALLOCATED_START_ATTEMPTS = 12;

/**
 * The workflow that allocated the deposit may be on its last step still: its id is free a moment later, or after
 * an hour at most. One that runs beyond that is visible itself.
 */
async function startUnallocatedDeposit(input: DepositWorkflowInput): Promise<void> {
  for (let attempt = 1; attempt <= UNALLOCATED_START_ATTEMPTS; attempt += 1) {
    try {
      await startChild(DEPOSIT_WORKFLOW_TYPE, {
        workflowId: depositWorkflowId(input.depositKey),
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      });
      return;
    } catch (error) {
      // The class itself is not to be had inside the workflow sandbox.
      if (!(error instanceof Error) || error.name !== 'WorkflowExecutionAlreadyStartedError') throw error;
      await sleep(2_000 * 2 ** (attempt - 1), { summary: 'waiting for the deposit workflow to end' });
    }
  }
}
