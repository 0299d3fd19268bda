import type { Book } from '../src/book/book.js';
import type { Decision, OperationOutcome } from '../src/book/operations.js';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION } from '../src/book/schema.js';
import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { refuseAction } from '../src/domain/hold.js';
import { OPERATOR_ACTION, type OperatorAction } from '../src/domain/operator-action.js';
import type { Destination } from '../src/domain/destination.js';
import { orderExternalId, payoutExternalId } from '../src/domain/identifiers.js';
import { PAYOUT_STATUS } from '../src/domain/payout-status.js';
import { RETURNED_STATUSES } from '../src/domain/provider-objects.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import { toProviderRecord } from './accepted-payout.js';
import type { ActivityDependencies } from './dependencies.js';
import { toReadFailure } from './failure-mapping.js';
import { heartbeating } from './heartbeating.js';
import { toOrderRecord } from './order-reading.js';
import { orNone, scanFor } from './provider-scan.js';
import { printableWord } from './provider-words.js';
import { superseded, type Superseded } from './superseded.js';

/** What a person decided about a payout. */
export type PayoutOperation = {
  /** Name of the API key. */
  readonly actor: string;
  readonly reason: string;
} & (
  | { readonly action: 'hold' | 'resume' | 'resend' | 'close' }
  | { readonly action: 'adopt'; readonly providerId: string }
  | { readonly action: 'retry'; readonly destination?: Destination | undefined }
);

export interface OperatePayoutInput {
  readonly payoutId: string;
  /** Id of the Temporal update: what is carried out again under the same one changes nothing. */
  readonly operationId: string;
  readonly operation: PayoutOperation;
}

export type OperatePayoutResult =
  /** What the book then says. */
  Superseded | (Omit<Superseded, 'kind'> & { readonly kind: 'refused'; readonly message: string });

/** Carries out a person's decision, if it makes sense; the book decides that. */
export function createOperatePayout(deps: ActivityDependencies) {
  return async function operatePayout(input: OperatePayoutInput): Promise<OperatePayoutResult> {
    const outcome = await heartbeating(() => operate(deps, input));
    const book = await superseded(deps.book, input.payoutId);
    return outcome.kind === 'done' ? book : { ...book, kind: 'refused', message: outcome.message };
  };
}

async function operate(
  deps: ActivityDependencies,
  { payoutId, operationId, operation }: OperatePayoutInput,
): Promise<OperationOutcome> {
  const { operations } = deps.book;
  const { actor, reason } = operation;
  const decision = { operationId, payoutId, actor, reason };
  const early = await answerEarly(deps.book, decision, operation.action);
  if (early !== undefined) return early;
  switch (operation.action) {
    case 'hold':
      return operations.hold(decision);
    case 'resume':
      return operations.resume(decision);
    case 'resend':
      return operations.resend(decision);
    case 'close':
      return asReadFailure(() => close(deps, decision));
    case 'retry':
      return asReadFailure(() => retry(deps, { ...decision, destination: operation.destination }));
    case 'adopt':
      return asReadFailure(() => adopt(deps, { ...decision, providerId: operation.providerId }));
  }
}

/** What nothing has to be read for: it was carried out before and its answer was lost, or makes no sense. */
async function answerEarly(
  book: Book,
  { operationId, payoutId }: Decision,
  action: PayoutOperation['action'],
): Promise<OperationOutcome | undefined> {
  if (await book.operations.isCarriedOut(payoutId, operationId)) return { kind: 'done' };
  const needed = NEEDED_ACTION[action];
  if (needed === undefined) return undefined;
  const { status, holdReason } = await book.payouts.get(payoutId);
  const refusal = refuseAction(status, holdReason, needed);
  return refusal === undefined ? undefined : refused(refusal);
}

/** For these the provider is read, before the book decides. */
const NEEDED_ACTION: Readonly<Partial<Record<PayoutOperation['action'], OperatorAction>>> = {
  adopt: OPERATOR_ACTION.RESOLVE,
  close: OPERATOR_ACTION.RESOLVE,
  retry: OPERATOR_ACTION.RETRY,
};

async function asReadFailure<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof QbitPayError ? toReadFailure(error) : error;
  }
}

type Adoption = Decision & { readonly providerId: string };

