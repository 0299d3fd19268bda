import { Migrator, sql, type Migration } from 'kysely';
import { LEGAL_TRANSITIONS, PAYOUT_STATUSES } from '../../domain/payout-status.js';
import type { StoreDatabase } from '../database.js';
import * as schema from './0001-schema.js';

/** In order; a name that has run anywhere is never changed. Migrations only go forward. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-schema': schema,
};

/** Brings the database to this version's schema; safe to run at any time and by several processes at once. */
export async function migrate(db: StoreDatabase): Promise<readonly string[]> {
  const { error, results = [] } = await createMigrator(db).migrateToLatest();
  if (error !== undefined) throw toError(error);
  await writeLegalTransitions(db);
  return results.map((result) => result.migrationName);
}

/** @throws StoreNotMigratedError unless every migration of this version has run. */
export async function assertMigrated(db: StoreDatabase): Promise<void> {
  const migrations = await createMigrator(db).getMigrations();
  const missing = migrations.filter((migration) => migration.executedAt === undefined);
  if (missing.length > 0) throw new StoreNotMigratedError(missing.map((migration) => migration.name));
}

export class StoreNotMigratedError extends Error {
  override readonly name = 'StoreNotMigratedError';

  constructor(missing: readonly string[]) {
    super(`the database lacks ${missing.join(', ')}: run "npm run migrate" first`);
  }
}

function createMigrator(db: StoreDatabase): Migrator {
  return new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
}

/** The trigger on payouts reads this table, so that the domain's table stays the only one written by hand. */
async function writeLegalTransitions(db: StoreDatabase): Promise<void> {
  const rows = PAYOUT_STATUSES.flatMap((from) =>
    LEGAL_TRANSITIONS[from].map((to) => ({ from_status: from, to_status: to })),
  );
  await db.transaction().execute(async (trx) => {
    await sql`lock table legal_payout_transitions in share row exclusive mode`.execute(trx);
    await trx.deleteFrom('legal_payout_transitions').execute();
    await trx.insertInto('legal_payout_transitions').values(rows).execute();
  });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the migration failed', { cause: error });
}
