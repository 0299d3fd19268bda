import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { recordMissing } from '../mirror/provider-objects.js';
import { OBJECT_KIND } from '../schema.js';
import { engage } from './brakes.js';

/** Which account at QbitPay the store belongs to, by what the account shows: its wallets, and its objects. */

export interface Wallet {
  readonly currency: string;
  readonly address: string;
}

/** A person says with the release that what was missing until then belongs to the account no more. */
const ACCEPTED_AT = sql<Date>`coalesce(
  (select max(released_at) from brakes where kind = ${BRAKE_KIND.ACCOUNT_CHANGED}), '-infinity')`;

export interface WalletsNoted {
  /** False where one is gone that payers were told of, or all are, and no person has accepted that. */
  readonly areOwn: boolean;
  /** How many of them are the account's as it was known before. */
  readonly known: 'all' | 'some' | 'none';
}

/**
 * Takes note of the wallets that the account shows. Where they are not its own, the account is another one, or money goes
 * where nobody sees it: nothing leaves before a person has looked. A wallet more is only noted.
 */
export async function noteWallets(db: StoreDatabase, shown: readonly Wallet[]): Promise<WalletsNoted> {
  if (await areAllKnown(db, shown)) return { areOwn: true, known: 'all' };
  return inTransaction(db, async (trx) => {
    await noteGone(trx, shown);
    const known = (await isAnyOf(trx, shown)) ? 'some' : 'none';
    const missed = await findMissed(trx, shown);
    for (const { currency, address } of missed) {
      const now = shown.filter((one) => one.currency === currency).map((one) => one.address);
      const instead = now.length === 0 ? 'shows none' : `shows ${now.join(', ')}`;
      const detail = `the wallet for ${currency} was ${address}, and now the account ${instead}`;
      await engage(trx, { kind: BRAKE_KIND.ACCOUNT_CHANGED, currency: null, detail });
    }
    return { areOwn: missed.length === 0, known };
  });
}

/** From now on these are the account's. */
export async function keepWallets(db: StoreDatabase, shown: readonly Wallet[]): Promise<void> {
  if (shown.length === 0) return;
  const values = shown.map((wallet) => ({ ...wallet, gone_at: null }));
  await db
    .insertInto('account_wallets')
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function isShown(shown: readonly Wallet[]) {
  const [currencies, addresses] = [shown.map((one) => one.currency), shown.map((one) => one.address)];
  return sql<boolean>`(currency, address) in (select * from unnest(${currencies}::text[], ${addresses}::text[]))`;
}

async function noteGone(trx: StoreTransaction, shown: readonly Wallet[]): Promise<void> {
  await trx
    .updateTable('account_wallets')
    .set({ gone_at: sql`case when ${isShown(shown)} then null else ${NOW} end` })
    .where(sql<boolean>`(gone_at is null) <> ${isShown(shown)}`)
    .execute();
}

async function isAnyOf(trx: StoreTransaction, shown: readonly Wallet[]): Promise<boolean> {
  const known = trx.selectFrom('account_wallets').select('address').where(isShown(shown)).limit(1);
  return (await known.executeTakeFirst()) !== undefined;
}

async function findMissed(trx: StoreTransaction, shown: readonly Wallet[]): Promise<readonly Wallet[]> {
  const isUsed = sql<boolean>`exists (select from payouts where deposit_address = address)`;
  const areAllGone = sql<boolean>`not exists (select from account_wallets where ${isShown(shown)})`;
  return trx
    .selectFrom('account_wallets')
    .select(['currency', 'address'])
    .where('gone_at', '>', ACCEPTED_AT)
    .where(sql<boolean>`(${isUsed} or ${areAllGone})`)
    .execute();
}

/** Mostly there is nothing to note: whoever only looks need not wait for others. */
async function areAllKnown(db: StoreDatabase, shown: readonly Wallet[]): Promise<boolean> {
  const known = await db.selectFrom('account_wallets').select(['currency', 'address', 'gone_at']).execute();
  const nameOf = ({ currency, address }: Wallet): string => `${currency} ${address}`;
  const names = new Set(shown.map(nameOf));
  return (
    known.length === names.size &&
    known.every((wallet) => wallet.gone_at === null && names.has(nameOf(wallet)))
  );
}

/**
 * The newest payout of the engine's that QbitPay has shown as ended, if there is one; whoever has its account can read it. One
 * that was not shown counts until a person has accepted that, and further where nothing else speaks for the account.
 */
export async function findNewestPayout(
  db: StoreDatabase,
  { known }: Pick<WalletsNoted, 'known'>,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('provider_objects')
    .innerJoin('provider_payouts', 'provider_payout_id', 'provider_id')
    .select('provider_id')
    .where('kind', '=', OBJECT_KIND.PAYOUT)
    .where('problem', 'is', null)
    // One that has just been accepted may not be shown yet.
    .where('is_open', '=', false)
    .$if(known !== 'none', (query) =>
      query.where((eb) => eb.or([eb('missing_since', 'is', null), eb('missing_since', '>', ACCEPTED_AT)])),
    )
    .orderBy('first_seen_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.provider_id;
}

/** QbitPay does not show this payout to the key that is in use: it belongs to another account. */
export async function noteUnreadable(db: StoreDatabase, providerId: string, readAt: Date): Promise<void> {
  await inTransaction(db, async (trx) => {
    await recordMissing(trx, OBJECT_KIND.PAYOUT, providerId, readAt);
    const detail = `QbitPay does not show the payout ${providerId} any more, the newest that it has shown`;
    await engage(trx, { kind: BRAKE_KIND.ACCOUNT_CHANGED, currency: null, detail });
  });
}
