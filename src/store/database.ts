import { hostname } from 'node:os';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pRetry from 'p-retry';
import { Client, Pool, type ClientConfig } from 'pg';
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
  /** Of this process, all in all. @default 15 */
  readonly maxConnections?: number;
}

/** A waiting caller learns of a dead database within this time, instead of hanging. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
/** So long a connection waits for the server to have a place for it. */
const PLACE_TIMEOUT_MS = 15_000;

/** Of one process, when nothing else is said. */
const MAX_CONNECTIONS = 15;
/** One that holds the locks of sending, and one that listens. */
const SESSIONS = 2;

export interface OpenStore extends StoreOptions {
  /** Tells it from others: two containers may have one host name, and one process may open several. @default none */
  readonly token?: string;
}

export function createStoreDatabase(options: OpenStore): StoreDatabase {
  const pool = new Pool({
    ...toClientConfig(options),
    max: (options.maxConnections ?? MAX_CONNECTIONS) - SESSIONS,
  });
  pool.on('error', options.onIdleError);
  // The pool listens to idle connections only. One that ends between two statements of a transaction would, without
  // a listener, end the process; the transaction learns of it by its next statement.
  pool.on('connect', (client) => client.on('error', forgetCutConnection));
  const patient = { connect: () => whenThereIsPlace(() => pool.connect()), end: () => pool.end() };
  return new Kysely<StoreSchema>({ dialect: new PostgresDialect({ pool: patient }) });
}

/** A session of its own: for locks and notifications, which a pooler between would lose. */
export function connectSession(options: OpenStore): Promise<Client> {
  return whenThereIsPlace(async () => {
    const session = new Client(toClientConfig(options));
    session.on('error', forgetCutConnection);
    await session.connect();
    return session;
  });
}

function toClientConfig({ url, token = '', maxConnections = MAX_CONNECTIONS }: OpenStore): ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    // Beyond the server's own limit: a server that is gone answers nothing at all.
    query_timeout: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    // Whoever looks at the server's connections sees what each process may open, and so does {@link readBudget}.
    application_name: `${APPLICATION} ${hostname().slice(-20)} ${process.pid} ${token} max ${maxConnections}`,
  };
}

const APPLICATION = 'qbitpay-payouts';
const TOO_MANY_CONNECTIONS = '53300';

/** Others may leave soon; a server that is gone, or refuses, is told of at once. */
function whenThereIsPlace<T>(connect: () => Promise<T>): Promise<T> {
  return pRetry(connect, {
    retries: Infinity,
    minTimeout: 50,
    maxTimeout: 1_000,
    maxRetryTime: PLACE_TIMEOUT_MS,
    randomize: true,
    shouldRetry: ({ error }) => 'code' in error && error.code === TOO_MANY_CONNECTIONS,
  });
}

/** How many connections the processes of this engine may open, this one included, and how many the server has for them. */
export interface ConnectionBudget {
  readonly mayOpen: number;
  readonly limit: number;
}

export async function readBudget(db: StoreDatabase): Promise<ConnectionBudget> {
  const { rows } = await sql<ConnectionBudget>`
    select (select coalesce(sum(max), 0)::int from (
        select distinct application_name, substring(application_name from 'max (\\d+)$')::int as max
        from pg_stat_activity
        where datname = current_database() and application_name ~ ${`^${APPLICATION} .* max \\d+$`}) as process) as "mayOpen",
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int as limit`.execute(db);
  return rows[0] ?? { mayOpen: 0, limit: 0 };
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
