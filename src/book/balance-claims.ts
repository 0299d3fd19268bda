import { sql } from 'kysely';
import { addAmounts, compareAmounts, subtractAmounts } from '../domain/money.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { readSetting, settleSetting } from './engine-settings.js';
import { isKnownDeposit, recordVerifiedDeposit, type VerifiedDeposit } from './deposits.js';

/**
 * For a provider that shows no balance transaction for a deposit: a deposit is there when the provider's
 * available balance holds everything the book already claims in the currency, and the deposit on top.
 */

const OPENING_BALANCES = 'opening_balances_recorded';

export async function hasOpeningBalances(db: BookDatabase): Promise<boolean> {
  return (await readSetting(db, OPENING_BALANCES)) !== undefined;
}

/**
 * Writes down, once, what the account holds beyond what the book accounts for. A currency that the account shows
 * only later opens at zero: what comes in then is a deposit.
 */
export async function recordOpeningBalances(
  db: BookDatabase,
  balances: readonly { readonly currency: string; readonly available: string }[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { currency, available } of balances) {
      const claimed = (await claimedBalance(trx, currency)) ?? '0';
      await trx
        .insertInto('opening_balances')
        .values({ currency, amount: subtractAmounts(available, claimed), read_at: new Date() })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    await settleSetting(trx, OPENING_BALANCES, new Date().toISOString());
  });
}

/**
 * The money in a currency that the book accounts for: opening balance and deposits, less what orders sold and
 * payouts took, plus what orders brought in. Undefined while it cannot be said: an order's answer is due.
 */
export async function claimedBalance(
  db: BookDatabase | BookTransaction,
  currency: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ claimed: string; in_flight: boolean }>`
    select
      (select coalesce(sum(amount), 0) from opening_balances where currency = ${currency})
      + (select coalesce(sum(amount), 0) from deposits where currency = ${currency})
      - (select coalesce(sum(amount), 0) from provider_orders
         where split_part(symbol, '/', 1) = ${currency} and status not in ('failed', 'cancelled'))
      + (select coalesce(sum(quote_amount - fee), 0) from provider_orders
         where split_part(symbol, '/', 2) = ${currency} and status = 'filled')
      - (select coalesce(sum(recipient_amount + fee), 0) from provider_payouts
         where currency = ${currency} and status not in ('failed', 'cancelled')) as claimed,
      exists (select from fences join payouts using (payout_id)
              where operation = 'order' and state in ('sending', 'unknown') and payouts.currency = ${currency})
      or exists (select from provider_orders where split_part(symbol, '/', 2) = ${currency}
                 and status not in ('filled', 'failed', 'cancelled')) as in_flight`.execute(db);
  const row = rows[0];
  return row === undefined || row.in_flight ? undefined : row.claimed;
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
    // Written by an attempt whose answer was lost: it must not be asked to cover itself again.
    if (await isKnownDeposit(trx, deposit.depositKey)) return true;
    const claimedNow = await claimedBalance(trx, deposit.currency);
    if (claimedNow === undefined) return false;
    const claimed = compareAmounts(claimedBefore, claimedNow) > 0 ? claimedBefore : claimedNow;
    if (compareAmounts(available, addAmounts(claimed, deposit.amount)) < 0) return false;
    await recordVerifiedDeposit(trx, deposit);
    return true;
  });
}
