import { Client } from 'pg';

const TIMEOUT_MS = 30_000;

/** Uses a database over a connection of its own; a server that is away fails it, and does not keep it waiting. */
export async function withDatabase<T>(url: string, use: (database: Client) => Promise<T>): Promise<T> {
  const database = new Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  // The query that it strikes fails by it.
  database.on('error', () => undefined);
  await database.connect();
  try {
    return await use(database);
  } finally {
    await database.end();
  }
}
