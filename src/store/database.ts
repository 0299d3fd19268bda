import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { Pool } from 'pg';
import type { StoreSchema } from './schema.js';

/** The pool, or the transaction that the caller is in. */
export type StoreDatabase = Kysely<StoreSchema>;
export type StoreTransaction = Transaction<StoreSchema>;

/** The database's clock, which goes on within a transaction. */
export const NOW = sql<Date>`clock_timestamp()`;

export interface StoreOptions {
  /** postgres:// URL. */
  readonly url: string;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onIdleError: (error: Error) => void;
}

/** A waiting caller learns of a dead database within this time, instead of hanging. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;

const MAX_CONNECTIONS = 20;
/** Sessions that are kept for as long as a request to the provider takes: apart, or they would use the others up. */
const MAX_SESSIONS = 50;

export function createStoreDatabase(options: StoreOptions): StoreDatabase {
  const pool = createPool(options, MAX_CONNECTIONS);
  return new Kysely<StoreSchema>({ dialect: new PostgresDialect({ pool }) });
}

/** Direct sessions: for locks and notifications, which a pooler between would lose. */
export function createSessions(options: StoreOptions): Pool {
  return createPool(options, MAX_SESSIONS);
}

function createPool(options: StoreOptions, max: number): Pool {
  const pool = new Pool({
    connectionString: options.url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    // Beyond the server's own limit: a server that is gone answers nothing at all.
    query_timeout: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    application_name: 'qbitpay-payouts',
  });
  pool.on('error', options.onIdleError);
  // The pool listens to idle connections only. One that ends between two statements of a transaction would, without
  // a listener, end the process; the transaction learns of it by its next statement.
  pool.on('connect', (client) => client.on('error', forgetCutConnection));
  return pool;
}

function forgetCutConnection(): void {}

/** Runs the work in the caller's transaction where there is one, else in one of its own. */
export async function inTransaction<T>(
  db: StoreDatabase,
  work: (trx: StoreTransaction) => Promise<T>,
): Promise<T> {
  return isTransaction(db) ? work(db) : db.transaction().execute(work);
}

/** Undoes what the work did where it fails, and nothing else. Answers with why it failed; null when it did not. */
export async function attempt(trx: StoreTransaction, work: () => Promise<void>): Promise<string | null> {
  await sql`savepoint attempt`.execute(trx);
  try {
    await work();
    await sql`release savepoint attempt`.execute(trx);
    return null;
  } catch (error) {
    await sql`rollback to savepoint attempt`.execute(trx);
    return error instanceof Error ? error.message : String(error);
  }
}

/** As {@link inTransaction}; all of its readings show one moment. */
export async function inSnapshot<T>(
  db: StoreDatabase,
  work: (trx: StoreTransaction) => Promise<T>,
): Promise<T> {
  if (isTransaction(db)) return work(db);
  return db.transaction().setIsolationLevel('repeatable read').execute(work);
}

function isTransaction(db: StoreDatabase): db is StoreTransaction {
  return db.isTransaction;
}

export async function ping(db: StoreDatabase): Promise<void> {
  await sql`select 1`.execute(db);
}