/** The provider's object must carry the payout's own `externalOrderId`: that alone is identity. */
async function adopt(deps: ActivityDependencies, adoption: Adoption): Promise<OperationOutcome> {
  const payout = await deps.book.payouts.get(adoption.payoutId);
  return payout.heldFrom === PAYOUT_STATUS.CONVERTING
    ? adoptOrder(deps, payout, adoption)
    : adoptPayout(deps, payout, adoption);
}

async function adoptPayout(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { providerId, ...decision }: Adoption,
): Promise<OperationOutcome> {
  const { payoutId, payoutAttempt } = payout;
  const id = {
    operation: FENCE_OPERATION.PAYOUT,
    externalOrderId: payoutExternalId(payoutId, payoutAttempt),
  };
  const { externalOrderId } = id;
  const answer = await orNone(() => deps.qbitpay.getPayout(providerId));
  if (answer?.externalOrderId !== externalOrderId) return notOurs(providerId, externalOrderId);
  const { sends, asked } = await deps.book.attempts.getFence(id);
  const rivals = await refuseRivals(deps, payout, providerId);
  if (rivals !== undefined) return rivals;
  const postAmount = asked?.amount ?? answer.amount;
  const record = toProviderRecord({ answer, postAmount, externalOrderId });
  return deps.book.operations.adoptPayout(decision, { payout: record, sends });
}

async function adoptOrder(
  deps: ActivityDependencies,
  { payoutId, orderAttempt }: PayoutRecord,
  { providerId, ...decision }: Adoption,
): Promise<OperationOutcome> {
  const externalOrderId = orderExternalId(payoutId, orderAttempt);
  const answer = await orNone(() => deps.qbitpay.getOrder(providerId));
  if (answer?.externalOrderId !== externalOrderId) return notOurs(providerId, externalOrderId);
  const { sends } = await deps.book.attempts.getFence({ operation: FENCE_OPERATION.ORDER, externalOrderId });
  return deps.book.operations.adoptOrder(decision, { order: toOrderRecord(externalOrderId, answer), sends });
}

/** What QbitPay accepted is over only if it says so still: of two that live, both would be paid. */
async function retry(
  deps: ActivityDependencies,
  decision: Decision & { readonly destination?: Destination | undefined },
): Promise<OperationOutcome> {
  const payout = await deps.book.payouts.get(decision.payoutId);
  const { payoutId, payoutAttempt, providerPayout } = payout;
  if (providerPayout?.externalOrderId === payoutExternalId(payoutId, payoutAttempt)) {
    const rivals = await refuseRivals(deps, payout);
    if (rivals !== undefined) return rivals;
  }
  return deps.book.operations.retry(decision);
}

/** A last look before its money is free: what is there after all must not be closed. */
async function close(deps: ActivityDependencies, decision: Decision): Promise<OperationOutcome> {
  const payout = await deps.book.payouts.get(decision.payoutId);
  // What QbitPay has more than once is not closed anyhow.
  if (payout.holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME) return deps.book.operations.close(decision);
  const { found, isComplete } = await scanFor(deps, payout);
  if (found[0] !== undefined) return refused(`QbitPay has it as ${found[0].id}: adopt that`);
  return isComplete ? deps.book.operations.close(decision) : refused(UNREADABLE);
}

/** What QbitPay has of the payout's current attempt, and does not give back, beside `adoptedId`. */
async function refuseRivals(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  adoptedId?: string,
): Promise<OperationOutcome | undefined> {
  const { found, isComplete } = await scanFor(deps, { ...payout, heldFrom: PAYOUT_STATUS.PAYING });
  const rival = found.find(({ id, status }) => id !== adoptedId && !RETURNED_STATUSES.includes(status));
  if (rival !== undefined) {
    return refused(`QbitPay has ${rival.id} as ${printableWord(rival.status)}: have it cancelled first`);
  }
  return isComplete ? undefined : refused(UNREADABLE);
}

const UNREADABLE = "QbitPay's list changes faster than it can be read: try again";

function refused(message: string): OperationOutcome {
  return { kind: 'refused', message };
}

function notOurs(providerId: string, externalOrderId: string): OperationOutcome {
  return refused(`QbitPay shows no ${providerId} with the externalOrderId ${externalOrderId}`);
}
