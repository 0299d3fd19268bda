import { FAILURE_TYPE } from '../../domain/failure-type.js';
import type { PriceOffer } from '../../domain/price-offer.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { isCurrentRequest, type ProviderRequestId } from '../requests/request-kind.js';
import { get, isOf, OPEN_STATES } from '../requests/send-guard.js';
import type { Discrepancy } from './discrepancies.js';
import {
  addTimelineEntryOnce,
  holdFor,
  lockExistingPayout,
  transitionPayout,
  updatePayout,
} from './payout-transitions.js';
import { REQUEST_STATE, type RequestState, type PayoutRow } from '../schema.js';

export interface Hold extends Discrepancy {
  /** The request that the decision was about: if it has come further, the payout is not held. @default none */
  readonly about?: RequestPosition;
  /** What a person can accept. @default nothing */
  readonly priceOffer?: PriceOffer | undefined;
}

/** Where a request was when something was decided about it. */
export interface RequestPosition {
  readonly id: ProviderRequestId;
  readonly states: readonly RequestState[];
  /** @default any */
  readonly sends?: number;
}

/**
 * Holds a payout, or gives a held one the newer reason. A payout that a person put on hold keeps that reason until it
 * is resumed: its step then finds the same again.
 */
export async function holdPayout(
  db: StoreDatabase,
  payoutId: string,
  { reason, detail, about, priceOffer }: Hold,
): Promise<void> {
  await inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    if (about !== undefined && !(await isStillAt(trx, row, about))) return;
    if (row.status === PAYOUT_STATUS.HELD && row.hold_reason === FAILURE_TYPE.HELD_BY_OPERATOR) {
      await addTimelineEntryOnce(trx, payoutId, row.status, detail);
      return;
    }
    if (priceOffer !== undefined) {
      await updatePayout(trx, payoutId, { price_offer: JSON.stringify(priceOffer) });
    }
    await holdFor(trx, row, { detail, holdReason: reason });
  });
}

async function isStillAt(
  trx: StoreTransaction,
  row: PayoutRow,
  { id, states, sends }: RequestPosition,
): Promise<boolean> {
  if (!isCurrentRequest(row, id)) return false;
  const providerRequest = await trx
    .selectFrom('provider_requests')
    .select(['state', 'sends'])
    .where(isOf(id))
    .forUpdate()
    .executeTakeFirst();
  // A step that was never entered has prepared nothing yet.
  const state = providerRequest?.state ?? REQUEST_STATE.PREPARED;
  return states.includes(state) && (sends === undefined || sends === providerRequest?.sends);
}

/** A payout that was held because nobody knew what became of a request goes on, once that is known. */
export async function releaseKnown(
  db: StoreDatabase,
  payoutId: string,
  id: ProviderRequestId,
): Promise<void> {
  await inTransaction(db, async (trx) => {
    const row = await lockExistingPayout(trx, payoutId);
    const { state } = await get(trx, id);
    if (OPEN_STATES.includes(state) || row.hold_reason !== FAILURE_TYPE.UNKNOWN_OUTCOME) return;
    if (row.held_from === null) return;
    const detail = `what became of the ${id.operation} is known by now: ${state}`;
    await transitionPayout(trx, row, row.held_from, { detail, resumes: true });
  });
}
