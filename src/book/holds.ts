import { FAILURE_TYPE, type FailureType } from '../domain/failure-type.js';
import { PAYOUT_STATUS } from '../domain/payout-status.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { isCurrentFence, isOf, type FenceId } from './fences.js';
import { addTimelineEntryOnce, holdFor, lockExistingPayout, type PayoutRow } from './payouts.js';
import { FENCE_STATE, type FenceState } from './schema.js';

export interface Hold {
  readonly reason: FailureType;
  /** One line for the timeline. */
  readonly detail: string;
  /** The request it was decided about: once that is over, or further, nothing is held. @default none */
  readonly about?: FencePosition;
}

/** Where a request was when something was decided about it. */
export interface FencePosition {
  readonly id: FenceId;
  readonly states: readonly FenceState[];
  /** @default any */
  readonly sends?: number;
}

/**
 * Moves a payout to `held`, or gives a held one the newer reason, where that is legal and what it was decided on still
 * holds. One that a person put on hold stays that until it is resumed: its step then comes to the same again.
 */
export async function holdPayout(
  db: BookDatabase,
  payoutId: string,
  { reason, detail, about }: Hold,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (about !== undefined && !(await isStillAt(trx, row, about))) return;
    if (row.status === PAYOUT_STATUS.HELD && row.hold_reason === FAILURE_TYPE.HELD_BY_OPERATOR) {
      await addTimelineEntryOnce(trx, payoutId, row.status, detail);
    } else await holdFor(trx, row, { detail, holdReason: reason });
  });
}

async function isStillAt(
  trx: BookTransaction,
  row: PayoutRow,
  { id, states, sends }: FencePosition,
): Promise<boolean> {
  if (!isCurrentFence(row, id)) return false;
  const fence = await trx
    .selectFrom('fences')
    .select(['state', 'sends'])
    .where(isOf(id))
    .forUpdate()
    .executeTakeFirst();
  // A step that was never entered has prepared nothing yet.
  const state = fence?.state ?? FENCE_STATE.PREPARED;
  return states.includes(state) && (sends === undefined || sends === fence?.sends);
}
