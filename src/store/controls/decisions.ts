import { sql } from 'kysely';
import type { Destination } from '../../domain/destination.js';
import { FAILURE_TYPE, FAILURES } from '../../domain/failure-type.js';
import { refuseAction } from '../../domain/hold.js';
import { OPERATOR_ACTION, type OperatorAction } from '../../domain/operator-action.js';
import { canTransition, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import {
  acceptPayout,
  noteDiscrepancy,
  replaceAttempt,
  type AcceptedRequest,
} from '../requests/accepted-requests.js';
import {
  forgetUnclear,
  isOrderOfAnother,
  isSaleCovered,
  replaceOrder,
  writeExecuted,
} from '../requests/orders.js';
import { releaseFunds } from '../ledger/bookings.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import { adoptAfterFailure } from '../requests/failed-attempts.js';
import {
  authoriseResend,
  currentRequest,
  getRequest,
  IS_ORDER_OVER,
  type ProviderRequest,
  type ProviderRequestId,
} from '../requests/provider-requests.js';
import {
  addFlag,
  lockExistingPayout,
  lockPayout,
  transitionPayout,
  type PayoutRow,
} from '../payouts/payout-transitions.js';
import type { OrderRecord } from '../payouts/payout-records.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../schema.js';
import { isBeingSent } from '../requests/sending-lock.js';
import {
  bookUnannouncedReturn,
  DecisionRefusedError,
  findFailedAttempt,
  type ReturnReading,
} from '../requests/settlements.js';

/** What persons decide about payouts: each is written in the timeline with who decided it, and why. */

export interface Decision {
  /** Carried out once: the same one again changes nothing. */
  readonly operationId: string;
  readonly payoutId: string;
  /** Name of the API key. */
  readonly actor: string;
  readonly reason: string;
}

export type OperationOutcome =
  | {
      readonly kind: 'done';
      /** It was carried out before: its answer was lost. @default false */
      readonly isRepetition?: true;
    }
  | { readonly kind: 'refused'; readonly message: string };

const DONE: OperationOutcome = { kind: 'done' };
export const DONE_BEFORE: OperationOutcome = { kind: 'done', isRepetition: true };

function refused(message: string): OperationOutcome {
  return { kind: 'refused', message };
}

/** Puts a payout that has not ended on hold; a request that is on its way is not stopped by it. */
export async function holdByOperator(db: StoreDatabase, decision: Decision): Promise<OperationOutcome> {
  return decide(db, decision, 'hold', async (trx, row) => {
    if (row.status === PAYOUT_STATUS.HELD)
      return refused(`the payout is held already: ${row.hold_reason ?? ''}`);
    if (!canTransition(row.status, PAYOUT_STATUS.HELD)) return refused(`the payout is ${row.status}`);
    await transitionPayout(trx, row, PAYOUT_STATUS.HELD, {
      detail: `held by ${describe(decision)}`,
      holdReason: FAILURE_TYPE.HELD_BY_OPERATOR,
    });
    return DONE;
  });
}

/** The payout goes on with what it was doing. */
export async function resumePayout(db: StoreDatabase, decision: Decision): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESUME, async (trx, row) => {
    await forgetUnclear(trx, row.payout_id);
    await continuePayout(trx, row, row.held_from, `resumed by ${describe(decision)}`);
    return DONE;
  });
}

/**
 * A request whose outcome is not known may be sent again, once, by the decision of a person: not before the settle
 * window is over, in which QbitPay may have it without showing it.
 */
export async function resendPayout(
  db: StoreDatabase,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (row.hold_reason !== FAILURE_TYPE.UNKNOWN_OUTCOME) return refused(AT_PROVIDER);
    const providerRequest = await openRequest(trx, row);
    if (await isBeingSent(trx, providerRequest.id)) return refused(STILL_SENDING);
    // Where its sender wrote an outcome meanwhile, the step goes on from that.
    if (providerRequest.state === REQUEST_STATE.UNKNOWN) {
      const early = refuseEarly(providerRequest, unknownOutcomeWaitSeconds);
      if (early !== undefined) return early;
      await authoriseResend(trx, providerRequest.id, providerRequest.sends, decision.actor);
    }
    await continuePayout(trx, row, row.held_from, `to be sent again as not sent, says ${describe(decision)}`);
    return DONE;
  });
}

/** Ends a payout whose request was not found, not before the wait for an unknown outcome is over; what it has is available. */
export async function closePayout(
  db: StoreDatabase,
  decision: Decision,
  unknownOutcomeWaitSeconds: number,
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (row.hold_reason !== FAILURE_TYPE.UNKNOWN_OUTCOME) return refused(AT_PROVIDER);
    const providerRequest = await openRequest(trx, row);
    if (await isBeingSent(trx, providerRequest.id)) return refused(STILL_SENDING);
    if (providerRequest.state === REQUEST_STATE.ACCEPTED) return refused('QbitPay has accepted it by now');
    const early = refuseEarly(providerRequest, unknownOutcomeWaitSeconds);
    if (early !== undefined) return early;
    return closeAs(trx, row, decision);
  });
}

