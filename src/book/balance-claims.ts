import { sql } from 'kysely';
import { addAmounts, compareAmounts } from '../domain/money.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { recordVerifiedDeposit, type VerifiedDeposit } from './deposits.js';

/**
 * For a provider that shows no balance transaction for a deposit: a deposit is there when the provider's
 * available balance holds everything the book already claims in the currency, and the deposit on top.
 */

/** What was in the account before the engine's first deposit; written once per currency, at the first start. */
export async function recordOpeningBalance(
  db: BookDatabase,
  currency: string,
  available: string,
): Promise<void> {
  await db
    .insertInto('opening_balances')
    .values({ currency, amount: available, read_at: new Date() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function hasOpeningBalance(db: BookDatabase, currency: string): Promise<boolean> {
  const row = await db
    .selectFrom('opening_balances')
    .select('currency')
    .where('currency', '=', currency)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * The money in a currency that the book accounts for: opening balance and deposits, less what orders sold and
 * payouts took, plus what orders brought in. Undefined while it cannot be said: an order's answer is due, or
 * no opening balance was ever read.
 */
export async function claimedBalance(
  db: BookDatabase | BookTransaction,
  currency: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ claimed: string | null; in_flight: boolean }>`
    select
      (select amount from opening_balances where currency = ${currency})
      + (select coalesce(sum(amount), 0) from deposits where currency = ${currency})
      - (select coalesce(sum(amount), 0) from provider_orders where split_part(symbol, '/', 1) = ${currency})
      + (select coalesce(sum(quote_amount - fee), 0) from provider_orders
         where split_part(symbol, '/', 2) = ${currency})
      - (select coalesce(sum(recipient_amount + fee), 0) from provider_payouts
         where currency = ${currency} and status not in ('failed', 'cancelled')) as claimed,
      exists (select from fences join payouts using (payout_id)
              where operation = 'order' and state in ('sending', 'unknown') and payouts.currency = ${currency})
        as in_flight`.execute(db);
  const row = rows[0];
  return row === undefined || row.in_flight ? undefined : (row.claimed ?? undefined);
}

/**
 * Accepts a deposit if `available`, read between the two looks at the claims, covers them and the deposit.
 * One decision at a time per currency, or two deposits would be proven by the same money.
 */
export async function recordDepositIfCovered(
  db: BookDatabase,
  deposit: VerifiedDeposit,
  claimedBefore: string,
  available: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('claimed_balance'), hashtext(${deposit.currency}))`.execute(
      trx,
    );
    const claimedNow = await claimedBalance(trx, deposit.currency);
    if (claimedNow === undefined) return false;
    const claimed = compareAmounts(claimedBefore, claimedNow) > 0 ? claimedBefore : claimedNow;
    if (compareAmounts(available, addAmounts(claimed, deposit.amount)) < 0) return false;
    await recordVerifiedDeposit(trx, deposit);
    return true;
  });
}
