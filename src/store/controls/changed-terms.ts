import { accountEndingOf, type Destination } from '../../domain/destination.js';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { StoreTransaction } from '../database.js';
import { refuse, type Refusal } from '../outcome.js';
import { getPayout } from '../payouts/payout-reading.js';
import { addTimelineEntry, updatePayout } from '../payouts/payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/** What a person changes about a payout: the price that it may be sold at, and where it goes. */

/**
 * The payout may be sold at this price. Where its deposit does not suffice for that, what is missing is awaited as the rest
 * of a deposit is.
 */
export async function takePrice(
  trx: StoreTransaction,
  row: PayoutRow,
  { price, missing, detail }: { readonly price: string; readonly missing: string; readonly detail: string },
): Promise<'goOn' | 'awaitRest' | Refusal> {
  if (row.hold_reason !== FAILURE_TYPE.PRICE_MOVED) return refuse('its hold names no price');
  const { payout_id: payoutId, funding_currency: currency } = row;
  const isEnough = compareAmounts(missing, '0') === 0;
  if (!isEnough && row.funding !== FUNDING.DEPOSIT) {
    return refuse(`it lacks ${missing} ${currency} at that price`);
  }
  await updatePayout(trx, payoutId, { accepted_price: price });
  if (isEnough) return 'goOn';
  await updatePayout(trx, payoutId, {
    deposit_amount: addAmounts(row.deposit_received, missing),
    hold_reason: FAILURE_TYPE.UNDERFUNDED,
    held_from: PAYOUT_STATUS.AWAITING_DEPOSIT,
  });
  await addTimelineEntry(trx, payoutId, row.status, `${detail}; ${missing} ${currency} missing`);
  return 'awaitRest';
}

/** From the next attempt on the payout goes elsewhere; answers with words for that. */
export async function redirect(
  trx: StoreTransaction,
  { payout_id: payoutId }: PayoutRow,
  destination: Destination,
  actor: string,
): Promise<string> {
  const { request, payoutAttempt } = await getPayout(trx, payoutId);
  const attempt = { payout_id: payoutId, payout_attempt: payoutAttempt, decided_by: actor };
  await trx
    .insertInto('payout_destinations')
    .values({ ...attempt, destination: JSON.stringify(destination) })
    .execute();
  return ` to ${describeDestination(destination)} instead of ${describeDestination(request.destination)}`;
}

function describeDestination(destination: Destination): string {
  const ending = accountEndingOf(destination);
  return ending === null ? destination.type : `${destination.type} …${ending}`;
}
