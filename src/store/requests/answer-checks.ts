import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { isSameInCurrency } from '../../domain/money.js';
import { engage } from '../controls/brakes.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { REQUEST_OPERATION, REQUEST_STATE, type PayoutRow, type RequestOperation } from '../schema.js';

/**
 * Whether QbitPay takes what the engine expects of it. One answer that does not may be anything; several in a row are a
 * wrong fee side or rate in the settings, which costs money with every payout.
 */

/** So many answers in a currency, the last ones, are looked at. */
const LOOKED_AT = 20;

interface Debit {
  readonly amount: string;
  readonly fee: string;
}

/** Notes whether the answer to an accepted payout is as expected; differences below the smallest unit are none. */
export async function checkAnswer(
  trx: StoreTransaction,
  { fee_side: feeSide }: Pick<PayoutRow, 'fee_side'>,
  {
    external_order_id: externalOrderId,
    currency,
  }: { readonly external_order_id: string; readonly currency: string },
  expected: Debit,
  taken: Debit,
): Promise<void> {
  const isSame = (left: string, right: string): boolean => isSameInCurrency(left, right, currency);
  const isExpected = isSame(expected.amount, taken.amount) && isSame(expected.fee, taken.fee);
  await trx
    .updateTable('provider_payouts')
    .set({ is_expected: isExpected })
    .where('external_order_id', '=', externalOrderId)
    .execute();
  if (!isExpected || feeSide === null) return;
  await trx
    .insertInto('fee_proofs')
    .values({ currency, fee_side: feeSide })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Engages the brake of the currency where too many of its last answers were not as expected. In the transaction that
 * records the answer: the payout after it may leave as soon as that is committed.
 */
export async function judgeAnswers(trx: StoreTransaction, currency: string, most: number): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select provider_payout_id as id from (
      select provider_payout_id, is_expected, recorded_at from provider_payouts
      where currency = ${currency} and is_expected is not null
        -- What a person has seen counts no more.
        and recorded_at > coalesce((select max(released_at) from brakes
          where kind = ${BRAKE_KIND.AMOUNTS_DIFFER} and currency = ${currency}), '-infinity')
      order by recorded_at desc limit ${LOOKED_AT}) as last
    where not is_expected order by recorded_at desc`.execute(trx);
  if (rows.length < most) return;
  const ids = rows.map(({ id }) => id).join(', ');
  const detail = `of the last ${LOOKED_AT} payouts in ${currency}, QbitPay took or paid something else than expected for ${ids}`;
  await engage(trx, { kind: BRAKE_KIND.AMOUNTS_DIFFER, currency, detail });
}

/**
 * False while another request has to be answered first: as long as no answer was as expected, in the currency and by the
 * side of the fee, payouts leave one at a time.
 */
export async function mayFollow(
  trx: StoreTransaction,
  {
    payout_id: payoutId,
    currency,
    fee_side: feeSide,
  }: Pick<PayoutRow, 'payout_id' | 'currency' | 'fee_side'>,
  operation: RequestOperation,
): Promise<boolean> {
  if (operation !== REQUEST_OPERATION.PAYOUT) return true;
  const proven = await trx
    .selectFrom('fee_proofs')
    .select('currency')
    .where('currency', '=', currency)
    .where('fee_side', '=', feeSide)
    .executeTakeFirst();
  if (proven !== undefined) return true;
  // Of two at the same moment one is the first.
  await sql`select pg_advisory_xact_lock(hashtext('first answer'), hashtext(${currency}))`.execute(trx);
  const first = await trx
    .selectFrom('provider_requests')
    .innerJoin('payouts', 'payouts.payout_id', 'provider_requests.payout_id')
    .select('external_order_id')
    .where('operation', '=', operation)
    .where('state', '=', REQUEST_STATE.SENDING)
    .where('provider_requests.currency', '=', currency)
    .where('fee_side', '=', feeSide)
    .where('payouts.payout_id', '<>', payoutId)
    .limit(1)
    .executeTakeFirst();
  return first === undefined;
}

/** As {@link mayFollow}, for a payout that waits. */
export async function mayBeSent(db: StoreDatabase, payoutId: string): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    const row = await trx
      .selectFrom('payouts')
      .select(['payout_id', 'currency', 'fee_side'])
      .where('payout_id', '=', payoutId)
      .executeTakeFirst();
    return row === undefined || (await mayFollow(trx, row, REQUEST_OPERATION.PAYOUT));
  });
}
