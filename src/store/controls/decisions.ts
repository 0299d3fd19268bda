import { sql } from 'kysely';
import type { Destination } from '../../domain/destination.js';
import {
  FAILURE_TYPE,
  FAILURES,
  OPERATOR_ACTION,
  refuseAction,
  type FailureType,
  type OperatorAction,
} from '../../domain/failure-type.js';
import { canTransition, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { PROVIDER_PAYOUT_STATUS } from '../../domain/provider-status.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { disown as disownObject, whyAnotherLives } from '../mirror/absence.js';
import { waitAnew } from '../mirror/provider-objects.js';
import { DONE, refuse, type Refusal } from '../outcome.js';
import type { Discrepancy } from '../payouts/discrepancies.js';
import type { OrderRecord } from '../payouts/payout-reading.js';
import {
  addFlag,
  lockExistingPayout,
  transitionPayout,
  updatePayout,
} from '../payouts/payout-transitions.js';
import { freeFunds } from '../payouts/reservations.js';
import { readEnd, type AcceptedObject } from '../requests/accepted-requests.js';
import { adoptObject } from './adoptions.js';
import { redirect, takePrice } from './changed-terms.js';
import { isCarriedOut, nameOperation, type KeyTaken } from './operation-ids.js';
import { writeExecution } from '../requests/orders.js';
import {
  currentRequest,
  nextAttempt,
  OBJECT_END,
  REQUEST_KIND,
  type ProviderRequestId,
} from '../requests/request-kind.js';
import { authoriseResend, get, type ProviderRequest } from '../requests/send-guard.js';
import { isBeingSent, STILL_SENDING } from '../sending-lock.js';
import { bookUnannouncedReturns, type ReturnReading } from '../requests/returns.js';
import { settleByEvidence, type PayoutEnd } from '../requests/settlements.js';
import { REQUEST_OPERATION, REQUEST_STATE, type PayoutRow } from '../schema.js';

/** What persons decide about payouts: each is written in the timeline with who decided it, and why. */
export function createDecisions(db: StoreDatabase) {
  return {
    hold: hold.bind(null, db),
    resume: resume.bind(null, db),
    acceptPrice: acceptPrice.bind(null, db),
    resend: resend.bind(null, db),
    close: close.bind(null, db),
    closeMoved: closeMoved.bind(null, db),
    endByEvidence: endByEvidence.bind(null, db),
    adopt: adopt.bind(null, db),
    disown: disown.bind(null, db),
    retry: retry.bind(null, db),
    answerEarly: answerEarly.bind(null, db),
    nameOperation: nameOperation.bind(null, db),
  };
}

export interface Decision {
  /** Carried out once: the same one again changes nothing. */
  readonly operationId: string;
  readonly payoutId: string;
  /** Name of the API key. */
  readonly actor: string;
  readonly reason: string;
}

/** Without an id it cannot be a repetition. */
type NamedDecision = Pick<Decision, 'payoutId'> & { readonly operationId?: string | undefined };

export type DecisionOutcome =
  /** `isRepetition`: it was carried out before, and its answer was lost. @default false */
  { readonly ok: true; readonly isRepetition?: true } | Refusal | KeyTaken;

/** Puts a payout that has not ended on hold; a request that is on its way is not stopped by it. */
async function hold(db: StoreDatabase, decision: Decision): Promise<DecisionOutcome> {
  return decide(db, decision, 'hold', async (trx, row) => {
    await transitionPayout(trx, row, PAYOUT_STATUS.HELD, {
      detail: `held by ${wordsOf(decision)}`,
      holdReason: FAILURE_TYPE.HELD_BY_OPERATOR,
    });
    return DONE;
  });
}

/** The payout goes on with what it was doing. */
async function resume(db: StoreDatabase, decision: Decision): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESUME, async (trx, row) => {
    await waitAnew(trx, row.payout_id);
    await continuePayout(trx, row, row.held_from, `resumed by ${wordsOf(decision)}`);
    return DONE;
  });
}

