import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { isText } from '../../src/domain/field-problems.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { refusal } from '../failures.js';
import { awaitBalance } from './await-balance.js';
import { awaitDeposit, readDeposit } from './await-deposit.js';
import { awaitPerson } from './await-person.js';
import { awaitReturnedMoney, awaitSettlement } from './await-settlement.js';
import { claim, untilClaimed } from './claim.js';
import { cancelFunding } from './close.js';
import { convertOrPay } from './convert.js';
import { handleDecisions } from './decisions.js';
import { open } from './open.js';
import { pay } from './pay.js';
import {
  CANCEL_REFUSED,
  balanceReleased,
  brakeReleased,
  cancelPayout,
  depositAllocated,
  getStatus,
  openPayout,
  payoutEvent,
  storeChanged,
  type Cancellation,
  type PayoutWorkflowInput,
  type PayoutWorkflowResult,
} from './payout-messages.js';
import { continueIfLong, createPayoutRun, isHistoryLong, show, type PayoutRun } from './payout-run.js';

/**
 * One payout from request to settlement. Each status has one step; a step ends by taking over the status that the
 * store answered, so that a workflow that was reset goes on from the truth.
 */
export async function payoutWorkflow(input: PayoutWorkflowInput = {}): Promise<PayoutWorkflowResult> {
  const run = createPayoutRun(input);
  handleMessages(run);
  // "Cancel" in the Temporal UI asks for the same as the API's cancel: it never cuts a step short by itself.
  CancellationScope.current().cancelRequested.catch(() => cancelFromTemporal(run));
  await CancellationScope.nonCancellable(async () => {
    await claim(run);
    await runSteps(run);
    await condition(allHandlersFinished);
  });
  return { payoutId: run.payoutId, status: run.claim === 'superseded' ? run.claim : run.status };
}

/** Nobody is there to be answered: that it was too late is shown. */
async function cancelFromTemporal(run: PayoutRun): Promise<void> {
  await untilClaimed(run);
  try {
    const result = await cancelFunding(run, 'Temporal');
    if (!result.ok) showNotCancelled(run, result.message);
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    showNotCancelled(run, error.message);
  }
}

function showNotCancelled(run: PayoutRun, why: string): void {
  run.waitsFor = `${run.waitsFor} (it was not cancelled: ${why})`;
  show(run);
}

type Step = (run: PayoutRun) => Promise<void>;

/** In these a payout waits for others: to end them loses nothing. */
const WAITS: readonly Step[] = [awaitDeposit, awaitBalance, awaitSettlement, awaitPerson];

/** What to do in each status, until it is another one. */
const STEPS: Readonly<Partial<Record<PayoutStatus, Step>>> = {
  [PAYOUT_STATUS.OPENING]: open,
  [PAYOUT_STATUS.AWAITING_DEPOSIT]: awaitDeposit,
  [PAYOUT_STATUS.AWAITING_BALANCE]: awaitBalance,
  [PAYOUT_STATUS.CONVERTING]: convertOrPay,
  [PAYOUT_STATUS.PAYING]: pay,
  [PAYOUT_STATUS.IN_TRANSIT]: awaitSettlement,
  [PAYOUT_STATUS.HELD]: awaitPerson,
};

function nextStep(run: PayoutRun): Step | undefined {
  if (run.claim === 'superseded') return undefined;
  const isFunded = run.status === PAYOUT_STATUS.AWAITING_DEPOSIT && run.depositAllocated;
  return isFunded ? convertOrPay : STEPS[run.status];
}

async function runSteps(run: PayoutRun): Promise<void> {
  try {
    await run.scope.run(async () => {
      for (let step = nextStep(run); step !== undefined; step = nextStep(run)) {
        await continueIfLong();
        await runStep(run, step);
      }
    });
  } catch (error) {
    // A cancellation that the store accepted ends the steps; it has set the status before.
    if (!isCancellation(error) || !isFinalStatus(run.status)) throw error;
  }
  await awaitReturnedMoney(run);
}

/** A step ends by itself, or because a person decided something: the store then says which one is next. */
async function runStep(run: PayoutRun, step: Step): Promise<void> {
  const scope = new CancellationScope();
  run.step = scope;
  run.isWaiting = WAITS.includes(step);
  if (run.isWaiting) endWhenLong(scope);
  try {
    await scope.run(() => step(run));
  } catch (error) {
    if (!isCancellation(error) || run.scope.consideredCancelled) throw error;
    // What it was about to read.
    run.unreadEvents += 1;
  }
}

function endWhenLong(scope: CancellationScope): void {
  condition(isHistoryLong).then(
    () => scope.cancel(),
    () => undefined,
  );
}

/** Takes over what the store says. A wait ends by it; a step that works asks the store by itself. */
async function lookIntoStore(run: PayoutRun): Promise<void> {
  await untilClaimed(run);
  const { status, holdReason } = run;
  await claim(run);
  const isNews = run.status !== status || run.holdReason !== holdReason || run.claim === 'superseded';
  if (isNews && run.isWaiting) run.step.cancel();
}

function handleMessages(run: PayoutRun): void {
  handleDecisions(run);
  setHandler(getStatus, () => run.status);
  setHandler(depositAllocated, async () => {
    await untilClaimed(run);
    await readDeposit(run);
  });
  setHandler(balanceReleased, () => {
    run.unreadReleases += 1;
  });
  setHandler(brakeReleased, () => {
    run.isBrakeReleased = true;
  });
  setHandler(payoutEvent, () => {
    run.unreadEvents += 1;
  });
  setHandler(storeChanged, () => lookIntoStore(run));
  setHandler(openPayout, async () => {
    const isOver = (): boolean => run.claim === 'superseded' || workflowInfo().continueAsNewSuggested;
    await condition(() => run.status !== PAYOUT_STATUS.OPENING || isOver());
    return { status: run.status, deposit: run.deposit };
  });
  setHandler(
    cancelPayout,
    async ({ actor, reason }) => {
      await untilClaimed(run);
      const result = await cancelFunding(run, actor, reason);
      if (!result.ok) throw cancelRefused(result.message);
      return { status: run.status };
    },
    { validator: (cancellation: Cancellation) => assertCancellation(run, cancellation) },
  );
}

/** What has ended otherwise leaves no trace in the history; one that is cancelled already is told so. */
function assertCancellation(
  { status }: PayoutRun,
  { actor, reason = 'none given' }: Partial<Cancellation> = {},
): void {
  if (!isText(actor) || !isText(reason)) {
    throw cancelRefused('an actor is needed; it and the reason have 256 printable characters at most');
  }
  if (isFinalStatus(status) && status !== PAYOUT_STATUS.CANCELLED) {
    throw cancelRefused(`it has ended as ${status}`);
  }
}

const cancelRefused = (why: string): ApplicationFailure =>
  refusal(CANCEL_REFUSED, `The payout cannot be cancelled: ${why}.`);
