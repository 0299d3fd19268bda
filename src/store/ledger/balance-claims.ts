import { sql } from 'kysely';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import { ORDER_ENDS } from '../../domain/provider-status.js';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { inTransaction, type StoreDatabase } from '../database.js';
import { balanceOf, MAIN_FUNDING_ACCOUNT } from './journal.js';
import { findSameDeposit, recordInTransaction, type VerifiedDeposit } from '../deposits/verified-deposits.js';

/** What the account holds, as the provider says and as the store accounts for it. */

/** Keeps what the provider said its balances are, with the time, for whoever compares. */
export async function recordBalanceReading(
  db: StoreDatabase,
  balances: readonly { readonly currency: string; readonly available: string; readonly pending: string }[],
): Promise<void> {
  if (balances.length === 0) return;
  await db
    .insertInto('provider_balance_readings')
    .values(
      balances.map(({ currency, available, pending }) => ({
        funding_account: MAIN_FUNDING_ACCOUNT,
        currency,
        available,
        pending,
        read_at: new Date(),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['funding_account', 'currency']).doUpdateSet((eb) => ({
        available: eb.ref('excluded.available'),
        pending: eb.ref('excluded.pending'),
        read_at: eb.ref('excluded.read_at'),
      })),
    )
    .execute();
}

/**
 * The money in a currency that the store accounts for, with what is on its way back. Undefined while it cannot be
 * said: an order's answer is due.
 */
export async function claimedBalance(db: StoreDatabase, currency: string): Promise<string | undefined> {
  const { rows } = await sql<{ in_flight: boolean }>`
    select exists (select from provider_requests join payouts using (payout_id)
              where operation = 'order' and state in ('sending', 'unknown') and payouts.currency = ${currency})
      or exists (select from provider_orders where split_part(symbol, '/', 2) = ${currency}
                 and status not in (${sql.join(ORDER_ENDS)})) as in_flight`.execute(db);
  if (rows[0]?.in_flight !== false) return undefined;
  return addAmounts(
    await balanceOf(db, { kind: ACCOUNT_KIND.PROVIDER }, currency),
    await balanceOf(db, { kind: ACCOUNT_KIND.RETURN_PENDING }, currency),
  );
}

/**
 * For a provider that shows no balance transaction for a deposit: accepts it if `available`, read between the two
 * looks at the claims, covers them and the deposit. One decision at a time per currency, or two deposits would be
 * proven by the same money. Answers with the deposit's key.
 */
export async function recordDepositIfCovered(
  db: StoreDatabase,
  deposit: VerifiedDeposit,
  claimedBefore: string,
  available: string,
): Promise<string | undefined> {
  return inTransaction(db, async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('claimed_balance'), hashtext(${deposit.currency}))`.execute(
      trx,
    );
    // Written by an attempt whose answer was lost: it must not be asked to cover itself again.
    const known = await findSameDeposit(trx, deposit);
    if (known !== undefined) return recordInTransaction(trx, deposit);
    const claimedNow = await claimedBalance(trx, deposit.currency);
    if (claimedNow === undefined) return undefined;
    const claimed = compareAmounts(claimedBefore, claimedNow) > 0 ? claimedBefore : claimedNow;
    if (compareAmounts(available, addAmounts(claimed, deposit.amount)) < 0) return undefined;
    return recordInTransaction(trx, deposit);
  });
}
