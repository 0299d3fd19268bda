import type { BookDatabase } from './database.js';

/** Facts about the engine that a book belongs to. */

const PROVIDER = 'provider';

export async function readSetting(db: BookDatabase, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('engine_settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.value;
}

/** Writes a setting that has no value yet, and answers with the one that it has then. */
export async function settleSetting(db: BookDatabase, name: string, value: string): Promise<string> {
  await db
    .insertInto('engine_settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await readSetting(db, name)) ?? value;
}

/**
 * Binds the book to the first provider it is used with. Payouts in flight must never be carried on at another:
 * what was deposited in the simulator would be paid out with real money.
 * @throws OtherProviderError
 */
export async function claimForProvider(db: BookDatabase, provider: string): Promise<void> {
  const owner = await settleSetting(db, PROVIDER, provider);
  if (owner !== provider) throw new OtherProviderError(owner, provider);
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
