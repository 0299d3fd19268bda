import { refuseEarly, type Decision, type DecisionOutcome } from '../../src/store/controls/decisions.js';
import { rivalWords } from '../../src/store/mirror/absence.js';
import { refuse, type Refusal } from '../../src/store/outcome.js';
import type { PayoutEnd } from '../../src/store/requests/settlements.js';
import {
  FAILURE_TYPE,
  OPERATOR_ACTION,
  type FailureType,
  type OperatorAction,
} from '../../src/domain/failure-type.js';
import type { Destination } from '../../src/domain/destination.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import {
  isFailedOrCancelled,
  PROVIDER_ORDER_STATUS,
  PROVIDER_PAYOUT_STATUS,
  type ProviderOrderStatus,
} from '../../src/domain/provider-status.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import { describeAltered, toAcceptedObject } from './accepted-object.js';
import { findReturns } from './returned-money.js';
import { acceptPrice, canSellRest } from './price-offer.js';
import { isPayoutCovered } from './create-payout.js';
import type { ActivityDependencies } from '../dependencies.js';
import { whyLive } from './preflight-check.js';
import { findMovement, toOrderRecord } from './order-movement.js';
import {
  awaitFreshAttempts,
  awaitFreshSync,
  findAtProvider,
  providerRequestIdOf,
  whyUnclear,
} from '../provider/at-provider.js';
import { observeObject } from '../provider/provider-list.js';
import { orNone } from '../provider/missing-object.js';
import { readState, type PayoutState } from '../payout-state.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { REQUEST_STATE } from '../../src/store/schema.js';
import type { OrderRecord, PayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** What a person decided about a payout. */
export type PayoutOperation =
  | { readonly action: 'hold' | 'resend' | 'close' | 'paid' }
  | { readonly action: 'resume'; readonly acceptPrice?: string | undefined }
  | { readonly action: 'adopt' | 'disown'; readonly providerId: string }
  | { readonly action: 'retry'; readonly destination?: Destination | undefined };

/** `operationId`: what is carried out again under the same one changes nothing. */
export interface OperatePayoutInput extends Decision {
  readonly operation: PayoutOperation;
  /** How long after it was sent nobody sends a request again. */
  readonly unknownOutcomeWaitSeconds: number;
}

/** What the store says after the decision was carried out, now or before, or was refused. */
export type OperatePayoutResult = PayoutState & DecisionOutcome;

/** Carries out a person's decision, if it makes sense; the store decides that. */
export function createOperatePayout(deps: ActivityDependencies) {
  return async function operatePayout(input: OperatePayoutInput): Promise<OperatePayoutResult> {
    const outcome = await carryOut(deps, input);
    return { ...(await readState(deps.store, input.payoutId)), ...outcome };
  };
}

/** For these QbitPay is read, before the store decides: what the payout's hold has to allow. */
const READING: Readonly<Partial<Record<PayoutOperation['action'], OperatorAction>>> = {
  resend: OPERATOR_ACTION.RESOLVE,
  close: OPERATOR_ACTION.RESOLVE,
  paid: OPERATOR_ACTION.RESOLVE,
  adopt: OPERATOR_ACTION.RESOLVE,
  retry: OPERATOR_ACTION.RETRY,
};

async function carryOut(
  deps: ActivityDependencies,
  { operation, unknownOutcomeWaitSeconds, ...decision }: OperatePayoutInput,
): Promise<DecisionOutcome> {
  const { decisions } = deps.store;
  const needed = READING[operation.action];
  const answer = needed && (await decisions.answerEarly(decision, needed));
  if (answer !== undefined) return answer;
  switch (operation.action) {
    case 'hold':
      return decisions.hold(decision);
    case 'resume':
      return operation.acceptPrice === undefined
        ? decisions.resume(decision)
        : acceptPrice(deps, decision, operation.acceptPrice);
    case 'resend':
      return resend(deps, decision, unknownOutcomeWaitSeconds);
    case 'close':
      return close(deps, decision, unknownOutcomeWaitSeconds);
    case 'paid':
      return endByEvidence(deps, decision, PROVIDER_PAYOUT_STATUS.PAID);
    case 'retry':
      return retry(deps, { ...decision, destination: operation.destination });
    case 'adopt':
      return adopt(deps, { ...decision, providerId: operation.providerId }, unknownOutcomeWaitSeconds);
    case 'disown':
      return decisions.disown(decision, operation.providerId);
  }
}

/**
 * QbitPay's object carries the request's own `externalOrderId`, or was named in an answer to it, or is of what was asked
 * for and explained by nothing else. The decision shows what is different about it.
 */
async function adopt(
  deps: ActivityDependencies,
  { providerId, ...decision }: Decision & { readonly providerId: string },
  unknownOutcomeWaitSeconds: number,
): Promise<DecisionOutcome> {
  const { store, qbitpay } = deps;
  const payout = await store.payouts.getPayout(decision.payoutId);
  const isOrder = payout.heldFrom === PAYOUT_STATUS.CONVERTING;
  const current = providerRequestIdOf(isOrder ? payout : { ...payout, heldFrom: PAYOUT_STATUS.PAYING });
  const answer = await orNone<Order | Payout>(() =>
    isOrder ? qbitpay.getOrder(providerId) : qbitpay.getPayout(providerId),
  );
  if (answer === undefined) return refuse(`QbitPay shows no ${providerId}`);
  const readAt = await store.mirror.readClock();
  await awaitFreshAttempts(deps, payout.payoutId, current);
  const attempts = isOrder ? [] : await store.mirror.findAttempts(payout.payoutId);
  const attempt = attempts.find((one) => one.provider_id === providerId);
  const id = { ...current, externalOrderId: attempt?.request_id ?? current.externalOrderId };
  const isAnother = id.externalOrderId !== current.externalOrderId;
  const early = isAnother ? await whyNotLeft(deps, payout, current, unknownOutcomeWaitSeconds) : undefined;
  if (early !== undefined) return early;
  const { asked } = await store.requests.get(id);
  const { found, candidates } = await findAtProvider(deps, payout.payoutId, id);
  const isSame = answer.externalOrderId === id.externalOrderId;
  const isFound = found.some((one) => one.id === providerId);
  const isNamed = await store.requests.isNamedInAnswer(id, providerId);
  if (!isSame && !isFound && !isNamed && !candidates.includes(providerId)) {
    return refuse(
      `${providerId} carries another externalOrderId than ${id.externalOrderId}, and might not be it`,
    );
  }
  const rivals = attempts
    .filter(
      (one) => one.request_id !== id.externalOrderId && one.problem === null && one.missing_since === null,
    )
    .map(({ content }) => content as Payout);
  const others = findOthers([...found, ...rivals], answer);
  if ('message' in others) return others;
  const alsoDone = others.map((one) => one.id);
  const flag = isSame ? undefined : describeAltered(answer, id.externalOrderId);
  const object = toAcceptedObject(payout, { id, answer, asked, flag });
  const outcome = await store.decisions.adopt(decision, {
    ...{ ...object, alsoDone },
    returns:
      isAnother && payout.providerPayout !== null
        ? await findReturns(store, payout.providerPayout.providerPayoutId)
        : [],
  });
  // Whoever adopts one has seen the others: they are no news to the workflow.
  for (const one of outcome.ok ? others : []) await store.mirror.recordReading(observeObject(one), readAt);
  return outcome;
}

/**
 * Of two that live, either may be carried out, so that one of them has to go first. Where all were already, nothing of
 * that can be undone here: the payout goes on with the one that is adopted, and what is beyond it is named.
 */
function findOthers(
  found: readonly (Order | Payout)[],
  adopted: Order | Payout,
): readonly (Order | Payout)[] | Refusal {
  const done = 'symbol' in adopted ? PROVIDER_ORDER_STATUS.FILLED : PROVIDER_PAYOUT_STATUS.PAID;
  const others = found.filter(({ id, status }) => id !== adopted.id && !isFailedOrCancelled(status));
  const open = others.find(({ status }) => status !== done);
  if (open !== undefined) return refuse(rivalWords(open.id, open.statusText));
  if (others[0] !== undefined && adopted.status !== done) {
    return refuse(`QbitPay has ${others[0].id} as ${done}: adopt that`);
  }
  return others;
}

/** The attempt before is over only if QbitPay says so still: of two that live, both would be carried out. */
async function retry(
  deps: ActivityDependencies,
  decision: Decision & { readonly destination?: Destination | undefined },
): Promise<DecisionOutcome> {
  const payout = await deps.store.payouts.getPayout(decision.payoutId);
  const live = await whyLive(deps, payout);
  if (live !== undefined) return refuse(live);
  const isShort = payout.holdReason === FAILURE_TYPE.ORDER_SHORT;
  const isCovered =
    payout.heldFrom === PAYOUT_STATUS.CONVERTING ||
    (await (isShort ? canSellRest(deps, payout) : isPayoutCovered(deps, payout)));
  return deps.store.decisions.retry({ ...decision, isCovered });
}

const OF_ORDER: readonly (FailureType | null)[] = [FAILURE_TYPE.ORDER_UNCLEAR, FAILURE_TYPE.ORDER_OVERDUE];

/** A preflight check before its money is available: what is there after all must not be closed. */
async function close(
  deps: ActivityDependencies,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<DecisionOutcome> {
  const payout = await deps.store.payouts.getPayout(decision.payoutId);
  if (payout.holdReason === FAILURE_TYPE.STATUS_NOT_KNOWN) return closeUnknown(deps, decision, payout);
  if (OF_ORDER.includes(payout.holdReason)) return closeOrder(deps, decision, payout);
  // What QbitPay has more than once is not closed anyhow.
  if (payout.holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME) {
    return deps.store.decisions.close(decision, unknownOutcomeWaitSeconds);
  }
  const refusal = await whyNotAbsent(deps, payout, unknownOutcomeWaitSeconds);
  return refusal ?? deps.store.decisions.close(decision, unknownOutcomeWaitSeconds);
}

/** What is there after all must not be sent again. */
async function resend(
  deps: ActivityDependencies,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<DecisionOutcome> {
  const payout = await deps.store.payouts.getPayout(decision.payoutId);
  const isUnknown = payout.holdReason === FAILURE_TYPE.UNKNOWN_OUTCOME;
  const refusal = isUnknown ? await whyNotAbsent(deps, payout, unknownOutcomeWaitSeconds) : undefined;
  return refusal ?? deps.store.decisions.resend(decision, unknownOutcomeWaitSeconds);
}

/** Why a request cannot be taken for one that never arrived, as a fresh reading shows it. */
async function whyNotAbsent(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  unknownOutcomeWaitSeconds: number,
): Promise<Refusal | undefined> {
  // Only what is read after the wait for an unknown outcome says that it is not there.
  const id = providerRequestIdOf(payout);
  const early = refuseEarly(await deps.store.requests.get(id), unknownOutcomeWaitSeconds);
  if (early !== undefined) return early;
  await awaitFreshAttempts(deps, payout.payoutId, id);
  return whyShown(deps, payout, id);
}

/** QbitPay shows the request, or what might be it. */
async function whyShown(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  id: ProviderRequestId,
): Promise<Refusal | undefined> {
  const atProvider = await findAtProvider(deps, payout.payoutId, id);
  const [found] = atProvider.found;
  if (found !== undefined) return refuse(`QbitPay has it as ${found.id}: adopt that`);
  const unclear = whyUnclear(atProvider);
  return unclear === undefined ? undefined : refuse(unclear);
}

/** Why the attempt that the payout is at cannot be left for another one: what became of it is not known. */
async function whyNotLeft(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  current: ProviderRequestId,
  unknownOutcomeWaitSeconds: number,
): Promise<Refusal | undefined> {
  const request = await deps.store.requests.find(current);
  if (request?.state !== REQUEST_STATE.UNKNOWN) return undefined;
  return refuseEarly(request, unknownOutcomeWaitSeconds) ?? whyShown(deps, payout, current);
}

/** A word that the engine does not know is an end by a person's word; what it came to shows in the money. */
async function closeUnknown(
  deps: ActivityDependencies,
  decision: Decision,
  payout: PayoutRecord,
): Promise<DecisionOutcome> {
  const { providerPayout, heldFrom } = payout;
  if (heldFrom === PAYOUT_STATUS.CONVERTING) return closeOrder(deps, decision, payout);
  await awaitFreshAttempts(deps, payout.payoutId, providerRequestIdOf(payout));
  const returned =
    providerPayout === null ? [] : await findReturns(deps.store, providerPayout.providerPayoutId);
  if (returned.length > 0) return deps.store.decisions.closeMoved(decision, returned);
  return endByEvidence(deps, decision, PROVIDER_PAYOUT_STATUS.FAILED);
}

/**
 * QbitPay does not show a payout any more, or names a word for it that the engine does not know: a person says by evidence
 * from outside how it ended. That it was not paid is believed of one that is shown only with its money.
 */
async function endByEvidence(
  { store, qbitpay }: ActivityDependencies,
  decision: Decision,
  end: PayoutEnd,
): Promise<DecisionOutcome> {
  const { holdReason, heldFrom, providerPayout } = await store.payouts.getPayout(decision.payoutId);
  const isOfPayout = holdReason === FAILURE_TYPE.STATUS_NOT_KNOWN && heldFrom === PAYOUT_STATUS.IN_TRANSIT;
  if (!isOfPayout || providerPayout === null) return refuse('QbitPay says itself what becomes of it');
  const shown = await orNone(() => qbitpay.getPayout(providerPayout.providerPayoutId));
  if (shown !== undefined && shown.status !== PROVIDER_PAYOUT_STATUS.UNKNOWN) {
    return refuse(`QbitPay shows it as ${shown.statusText}: resume`);
  }
  if (shown !== undefined && end === PROVIDER_PAYOUT_STATUS.FAILED) {
    return refuse('QbitPay does not show its money again');
  }
  return store.decisions.endByEvidence(decision, end);
}

/**
 * What QbitPay shows of an order that has ended is all of it, by a person's word, whatever the order itself states. That
 * an unknown word is an end is a person's word as well: what it moved has to show, and to be what the order states.
 */
async function closeOrder(
  deps: ActivityDependencies,
  decision: Decision,
  payout: PayoutRecord,
): Promise<DecisionOutcome> {
  const { store, qbitpay } = deps;
  const { order } = payout;
  if (order === null) throw new Error('the order was accepted and is not in the store');
  const answer = await orNone(() => qbitpay.getOrder(order.providerOrderId));
  if (answer === undefined) return closeUnshown(deps, decision, payout, order);
  const isOverdue =
    payout.holdReason === FAILURE_TYPE.ORDER_OVERDUE && answer.status === PROVIDER_ORDER_STATUS.PENDING;
  if (GOING_ON.includes(answer.status) && !isOverdue)
    return refuse(`QbitPay calls the order ${answer.status}: resume`);
  const isEnded = isOverdue || isFailedOrCancelled(answer.status);
  const since = await store.mirror.readClock();
  await awaitFreshSync(deps, 'a decision', providerRequestIdOf(payout));
  const { movement } = await findMovement(store, isEnded ? { ...answer, quoteAmount: '0' } : answer, since);
  if (movement === undefined) return refuse(NOT_ALL_SHOWN);
  const ended = { ...answer, status: PROVIDER_ORDER_STATUS.CANCELLED };
  return store.decisions.closeMoved(decision, toOrderRecord(order.externalOrderId, ended, movement));
}

/**
 * An order that QbitPay does not show, alone or in its list: by a person's word it is over, and its balance
 * transactions are all of it. They must be what QbitPay said when it accepted it.
 */
async function closeUnshown(
  deps: ActivityDependencies,
  decision: Decision,
  payout: PayoutRecord,
  order: OrderRecord,
): Promise<DecisionOutcome> {
  if (payout.holdReason !== FAILURE_TYPE.ORDER_UNCLEAR)
    return refuse('QbitPay does not show the order: resume');
  const request = providerRequestIdOf(payout);
  const since = await deps.store.mirror.readClock();
  await awaitFreshSync(deps, 'a decision', request);
  const { found } = await findAtProvider(deps, payout.payoutId, request);
  if (found[0] !== undefined) return refuse(`QbitPay has the order as ${found[0].id}: resume`);
  const stated = { ...order, id: order.providerOrderId };
  const { movement } = await findMovement(deps.store, stated, since);
  if (movement === undefined) return refuse(NOT_ALL_SHOWN);
  const { sold: amount, bought: quoteAmount, fee } = movement;
  const ended = { ...order, amount, quoteAmount, fee, status: PROVIDER_ORDER_STATUS.CANCELLED };
  return deps.store.decisions.closeMoved(decision, ended);
}

const NOT_ALL_SHOWN = 'QbitPay does not show all that the order moved';

/** With an order of these the payout goes on: it may be filled yet, or is. */
const GOING_ON: readonly ProviderOrderStatus[] = [
  PROVIDER_ORDER_STATUS.PENDING,
  PROVIDER_ORDER_STATUS.FILLED,
];