/** Ends a payout of which QbitPay shows that its money is back, in words that the engine does not know. */
export async function closeReturned(
  db: StoreDatabase,
  decision: Decision,
  returned: ReturnReading,
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (!(await bookUnannouncedReturn(trx, row, returned)))
      return refused('its money is not booked as taken');
    return closeAs(trx, row, decision);
  });
}

/** The same of an order: what it moved is the payout's, and available. */
export async function closeSold(
  db: StoreDatabase,
  decision: Decision,
  order: OrderRecord,
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (!(await isSaleCovered(trx, order))) return refused('what it moved is more than the ledger knows of');
    await writeExecuted(trx, row, order);
    return closeAs(trx, row, decision);
  });
}

/** What the payout has is available. */
async function closeAs(trx: StoreTransaction, row: PayoutRow, decision: Decision): Promise<OperationOutcome> {
  const type = FAILURE_TYPE.CLOSED_BY_OPERATOR;
  await transitionPayout(trx, row, PAYOUT_STATUS.FAILED, {
    detail: `closed by ${describe(decision)}`,
    failure: { type, message: FAILURES[type].meaning },
  });
  await releaseFunds(trx, row.payout_id);
  return DONE;
}

/**
 * The payout that QbitPay has is this one's: it goes on as if its answer had come. Where it is booked that the attempt
 * failed, see {@link adoptAfterFailure}.
 */
export async function adoptPayout(
  db: StoreDatabase,
  decision: Decision,
  accepted: AcceptedRequest & {
    /** Ids of what QbitPay paid under the same `externalOrderId` as well. */
    readonly alsoPaid: readonly string[];
  },
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    const detail = `${accepted.payout.providerPayoutId} adopted by ${describe(decision)}`;
    if (accepted.alsoPaid.length > 0) {
      const paid = `QbitPay paid ${accepted.alsoPaid.join(', ')} as well`;
      await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, paid);
    }
    const failed = await findFailedAttempt(trx, accepted.payout.externalOrderId);
    if (failed !== undefined) {
      await adoptAfterFailure(trx, row, failed, accepted, detail);
    } else if (!(await replaceAttempt(trx, row, accepted))) {
      await acceptPayout(trx, row, accepted, { detail, resumes: true });
    } else {
      await continuePayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, detail);
      if (accepted.discrepancy !== undefined) {
        await noteDiscrepancy(trx, await lockExistingPayout(trx, row.payout_id), accepted.discrepancy);
      }
    }
    return DONE;
  });
}

/** As {@link adoptPayout}, for an order. */
export async function adoptOrder(
  db: StoreDatabase,
  decision: Decision,
  {
    order,
    alsoFilled,
  }: {
    readonly order: OrderRecord;
    /** Ids of what QbitPay filled under the same `externalOrderId` as well. */
    readonly alsoFilled: readonly string[];
  },
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RESOLVE, async (trx, row) => {
    if (await isOrderOfAnother(trx, order)) return refused('it is the order of another payout');
    if (alsoFilled.length > 0) {
      const filled = `QbitPay filled ${alsoFilled.join(', ')} as well: what that moved is not booked`;
      await addFlag(trx, row, FAILURE_TYPE.SURPLUS_AT_PROVIDER, filled);
    }
    await replaceOrder(trx, row, order);
    await continuePayout(
      trx,
      row,
      PAYOUT_STATUS.CONVERTING,
      `${order.providerOrderId} adopted by ${describe(decision)}`,
    );
    return DONE;
  });
}

/** A new attempt, under the next number; of the order where the payout had not come further. */
export async function retryPayout(
  db: StoreDatabase,
  decision: Decision & {
    readonly destination?: Destination | undefined;
    /** The payout's own money suffices for another attempt. */
    readonly isCovered: boolean;
  },
): Promise<OperationOutcome> {
  return decideAbout(db, decision, OPERATOR_ACTION.RETRY, async (trx, row) => {
    if (row.hold_reason === FAILURE_TYPE.ATTEMPT_FAILED && !(await isMoneyBack(trx, row))) {
      return refused('its money has not come back from QbitPay yet');
    }
    if (!decision.isCovered) {
      return refused('its money does not suffice for another attempt and its fee: cancel it, and pay anew');
    }
    const { id, state } = await openRequest(trx, row);
    // As long as the attempt before may live, another one could pay twice.
    const isOver =
      state === REQUEST_STATE.REFUSED || (state === REQUEST_STATE.ACCEPTED && (await isGivenBack(trx, row)));
    if (!isOver) return refused(`the attempt before is ${state}: it may still be carried out`);
    // What was accepted may have been sent twice, and only one of the two be over.
    if (state === REQUEST_STATE.ACCEPTED && (await isBeingSent(trx, id))) return refused(STILL_SENDING);
    const isOrder = row.held_from === PAYOUT_STATUS.CONVERTING;
    const { destination } = decision;
    await trx
      .updateTable('payouts')
      .set({
        ...(isOrder
          ? { order_attempt: sql<number>`order_attempt + 1` }
          : { payout_attempt: sql<number>`payout_attempt + 1` }),
        ...(destination === undefined ? {} : { destination: JSON.stringify(destination) }),
      })
      .where('payout_id', '=', row.payout_id)
      .execute();
    const how = destination === undefined ? '' : ' with another destination';
    const to = isOrder ? PAYOUT_STATUS.CONVERTING : PAYOUT_STATUS.PAYING;
    await continuePayout(trx, row, to, `another attempt${how}, says ${describe(decision)}`);
    return DONE;
  });
}