/** The payout goes on at this price or a better one, once its money suffices for that. */
async function acceptPrice(
  db: StoreDatabase,
  decision: Decision,
  { price, missing }: { readonly price: string; readonly missing: string },
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESUME, async (trx, row) => {
    const detail = `${price} accepted by ${wordsOf(decision)}`;
    const outcome = await takePrice(trx, row, { price, missing, detail });
    if (outcome === 'goOn') await continuePayout(trx, row, row.held_from, detail);
    return typeof outcome === 'string' ? DONE : outcome;
  });
}

/**
 * A request whose outcome is not known may be sent again, once, by the decision of a person: not before the wait for an
 * unknown outcome is over, in which QbitPay may have it without showing it.
 */
async function resend(
  db: StoreDatabase,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const request = await readUnsent(trx, row, unknownOutcomeWaitSeconds);
    if ('message' in request) return request;
    // Where its sender wrote an outcome meanwhile, the step goes on from that.
    if (request.state === REQUEST_STATE.UNKNOWN) {
      await authoriseResend(trx, request.id, request.sends, decision.actor);
    }
    await continuePayout(trx, row, row.held_from, `to be sent again as not sent, says ${wordsOf(decision)}`);
    return DONE;
  });
}

/** Ends a payout whose request was not found, not before the wait for an unknown outcome is over. */
async function close(
  db: StoreDatabase,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const request = await readUnsent(trx, row, unknownOutcomeWaitSeconds);
    if ('message' in request) return request;
    if (request.state === REQUEST_STATE.ACCEPTED) return refuse('QbitPay has accepted it by now');
    return closeAs(trx, row, decision);
  });
}

/** The request of a payout that is held for its unknown outcome; refused while it may have left a moment ago. */
async function readUnsent(
  trx: StoreTransaction,
  row: PayoutRow,
  unknownOutcomeWaitSeconds: number,
): Promise<CurrentRequest | Refusal> {
  if (row.hold_reason !== FAILURE_TYPE.UNKNOWN_OUTCOME) {
    return refuse('QbitPay has it: it can neither be sent again nor be closed as not sent');
  }
  const request = await readCurrent(trx, row);
  if (await isBeingSent(trx, request.id)) return STILL_SENDING;
  const rival = await whyBeside(trx, row);
  if (rival !== undefined) return refuse(rival);
  return refuseEarly(request, unknownOutcomeWaitSeconds) ?? request;
}

/**
 * Ends a payout whose object has ended in words that the engine does not know: QbitPay shows that the payout's money is
 * back, or what its order moved. Either is the payout's, and freed.
 */
async function closeMoved(
  db: StoreDatabase,
  decision: Decision,
  moved: readonly ReturnReading[] | OrderRecord,
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const booked =
      'symbol' in moved
        ? await writeExecution(trx, row, moved)
        : await bookUnannouncedReturns(trx, row, moved);
    return booked.ok ? closeAs(trx, row, decision) : booked;
  });
}

/** A payout that QbitPay says nothing of any more has ended so, by evidence that a person has. */
async function endByEvidence(
  db: StoreDatabase,
  decision: Decision,
  end: PayoutEnd,
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const rival = end === PROVIDER_PAYOUT_STATUS.PAID ? undefined : await whyBeside(trx, row);
    if (rival !== undefined) return refuse(rival);
    return settleByEvidence(trx, row, end, `${end}, says ${wordsOf(decision)}`);
  });
}

/** Another attempt of the payout lives at QbitPay. */
function whyBeside(trx: StoreTransaction, row: PayoutRow): Promise<string | undefined> {
  const { externalOrderId } = currentRequest(row, REQUEST_OPERATION.PAYOUT);
  return whyAnotherLives(trx, row.payout_id, externalOrderId);
}

/** What the payout has is freed. */
async function closeAs(trx: StoreTransaction, row: PayoutRow, decision: Decision): Promise<DecisionOutcome> {
  const rival = await whyBeside(trx, row);
  if (rival !== undefined) return refuse(rival);
  const type = FAILURE_TYPE.CLOSED_BY_OPERATOR;
  await transitionPayout(trx, row, PAYOUT_STATUS.FAILED, {
    detail: `closed by ${wordsOf(decision)}`,
    failure: { type, message: FAILURES[type].meaning },
  });
  await freeFunds(trx, row);
  return DONE;
}

