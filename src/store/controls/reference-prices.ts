import { sql } from 'kysely';
import { isPlausible } from '../../domain/price-guard.js';
import { NOW, type StoreDatabase } from '../database.js';

/** What each pair cost last, as far as that was believed: a price that is far from it may be a mistake of QbitPay's. */

/** So long a price has to stay where it is before it is believed although it is far from the one before. */
const STANDS_FOR_SECONDS = 300;

/**
 * True for a price to open payouts with: no other is known of the pair, it is near the last one that was believed, or it
 * has stayed where it is. It is the last one then.
 */
export async function believePrice(
  db: StoreDatabase,
  { symbol, bid }: { readonly symbol: string; readonly bid: string },
  perDayBps: number,
): Promise<boolean> {
  const last = await db
    .insertInto('reference_prices')
    .values({ symbol, bid })
    .onConflict((conflict) => conflict.column('symbol').doUpdateSet({ symbol }))
    .returning([
      'bid',
      'candidate',
      // As a text: a Date of JavaScript is less exact.
      sql<string>`believed_at::text`.as('believedAt'),
      sql<number>`extract(epoch from clock_timestamp() - believed_at)::float8 / 86400`.as('days'),
      sql<boolean>`candidate_since <= clock_timestamp() - make_interval(secs => ${STANDS_FOR_SECONDS})`.as(
        'stands',
      ),
    ])
    .executeTakeFirstOrThrow();
  const isNearCandidate = last.candidate !== null && isPlausible(bid, last.candidate, 1, perDayBps);
  const isBelieved = isPlausible(bid, last.bid, last.days, perDayBps) || (isNearCandidate && last.stands);
  if (!isBelieved && isNearCandidate) return false;
  await db
    .updateTable('reference_prices')
    .set(
      isBelieved
        ? { bid, believed_at: NOW, candidate: null, candidate_since: null }
        : { candidate: bid, candidate_since: NOW },
    )
    .where('symbol', '=', symbol)
    // Another price was believed meanwhile: the next one is judged by that.
    .where(sql<boolean>`believed_at = ${last.believedAt}::timestamptz`)
    .execute();
  return isBelieved;
}
