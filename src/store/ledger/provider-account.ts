import { sql } from 'kysely';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { addAmounts } from '../../domain/money.js';
import { ORDER_ENDS } from '../../domain/provider-status.js';
import type { StoreDatabase } from '../database.js';
import { IS_UNANSWERED } from '../requests/request-kind.js';
import { balanceOf, MAIN_FUNDING_ACCOUNT } from './journal.js';

/** What the account at the provider holds: by the ledger, and by the provider's word. */

/** By currency. */
export type ProviderBalances = ReadonlyMap<string, string>;

/** The ledger's provider accounts. */
export async function readProviderBalances(db: StoreDatabase): Promise<ProviderBalances> {
  const rows = await db
    .selectFrom('ledger_accounts')
    .select(['currency', 'balance'])
    .where('funding_account', '=', MAIN_FUNDING_ACCOUNT)
    .where('kind', '=', ACCOUNT_KIND.PROVIDER)
    .execute();
  return new Map(rows.map(({ currency, balance }) => [currency, balance]));
}

/** What the provider showed last as available; undefined where it has shown nothing in the currency yet. */
export async function readAvailable(db: StoreDatabase, currency: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('provider_balance_readings')
    .select('available')
    .where('funding_account', '=', MAIN_FUNDING_ACCOUNT)
    .where('currency', '=', currency)
    .executeTakeFirst();
  return row?.available;
}

/** Stores the balances that the provider shows, to be compared with the ledger's. `readAt`: before the request left. */
export async function recordBalanceReading(
  db: StoreDatabase,
  balances: readonly { readonly currency: string; readonly available: string; readonly pending: string }[],
  readAt: Date,
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
        read_at: readAt,
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
    select exists (select from provider_requests request join payouts using (payout_id)
              where operation = 'order' and ${IS_UNANSWERED} and payouts.currency = ${currency})
      or exists (select from provider_orders where split_part(symbol, '/', 2) = ${currency}
                 and status not in (${sql.join(ORDER_ENDS)})) as in_flight`.execute(db);
  if (rows[0]?.in_flight !== false) return undefined;
  return addAmounts(
    await balanceOf(db, { kind: ACCOUNT_KIND.PROVIDER }, currency),
    await balanceOf(db, { kind: ACCOUNT_KIND.RETURN_PENDING }, currency),
  );
}
