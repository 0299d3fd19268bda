import { sql } from 'kysely';
import type { FailureType } from '../domain/failure-type.js';
import { ENTRY_CAUSE } from '../domain/ledger.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { FENCE_OPERATION, FENCE_STATE, type FenceOperation, type FenceState } from './schema.js';

/**
 * A fence stands before every request that moves money: one row per operation and `externalOrderId`. A
 * request leaves only after its compare-and-set to `sending` was committed, so that no two senders both send.
 */
export interface FenceId {
  readonly operation: FenceOperation;
  readonly externalOrderId: string;
}

/** The status in which a payout's request of this kind is sent. */
export const STATUS_OF_OPERATION = {
  [FENCE_OPERATION.ORDER]: PAYOUT_STATUS.CONVERTING,
  [FENCE_OPERATION.PAYOUT]: PAYOUT_STATUS.PAYING,
} as const;

/** From these a request may leave; from `sending` and `unknown` never, its outcome is not known. */
const SENDABLE_STATES: readonly FenceState[] = [
  FENCE_STATE.PREPARED,
  FENCE_STATE.NOT_SENT,
  FENCE_STATE.REFUSED_RETRYABLE,
];

export async function prepareFence(trx: BookTransaction, id: FenceId, payoutId: string): Promise<void> {
  await trx
    .insertInto('fences')
    .values({
      operation: id.operation,
      external_order_id: id.externalOrderId,
      payout_id: payoutId,
      state: FENCE_STATE.PREPARED,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * The right to send once: the number of this sending, or undefined when somebody else has or had it. Whoever
 * finds `sending` did not send it himself, so that its outcome is unknown to everyone but the sender.
 */
export async function claimSending(db: BookDatabase, id: FenceId): Promise<number | undefined> {
  return db.transaction().execute(async (trx) => {
    // A sender that was frozen while its payout was cancelled or held must not send any more: the payout is
    // locked as by those who end it.
    const payout = await trx
      .selectFrom('payouts')
      .innerJoin('fences', 'fences.payout_id', 'payouts.payout_id')
      .select('payouts.status')
      .where('fences.operation', '=', id.operation)
      .where('fences.external_order_id', '=', id.externalOrderId)
      .forUpdate('payouts')
      .executeTakeFirst();
    if (payout?.status !== STATUS_OF_OPERATION[id.operation]) return undefined;
    const row = await trx
      .updateTable('fences')
      .set({
        state: FENCE_STATE.SENDING,
        sends: sql<number>`sends + 1`,
        updated_at: sql<Date>`clock_timestamp()`,
      })
      .where('operation', '=', id.operation)
      .where('external_order_id', '=', id.externalOrderId)
      .where('state', 'in', SENDABLE_STATES)
      .returning('sends')
      .executeTakeFirst();
    return row?.sends;
  });
}

/**
 * Writes what became of sending number `sends`. The sender's own answer also settles a fence that somebody
 * else meanwhile declared unknown; it never touches a later sending. True when it was written.
 */
export async function settleFence(
  trx: BookDatabase | BookTransaction,
  id: FenceId,
  sends: number,
  state: FenceState,
  rejection?: FenceRejection,
): Promise<boolean> {
  const result = await trx
    .updateTable('fences')
    .set({
      state,
      failure_type: rejection?.type ?? null,
      failure_message: rejection?.message ?? null,
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where('operation', '=', id.operation)
    .where('external_order_id', '=', id.externalOrderId)
    .where('sends', '=', sends)
    .where('state', 'in', [FENCE_STATE.SENDING, FENCE_STATE.UNKNOWN])
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Declares a sending that nobody will answer for as unknown. */
export async function declareUnknown(db: BookDatabase, id: FenceId): Promise<void> {
  await db
    .updateTable('fences')
    .set({ state: FENCE_STATE.UNKNOWN, updated_at: sql<Date>`clock_timestamp()` })
    .where('operation', '=', id.operation)
    .where('external_order_id', '=', id.externalOrderId)
    .where('state', '=', FENCE_STATE.SENDING)
    .execute();
}

export interface Fence {
  readonly state: FenceState;
  /** Why the provider refused for good. */
  readonly rejection: FenceRejection | null;
}

export interface FenceRejection {
  readonly type: FailureType;
  /** The provider's reason, masked. */
  readonly message: string;
}

export async function getFence(db: BookDatabase | BookTransaction, id: FenceId): Promise<Fence> {
  const row = await db
    .selectFrom('fences')
    .select(['state', 'failure_type', 'failure_message'])
    .where('operation', '=', id.operation)
    .where('external_order_id', '=', id.externalOrderId)
    .executeTakeFirstOrThrow();
  const { state, failure_type: type, failure_message: message } = row;
  return { state, rejection: type === null ? null : { type, message: message ?? '' } };
}

/**
 * True when the provider has, or may have, a payout of this one, or an order that has not come to its end or whose
 * proceeds are not booked: cancelling is too late, or too early, then.
 */
export async function hasReachedProvider(trx: BookTransaction, payoutId: string): Promise<boolean> {
  const { rows } = await sql<{ reached: boolean }>`
    select exists (
      select from fences left join provider_orders
        on fences.operation = ${FENCE_OPERATION.ORDER}
        and provider_orders.external_order_id = fences.external_order_id
      where fences.payout_id = ${payoutId}
        and (fences.state in (${FENCE_STATE.SENDING}, ${FENCE_STATE.UNKNOWN})
          or (fences.state = ${FENCE_STATE.ACCEPTED}
            and (coalesce(provider_orders.status, '') not in (${sql.join(FINAL_ORDER_WORDS)})
              or (provider_orders.status = 'filled' and not exists (
                select from ledger_entries where cause = ${ENTRY_CAUSE.ORDER} and cause_id = fences.external_order_id)))))
    ) as reached`.execute(trx);
  return rows[0]?.reached === true;
}

/** The provider's words for an order that moves no more money. */
const FINAL_ORDER_WORDS = ['filled', 'cancelled', 'failed'];