export interface Adoption {
  readonly object: AcceptedObject;
  readonly discrepancy?: Discrepancy | undefined;
  /** Ids of what QbitPay carried out under the same `externalOrderId` as well. */
  readonly alsoDone: readonly string[];
  /** What came back of the attempt that the payout is at, where another one is adopted. */
  readonly returns?: readonly ReturnReading[] | undefined;
}

/** The order or payout that QbitPay has is this payout's. */
async function adopt(
  db: StoreDatabase,
  decision: Decision,
  { object, discrepancy, alsoDone, returns }: Adoption,
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const isOrder = 'providerOrderId' in object;
    if (alsoDone.length > 0) {
      const what = isOrder ? 'filled' : 'paid';
      const detail = `QbitPay ${what} ${alsoDone.join(', ')} as well: what that moved is not booked`;
      await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, detail);
    }
    const providerId = isOrder ? object.providerOrderId : object.providerPayoutId;
    const detail = `${providerId} adopted by ${wordsOf(decision)}`;
    return adoptObject(trx, row, object, { detail, discrepancy, resumes: true, returns });
  });
}

/** What QbitPay has is somebody else's: the payout goes on looking for its request without it. */
async function disown(db: StoreDatabase, decision: Decision, providerId: string): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (row.hold_reason === null || !DISOWNING.includes(row.hold_reason)) {
      return refuse('its hold is not about what might be its request');
    }
    const { id, state, sends } = await readCurrent(trx, row);
    if (state === REQUEST_STATE.ACCEPTED) return refuse('QbitPay has accepted it by now');
    if (!(await disownObject(trx, { ...id, sends }, providerId))) {
      return refuse(`${providerId} is nothing that might be its request`);
    }
    await continuePayout(
      trx,
      row,
      row.held_from,
      `${providerId} is somebody else's, says ${wordsOf(decision)}`,
    );
    return DONE;
  });
}

const DISOWNING: readonly FailureType[] = [FAILURE_TYPE.UNKNOWN_OUTCOME, FAILURE_TYPE.ANSWER_CONTRADICTS];

/** A new attempt, under the next number; of the order where the payout had not come further. */
async function retry(
  db: StoreDatabase,
  decision: Decision & {
    readonly destination?: Destination | undefined;
    /** The payout's own money suffices for another attempt. */
    readonly isCovered: boolean;
  },
): Promise<DecisionOutcome> {
  return decide(db, decision, OPERATOR_ACTION.RETRY, async (trx, row) => {
    const rival = await whyBeside(trx, row);
    if (rival !== undefined) return refuse(rival);
    const { id, state } = await readCurrent(trx, row);
    const end = state === REQUEST_STATE.ACCEPTED ? await readEnd(trx, id) : undefined;
    if (end === OBJECT_END.RETURN_PENDING) return refuse('its money has not come back from QbitPay yet');
    // Its order is over, and its payout was not sent: what it still needs is sold by another order.
    const isShort = row.hold_reason === FAILURE_TYPE.ORDER_SHORT;
    if (!decision.isCovered) {
      return refuse('its money does not suffice for another attempt and its fee: cancel it, and pay anew');
    }
    const operation = isShort ? REQUEST_OPERATION.ORDER : id.operation;
    const { attempt, sentIn } = REQUEST_KIND[operation];
    // As long as the attempt before may live, another one could pay twice.
    const isOver = isShort || state === REQUEST_STATE.REFUSED || end === OBJECT_END.GIVEN_UP;
    if (!isOver) return refuse(`the attempt before is ${state}: it may still be carried out`);
    // What was accepted may have been sent twice, and only one of the two be over.
    if (state === REQUEST_STATE.ACCEPTED && (await isBeingSent(trx, id))) return STILL_SENDING;
    const { destination } = decision;
    await updatePayout(trx, row.payout_id, { [attempt]: await nextAttempt(trx, row, operation) });
    const how = destination === undefined ? '' : await redirect(trx, row, destination, decision.actor);
    await continuePayout(trx, row, sentIn, `another attempt${how}, says ${wordsOf(decision)}`);
    return DONE;
  });
}

