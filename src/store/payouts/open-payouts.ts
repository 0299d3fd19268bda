import { sql } from 'kysely';
import type { PayoutRequest } from '../../domain/payout-request.js';
import { FINAL_STATUSES, type PayoutStatus } from '../../domain/payout-status.js';
import type { StoreDatabase } from '../database.js';

/** A payout that a workflow has to carry, with what its workflow shows from its first moment on. */
export interface OpenPayout extends Pick<
  PayoutRequest,
  'payoutId' | 'amount' | 'currency' | 'amountMode' | 'fundingCurrency'
> {
  readonly status: PayoutStatus;
}

export interface OpenPayoutsRequest {
  /** Payouts that were written to since then are left out. */
  readonly minimumAgeSeconds: number;
  /** The `sequence` of the last one that was read. */
  readonly after: string;
  readonly limit: number;
}

/** Payouts that have not ended, oldest first. */
export async function readOpenPayouts(
  db: StoreDatabase,
  { minimumAgeSeconds, after, limit }: OpenPayoutsRequest,
): Promise<readonly (OpenPayout & { readonly sequence: string })[]> {
  return selectAged(db, minimumAgeSeconds)
    .where('status', 'not in', FINAL_STATUSES)
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(limit)
    .execute();
}

/** Payouts that have ended, and whose money is still on its way back from QbitPay. */
export async function readReturningPayouts(
  db: StoreDatabase,
  minimumAgeSeconds: number,
): Promise<readonly OpenPayout[]> {
  return selectAged(db, minimumAgeSeconds)
    .where('status', 'in', FINAL_STATUSES)
    .where('payout_id', 'in', (eb) =>
      eb.selectFrom('provider_payouts').select('payout_id').where('return_pending', '>', '0'),
    )
    .execute();
}

function selectAged(db: StoreDatabase, minimumAgeSeconds: number) {
  return db
    .selectFrom('payouts')
    .select(['payout_id as payoutId', 'amount', 'currency', 'amount_mode as amountMode'])
    .select(['funding_currency as fundingCurrency', 'status', 'sequence'])
    .where(sql<boolean>`updated_at < clock_timestamp() - make_interval(secs => ${minimumAgeSeconds})`);
}
