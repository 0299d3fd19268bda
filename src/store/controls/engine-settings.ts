import type { StoreDatabase } from '../database.js';

/** Facts about the engine that a store belongs to. */

const PROVIDER = 'provider';

export async function readSetting(db: StoreDatabase, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('engine_settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.value;
}

/** Writes a setting that has no value yet, and answers with the one that it has then. */
async function settleSetting(db: StoreDatabase, name: string, value: string): Promise<string> {
  await db
    .insertInto('engine_settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await readSetting(db, name)) ?? value;
}

/**
 * Binds the store to the first provider it is used with. Payouts in flight must never be carried on at another:
 * what was deposited in the simulator would be paid out with real money.
 * @throws OtherProviderError
 */
export async function claimForProvider(db: StoreDatabase, provider: string): Promise<void> {
  const name = normaliseProvider(provider);
  const owner = await settleSetting(db, PROVIDER, name);
  if (owner === name) return;
  if (await holdsMoney(db)) throw new OtherProviderError(owner, name);
  await db.updateTable('engine_settings').set({ value: name }).where('name', '=', PROVIDER).execute();
}

/** One spelling for one address: case, default port and a slash at the end make no other provider. */
function normaliseProvider(provider: string): string {
  return URL.canParse(provider) ? new URL(provider).href.replace(/\/$/, '') : provider;
}

/** A store without payouts and deposits, as a mistyped address leaves it, is anybody's. */
async function holdsMoney(db: StoreDatabase): Promise<boolean> {
  const payout = await db.selectFrom('payouts').select('payout_id').limit(1).executeTakeFirst();
  const deposit = await db.selectFrom('deposits').select('deposit_id').limit(1).executeTakeFirst();
  return payout !== undefined || deposit !== undefined;
}

export class OtherProviderError extends Error {
  override readonly name = 'OtherProviderError';

  constructor(owner: string, provider: string) {
    super(
      `the database holds payouts of ${owner}, not of ${provider}: set DATABASE_URL to another database` +
        ' (with the embedded one: start with --fresh, or in another folder)',
    );
  }
}