function describe({ actor, reason }: Decision): string {
  return `${actor}: ${reason}`;
}

type Step = (trx: StoreTransaction, row: PayoutRow) => Promise<OperationOutcome>;

async function decide(
  db: StoreDatabase,
  { operationId, payoutId, actor, reason }: Decision,
  action: string,
  step: Step,
): Promise<OperationOutcome> {
  const carriedOut = db.transaction().execute(async (trx) => {
    const row = await lockPayout(trx, payoutId);
    if (row === undefined) return refused('the payout is not open yet');
    if (await isCarriedOut(trx, payoutId, operationId)) return DONE_BEFORE;
    const outcome = await step(trx, row);
    if (outcome.kind === 'done') {
      const values = { operation_id: operationId, payout_id: payoutId, action, actor, reason };
      await trx.insertInto('payout_decisions').values(values).execute();
    }
    return outcome;
  });
  return carriedOut.catch((error: unknown) => {
    if (error instanceof DecisionRefusedError) return refused(error.message);
    throw error;
  });
}

/** True when this decision was carried out before: its answer was lost. */
export async function isCarriedOut(
  trx: StoreDatabase | StoreTransaction,
  payoutId: string,
  operationId: string,
): Promise<boolean> {
  const row = await trx
    .selectFrom('payout_decisions')
    .select('operation_id')
    .where('payout_id', '=', payoutId)
    .where('operation_id', '=', operationId)
    .executeTakeFirst();
  return row !== undefined;
}

async function decideAbout(
  db: StoreDatabase,
  decision: Decision,
  action: OperatorAction,
  step: Step,
): Promise<OperationOutcome> {
  return decide(db, decision, action, (trx, row) => {
    const refusal = refuseAction(row.status, row.hold_reason, action);
    return refusal === undefined ? step(trx, row) : Promise.resolve(refused(refusal));
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

const AT_PROVIDER = 'QbitPay has it: it can neither be sent again nor be closed as not sent';
const STILL_SENDING = 'its sender may still be at work: try again in a minute';

/** A request whose outcome is not known may be there without being shown, until the wait for an unknown outcome is over. */
export function refuseEarly(
  { state, sentAgoMs }: Pick<ProviderRequest, 'state' | 'sentAgoMs'>,
  unknownOutcomeWaitSeconds: number,
): OperationOutcome | undefined {
  const waitMs = unknownOutcomeWaitSeconds * 1_000 - (sentAgoMs ?? 0);
  if (state !== REQUEST_STATE.UNKNOWN || waitMs <= 0) return undefined;
  const earliest = new Date(Date.now() + waitMs).toISOString();
  return refused(`it may have left a moment ago, and QbitPay may show it late: not before ${earliest}`);
}

/** The request that a held payout was at. */
async function openRequest(
  trx: StoreTransaction,
  row: PayoutRow,
): Promise<ProviderRequest & { readonly id: ProviderRequestId }> {
  const isOrder = row.held_from === PAYOUT_STATUS.CONVERTING;
  const id = currentRequest(row, isOrder ? REQUEST_OPERATION.ORDER : REQUEST_OPERATION.PAYOUT);
  return { id, ...(await getRequest(trx, id)) };
}

/** The provider has ended the payout without carrying it out, or the order, and what that moved is booked. */
async function isGivenBack(trx: StoreTransaction, row: PayoutRow): Promise<boolean> {
  const ended =
    row.held_from === PAYOUT_STATUS.CONVERTING
      ? sql`from provider_orders where status <> 'filled' and ${IS_ORDER_OVER}
          and external_order_id = ${currentRequest(row, REQUEST_OPERATION.ORDER).externalOrderId}`
      : sql`from provider_payouts where status in ('failed', 'cancelled')
          and external_order_id = ${currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId}`;
  const { rows } = await sql<{ over: boolean }>`select exists (select ${ended}) as over`.execute(trx);
  return rows[0]?.over === true;
}

async function isMoneyBack(trx: StoreTransaction, row: PayoutRow): Promise<boolean> {
  const attempt = await trx
    .selectFrom('provider_payouts')
    .select('returned_at')
    .where('external_order_id', '=', currentRequest(row, REQUEST_OPERATION.PAYOUT).externalOrderId)
    .executeTakeFirst();
  return attempt?.returned_at != null;
}
