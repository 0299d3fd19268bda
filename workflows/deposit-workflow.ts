import { condition, getExternalWorkflowHandle, isCancellation, log, sleep } from '@temporalio/workflow';
import { backoffMs } from '../src/domain/backoff.js';
import { FAILURE_TYPE, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import { payoutWorkflowId } from '../src/domain/identifiers.js';
import { isFinalStatus } from '../src/domain/payout-status.js';
import { DEFAULT_DEPOSIT_POLICY } from '../src/domain/policy.js';
import type { DepositWorkflowInput } from './deposit-messages.js';
import { failureTypeOf } from './failures.js';
import { allocateDeposit, verifyDeposit } from './payout-activities.js';
import { depositAllocated } from './payout-messages.js';
import { awaitProvider } from './provider-wait.js';
import { createPublisher, showAsTimer } from './visibility.js';

type Publish = ReturnType<typeof createPublisher>;
type Notice = NonNullable<DepositWorkflowInput['notice']>;

/**
 * One deposit from its announcement to its owner: verified at the provider, decided in the book, told to the
 * payout. A deposit that is nobody's stays as a running workflow, so that it cannot be overlooked.
 */
export async function depositWorkflow(input: DepositWorkflowInput): Promise<{ readonly payoutId: string }> {
  const publish = createPublisher();
  const { depositKey, notice } = input;
  if (notice !== undefined) await verify(input, notice, publish);
  let allocation = await allocateDeposit({ depositKey });
  if (allocation.kind === 'allocated' && !(await tellPayout(allocation.payoutId, depositKey))) {
    // Nobody is there to be told. If the payout was closed meanwhile, its deposits were parked with it.
    allocation = await allocateDeposit({ depositKey });
    const isOpen = allocation.kind === 'allocated' && !isFinalStatus(allocation.payoutStatus);
    if (isOpen) return waitForPerson(FAILURE_TYPE.PAYOUT_NOT_RUNNING, publish);
  }
  if (allocation.kind === 'parked') return waitForPerson(allocation.reason, publish);
  publish({ PayoutHoldReason: null }, `allocated to payout \`${allocation.payoutId}\``);
  return { payoutId: allocation.payoutId };
}

/** Waits, for as long as it takes, until the provider shows the money; after a while visibly. */
async function verify(input: DepositWorkflowInput, notice: Notice, publish: Publish): Promise<void> {
  const policy = { ...DEFAULT_DEPOSIT_POLICY, ...input.policy };
  publish(
    { FundingCurrency: notice.currency },
    `${notice.amount} ${notice.currency} announced; not verified yet`,
  );
  let verified = false;
  const warning = condition(() => verified, policy.verifyPatienceSeconds * 1_000, {
    summary: 'patience with the deposit',
  }).then(
    (inTime) => {
      if (!inTime) showReason(FAILURE_TYPE.DEPOSIT_UNVERIFIED, publish);
    },
    // Cancelled: the loop below ends with it, and says so.
    () => undefined,
  );
  for (let attempt = 1; !verified; attempt += 1) {
    try {
      const { depositKey } = input;
      await verifyDeposit({ depositKey, notice, verifyIntervalMs: policy.verifyIntervalMs });
      verified = true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const reason = failureTypeOf(error);
      // There is nothing to look for at the provider: only a person can tell.
      if (reason === FAILURE_TYPE.DEPOSIT_UNVERIFIED) return waitForPerson(reason, publish);
      showReason(reason, publish);
      await awaitProvider(policy, reason, null);
      await sleep(backoffMs(attempt, policy.retryInitialMs, policy.retryMaxMs, Math.random()));
    }
  }
  await warning;
}

/** False when no workflow of this payout runs. */
async function tellPayout(payoutId: string, depositKey: string): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(payoutWorkflowId(payoutId)).signal(depositAllocated, { depositKey });
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the payout of the deposit does not run', { payoutId, depositKey });
    return false;
  }
}

/** Until someone cancels this workflow: the money stays in the account, untouched. */
function waitForPerson(reason: FailureType, publish: Publish): Promise<never> {
  showReason(reason, publish);
  return showAsTimer(`parked: ${reason}`);
}

function showReason(reason: FailureType, publish: Publish): void {
  const { meaning, action } = FAILURES[reason];
  publish({ PayoutHoldReason: reason }, `**${reason}**: ${meaning}\n\n**What to do:** ${action}`);
}