function wordsOf({ actor, reason }: Decision): string {
  return `${actor}: ${reason}`;
}

/**
 * Carries a decision out once, where the payout's status and hold allow the action. One that is refused leaves nothing
 * behind of what was written for it.
 */
async function decide(
  db: StoreDatabase,
  decision: Decision,
  action: OperatorAction | 'hold',
  step: (trx: StoreTransaction, row: PayoutRow) => Promise<DecisionOutcome>,
): Promise<DecisionOutcome> {
  return inTransaction(db, async (trx) => {
    const row = await lockOrAnswer(trx, decision, action);
    if ('ok' in row) return row;
    const { operationId, payoutId, actor, reason } = decision;
    await sql`savepoint decision`.execute(trx);
    const outcome = await step(trx, row);
    if (outcome.ok) {
      const values = { operation_id: operationId, payout_id: payoutId, action, actor, reason };
      await trx.insertInto('payout_decisions').values(values).execute();
    } else await sql`rollback to savepoint decision`.execute(trx);
    return outcome;
  });
}

/** Locks the payout; answers where it is not in the store, and where the decision was carried out before or makes no sense. */
async function lockOrAnswer(
  trx: StoreTransaction,
  { payoutId, operationId }: NamedDecision,
  action: OperatorAction | 'hold',
): Promise<PayoutRow | DecisionOutcome> {
  const row = await lockExistingPayout(trx, payoutId);
  const before = operationId !== undefined && (await isCarriedOut(trx, payoutId, operationId));
  if (before !== false) return before === true ? { ok: true, isRepetition: true } : before;
  const { status, hold_reason: holdReason } = row;
  if (action !== 'hold') {
    const refusal = refuseAction(status, holdReason, action);
    return refusal === undefined ? row : refuse(refusal);
  }
  if (status === PAYOUT_STATUS.HELD) return refuse(`the payout is held already: ${holdReason ?? ''}`);
  return canTransition(status, PAYOUT_STATUS.HELD) ? row : refuse(`the payout is ${status}`);
}

/**
 * What the store can answer by itself: a repetition, or a refusal whatever QbitPay shows. It saves an update of the
 * workflow, of which a run takes 2,000, and a reading of QbitPay; the decision asks all of it again.
 */
async function answerEarly(
  db: StoreDatabase,
  decision: NamedDecision,
  action: OperatorAction | 'hold',
): Promise<DecisionOutcome | undefined> {
  return inTransaction(db, async (trx) => {
    const found = await lockOrAnswer(trx, decision, action);
    return 'ok' in found ? found : undefined;
  });
}

async function continuePayout(
  trx: StoreTransaction,
  row: PayoutRow,
  to: PayoutStatus | null,
  detail: string,
): Promise<void> {
  if (to === null) throw new Error(`the store does not say what payout ${row.payout_id} was doing`);
  const status = await transitionPayout(trx, row, to, { detail, resumes: true });
  if (status !== to) throw new Error(`payout ${row.payout_id} cannot go from held to ${to}`);
}

/** A request may be at QbitPay without being shown, until the wait for an unknown outcome is over. */
export function refuseEarly(
  { state, sentAgoMs }: Pick<ProviderRequest, 'state' | 'sentAgoMs'>,
  unknownOutcomeWaitSeconds: number,
): Refusal | undefined {
  const waitMs = unknownOutcomeWaitSeconds * 1_000 - (sentAgoMs ?? 0);
  if (state !== REQUEST_STATE.UNKNOWN || waitMs <= 0) return undefined;
  const earliest = new Date(Date.now() + waitMs).toISOString();
  return refuse(`it may have left a moment ago, and QbitPay may show it late: not before ${earliest}`);
}

type CurrentRequest = ProviderRequest & { readonly id: ProviderRequestId };

/** The request that a held payout was at. */
async function readCurrent(trx: StoreTransaction, row: PayoutRow): Promise<CurrentRequest> {
  const isOrder = row.held_from === PAYOUT_STATUS.CONVERTING;
  const id = currentRequest(row, isOrder ? REQUEST_OPERATION.ORDER : REQUEST_OPERATION.PAYOUT);
  return { id, ...(await get(trx, id)) };
}
