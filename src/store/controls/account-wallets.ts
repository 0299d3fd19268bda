import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { inTransaction, NOW, type StoreDatabase } from '../database.js';
import { OBJECT_KIND } from '../schema.js';
import { engage } from './brakes.js';

/** Which account at QbitPay the store belongs to, by what the account shows: its wallets, and its objects. */

export interface Wallet {
  readonly currency: string;
  readonly address: string;
}

/**
 * Takes note of the wallets that the account shows. Where one is gone that payers were told of, the account is another one,
 * or their money goes where nobody sees it: nothing leaves before a person has looked. A wallet more is only noted.
 */
export async function noteWallets(db: StoreDatabase, shown: readonly Wallet[]): Promise<void> {
  if (await isKnown(db, shown)) return;
  await inTransaction(db, async (trx) => {
    if (shown.length > 0) {
      await trx
        .insertInto('account_wallets')
        .values(shown.map((wallet) => ({ ...wallet, gone_at: null })))
        .onConflict((conflict) =>
          conflict
            .columns(['currency', 'address'])
            .doUpdateSet({ gone_at: null })
            .where('account_wallets.gone_at', 'is not', null),
        )
        .execute();
    }
    const gone = await trx
      .updateTable('account_wallets')
      .set({ gone_at: NOW })
      .where('gone_at', 'is', null)
      .where(
        sql<boolean>`(currency, address) not in (
          select * from unnest(${shown.map((one) => one.currency)}::text[], ${shown.map((one) => one.address)}::text[]))`,
      )
      .returning([
        'currency',
        'address',
        sql<boolean>`exists (select from payouts where deposit_address = address)`.as('is_used'),
      ])
      .execute();
    for (const { currency, address } of gone.filter((wallet) => wallet.is_used)) {
      const now = shown.filter((one) => one.currency === currency).map((one) => one.address);
      const instead = now.length === 0 ? 'shows none' : `shows ${now.join(', ')}`;
      const detail = `payers were told to send ${currency} to ${address}, and the account ${instead}`;
      await engage(trx, { kind: BRAKE_KIND.ACCOUNT_CHANGED, currency: null, detail });
    }
  });
}

/**
 * A wallet that payers were told of is gone, and no person has released the brake for that: what QbitPay shows may be another
 * account's.
 */
export const MAY_BE_ANOTHER_ACCOUNT = sql<boolean>`exists (select from account_wallets
  where gone_at > coalesce((select max(released_at) from brakes where kind = ${BRAKE_KIND.ACCOUNT_CHANGED}), '-infinity')
    and exists (select from payouts where deposit_address = address))`;

export async function mayBeAnotherAccount(db: StoreDatabase): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`select ${MAY_BE_ANOTHER_ACCOUNT} as may`.execute(db);
  return rows[0]?.may ?? true;
}

/** Mostly there is nothing to note: whoever only looks need not wait for others. */
async function isKnown(db: StoreDatabase, shown: readonly Wallet[]): Promise<boolean> {
  const known = await db
    .selectFrom('account_wallets')
    .select(['currency', 'address'])
    .where('gone_at', 'is', null)
    .execute();
  const nameOf = ({ currency, address }: Wallet): string => `${currency} ${address}`;
  const names = new Set(shown.map(nameOf));
  return known.length === names.size && known.every((wallet) => names.has(nameOf(wallet)));
}

/** The newest payout that QbitPay has shown as ended, if there is one; whoever has its account can read it. */
export async function findNewestPayout(db: StoreDatabase): Promise<string | undefined> {
  const row = await db
    .selectFrom('provider_objects')
    .select('provider_id')
    .where('kind', '=', OBJECT_KIND.PAYOUT)
    .where('problem', 'is', null)
    // One that has just been accepted may not be shown yet.
    .where('is_open', '=', false)
    .where('missing_since', 'is', null)
    .orderBy('first_seen_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.provider_id;
}

/** QbitPay does not show this payout to the key that is in use: it belongs to another account. */
export async function noteUnreadable(db: StoreDatabase, providerId: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    const detail = `QbitPay does not show the payout ${providerId} any more, the newest that it has shown`;
    await engage(trx, { kind: BRAKE_KIND.ACCOUNT_CHANGED, currency: null, detail });
  });
}
