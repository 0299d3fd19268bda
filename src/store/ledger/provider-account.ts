import { sql } from 'kysely';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../domain/money.js';
import { ORDER_ENDS, type Leg } from '../../domain/provider-status.js';
import { readSetting, settleSetting } from '../controls/engine-settings.js';
import { inTransaction, type StoreDatabase } from '../database.js';
import { bookOpeningBalance } from './bookings.js';
import { balanceOf, lockLedger, MAIN_FUNDING_ACCOUNT } from './journal.js';

/** What the account at the provider holds: by the ledger, by the provider's word, and before the engine used it. */

const OPENING_BALANCES = 'opening_balances_recorded';

export interface AccountOpening {
  /** Outside activity from then on is booked; what was before is in the opening balance. */
  readonly openedAt: Date;
  readonly isRecorded: boolean;
}

export async function readAccountOpening(db: StoreDatabase): Promise<AccountOpening> {
  const openedAt = await readSetting(db, 'account_opened_at');
  if (openedAt === undefined) throw new Error('the store has lost the time at which its account was opened');
  return {
    openedAt: new Date(openedAt),
    isRecorded: (await readSetting(db, OPENING_BALANCES)) !== undefined,
  };
}

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

/**
 * Books, once, what the account holds beyond what the store accounts for. `unbooked` is what will be booked for its
 * own reason. False, and nothing is written, when the ledger moved since `bookedBefore` was read: the provider's
 * word and the ledger's would be of different moments.
 */
export async function recordOpeningBalances(
  db: StoreDatabase,
  balances: readonly { readonly currency: string; readonly held: string; readonly unbooked: string }[],
  bookedBefore: ProviderBalances,
): Promise<boolean> {
  return inTransaction(db, async (trx) => {
    await lockLedger(trx);
    if ((await readSetting(trx, OPENING_BALANCES)) !== undefined) return true;
    const booked = await readProviderBalances(trx);
    const hasMoved = [...booked].some(
      ([currency, balance]) => compareAmounts(balance, bookedBefore.get(currency) ?? '0') !== 0,
    );
    if (hasMoved) return false;
    await settleSetting(trx, OPENING_BALANCES, new Date().toISOString());
    for (const { currency, held, unbooked } of balances) {
      const amount = subtractAmounts(held, addAmounts(booked.get(currency) ?? '0', unbooked));
      if (compareAmounts(amount, '0') > 0) await bookOpeningBalance(trx, { currency, amount });
    }
    return true;
  });
}

/** What a balance transaction is a part of. */
export type MovedLeg = Leg | 'outside';

export interface Moved {
  /** Of the balance transaction. */
  readonly id: string;
  readonly source: string | null;
  readonly leg: MovedLeg;
  readonly at: Date;
}

/**
 * The ids of those balance transactions that are not booked and will be booked for their own reason: every
 * deposit, what belongs to its own orders and payouts, and all else since the account was opened.
 */
export async function findUnbooked(
  db: StoreDatabase,
  transactions: readonly Moved[],
): Promise<ReadonlySet<string>> {
  const { openedAt } = await readAccountOpening(db);
  const { rows } = await sql<{ id: string }>`
    select moved.id
    from unnest(
      ${transactions.map(({ id }) => id)}::text[], ${transactions.map(({ source }) => source)}::text[],
      ${transactions.map(({ leg }) => leg)}::text[], ${transactions.map(({ at }) => at)}::timestamptz[]
    ) as moved (id, source, leg, at)
    left join deposits on leg = 'deposit' and deposits.provider_deposit_id = source
    left join provider_orders ord on leg = 'order' and ord.provider_order_id = source
    left join provider_payouts po on leg in ('payout', 'return') and po.provider_payout_id = source
    left join ledger_entries entry on
      (entry.cause, entry.cause_id) = (case leg when 'order' then ${ENTRY_CAUSE.ORDER}
        when 'return' then ${ENTRY_CAUSE.RETURN} else ${ENTRY_CAUSE.OUTSIDE} end,
        case leg when 'order' then ord.external_order_id else moved.id end)
    where deposits.deposit_id is null and entry.entry_id is null and not (leg = 'payout' and po.payout_id is not null)
      and (leg = 'deposit' or ord.payout_id is not null or po.payout_id is not null or moved.at >= ${openedAt})
  `.execute(db);
  return new Set(rows.map((row) => row.id));
}

/** Stores the balances that the provider shows, to be compared with the ledger's. */
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
