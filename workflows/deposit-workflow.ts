import {
  allHandlersFinished,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { AllocationOutcome } from '../activities/deposits/allocate-deposit.js';
import { backoffMs, DEFAULT_DEPOSIT_POLICY } from '../src/domain/policy.js';
import { FAILURE_KIND, FAILURE_TYPE, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import { depositWorkflowId, payoutWorkflowId } from '../src/domain/identifiers.js';
import { isFinalStatus } from '../src/domain/payout-status.js';
import {
  allocateDeposit,
  assignDeposit as assignInStore,
  awaitProvider,
  verifyDeposit,
} from './activity-options.js';
import { assignDeposit, transactionDeclared, type DepositWorkflowInput } from './deposit-messages.js';
import { failureTypeOf } from './failures.js';
import { depositAllocated } from './payout/payout-messages.js';
import { createPublisher, showAsTimer } from './visibility.js';
import { wakeWaiting } from './wake-up.js';

type Notice = NonNullable<DepositWorkflowInput['notice']>;

export interface DepositWorkflowResult {
  /** Who got it; several where a person split it, none where it became available or another workflow waits for its owner. */
  readonly payoutIds: readonly string[];
  /** The first of them; null where there is none. */
  readonly payoutId: string | null;
}

/** What one deposit's workflow knows. */
interface DepositRun {
  readonly publish: ReturnType<typeof createPublisher>;
  /** The key that this workflow is named after. */
  readonly announcedAs: string;
  /** The key that the store knows the deposit by. */
  depositKey: string;
  /** Set when it has found its owners. */
  payoutIds: readonly string[] | undefined;
  /** Declarations of its transaction that no look has answered yet. */
  unreadDeclarations: number;
}

/**
 * One deposit from its announcement to its owner: verified at the provider, decided in the store, told to the
 * payout. A deposit that is nobody's stays as a running workflow, so that it cannot be overlooked, until a person
 * assigns it or its transaction is declared.
 */
export async function depositWorkflow(input: DepositWorkflowInput): Promise<DepositWorkflowResult> {
  const { depositKey, notice } = input;
  const run: DepositRun = {
    publish: createPublisher(),
    announcedAs: depositKey,
    depositKey,
    payoutIds: undefined,
    unreadDeclarations: 0,
  };
  handleMessages(run);
  if (notice !== undefined) run.depositKey = await verify(run, input, notice);
  await adoptAllocation(run, await allocateDeposit({ payoutId: null, depositKey: run.depositKey }));
  await condition(allHandlersFinished);
  const payoutIds = run.payoutIds ?? [];
  return { payoutId: payoutIds[0] ?? null, payoutIds };
}

function handleMessages(run: DepositRun): void {
  setHandler(transactionDeclared, () => {
    run.unreadDeclarations += 1;
  });
  setHandler(assignDeposit, async ({ to, actor }) => {
    const { depositKey } = run;
    const outcome = await assignInStore({ payoutId: null, depositKey, to, actor });
    if (outcome.kind === 'refused') return { refusal: outcome.message };
    for (const { payoutId, missing } of outcome.payouts) await tellPayout(payoutId, depositKey, missing);
    await wakeWaiting(outcome.wake);
    run.payoutIds = outcome.payouts.map(({ payoutId }) => payoutId);
    return { refusal: null };
  });
}

async function adoptAllocation(run: DepositRun, first: AllocationOutcome): Promise<void> {
  let allocation = first;
  if (allocation.kind === 'allocated') {
    const { payoutId, missing } = allocation;
    if (!(await tellPayout(payoutId, run.depositKey, missing))) {
      // Nobody is there to be told. If the payout was closed meanwhile, its money became available with it.
      allocation = await allocateDeposit({ payoutId: null, depositKey: run.depositKey });
      const isOpen = allocation.kind === 'allocated' && !isFinalStatus(allocation.payoutStatus);
      if (isOpen) return waitForPerson(run, FAILURE_TYPE.PAYOUT_NOT_RUNNING);
    }
  }
  if (allocation.kind === 'unallocated') return waitForPerson(run, allocation.reason);
  await wakeWaiting(allocation.wake);
  if (allocation.kind === 'freed') {
    run.payoutIds = [];
    run.publish({ PayoutHoldReason: null }, 'went to the available balance: its payout has all its money');
    return;
  }
  run.payoutIds = [allocation.payoutId];
  run.publish({ PayoutHoldReason: null }, `allocated to payout \`${allocation.payoutId}\``);
}

/** Waits, for as long as it takes, until the provider shows the money; after a while visibly. */
async function verify(run: DepositRun, input: DepositWorkflowInput, notice: Notice): Promise<string> {
  const policy = { ...DEFAULT_DEPOSIT_POLICY, ...input.policy };
  const { depositKey } = input;
  const announced = `${notice.amount} ${notice.currency} announced; not verified yet`;
  run.publish({ FundingCurrency: notice.currency }, announced);
  const patience = { isOver: false };
  let verifiedAs: string | undefined;
  const warning = condition(() => verifiedAs !== undefined, policy.verifyPatienceSeconds * 1_000, {
    summary: 'patience with the deposit',
  }).then(
    (inTime) => {
      if (inTime) return;
      patience.isOver = true;
      showReason(run, FAILURE_TYPE.DEPOSIT_UNVERIFIED);
    },
    // Cancelled: the loop below ends with it, and says so.
    () => undefined,
  );
  for (let attempt = 1; verifiedAs === undefined; attempt += 1) {
    try {
      const proof = await verifyDeposit({
        payoutId: null,
        depositKey,
        notice,
        verifyIntervalMs: policy.verifyIntervalMs,
      });
      verifiedAs = proof.depositKey;
    } catch (error) {
      if (isCancellation(error)) throw error;
      const reason = failureTypeOf(error);
      // No reading at the provider will change it: only a person can tell.
      showReason(run, reason);
      if (isForPerson(reason)) return showAsTimer(`unallocated: ${reason}`);
      await awaitProvider(policy, reason, null);
      await sleep(backoffMs(attempt, policy.retryInitialMs, policy.retryMaxMs, Math.random()));
      if (patience.isOver) showReason(run, FAILURE_TYPE.DEPOSIT_UNVERIFIED);
      else run.publish({ PayoutHoldReason: null }, announced);
    }
  }
  await warning;
  return verifiedAs;
}

function isForPerson(reason: FailureType): boolean {
  return reason === FAILURE_TYPE.DEPOSIT_UNVERIFIED || FAILURES[reason].kind === FAILURE_KIND.UNALLOCATED;
}

/** False when no workflow of this payout runs. */
async function tellPayout(payoutId: string, depositKey: string, missing: string): Promise<boolean> {
  try {
    const payout = getExternalWorkflowHandle(payoutWorkflowId(payoutId));
    await payout.signal(depositAllocated, { depositKey, missing });
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the payout of the deposit does not run', { payoutId, depositKey });
    return false;
  }
}

/** Until someone assigns the deposit, declares its transaction, or cancels this workflow. */
async function waitForPerson(run: DepositRun, reason: FailureType): Promise<void> {
  if (await isShownElsewhere(run)) {
    run.payoutIds = [];
    run.publish({ PayoutHoldReason: null }, `is the deposit \`${run.depositKey}\`, whose workflow waits`);
    return;
  }
  showReason(run, reason);
  const timer = new CancellationScope();
  const unallocated = timer.run(() => showAsTimer(`unallocated: ${reason}`));
  await Promise.race([
    unallocated,
    condition(() => run.payoutIds !== undefined || run.unreadDeclarations > 0),
  ]);
  timer.cancel();
  await unallocated.catch(() => undefined);
  if (run.payoutIds !== undefined) {
    run.publish({ PayoutHoldReason: null }, 'assigned by a person');
    return;
  }
  run.unreadDeclarations = 0;
  await adoptAllocation(run, await allocateDeposit({ payoutId: null, depositKey: run.depositKey }));
}

/**
 * A deposit with two names is shown, and decided about, under the one that the store knows it by. The workflow of that
 * name is told to look again; false when there is none any more.
 */
async function isShownElsewhere({ announcedAs, depositKey }: DepositRun): Promise<boolean> {
  if (announcedAs === depositKey) return false;
  try {
    await getExternalWorkflowHandle(depositWorkflowId(depositKey)).signal(transactionDeclared);
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return false;
  }
}

function showReason(run: DepositRun, reason: FailureType): void {
  const { meaning, action } = FAILURES[reason];
  run.publish({ PayoutHoldReason: reason }, `**${reason}**: ${meaning}\n\n**What to do:** ${action}`);
}
