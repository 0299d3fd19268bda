import { sql } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import type { StoreTransaction } from './database.js';
import { refuse } from './outcome.js';
import type { ProviderRequestId } from './requests/request-kind.js';

/**
 * A host that is lost with its sender tells PostgreSQL nothing, which by itself would keep the lock for two hours. Asked
 * for a sign of life, the host has a minute, and it has a minute to acknowledge what it was sent. A sender that lives and
 * is only cut off loses the lock as well: what it may still send is covered by the deadline of its request (10 s) and by
 * the wait for an unknown outcome. On a Unix socket none of this applies, nor is it needed.
 */
const SIGNS_OF_LIFE = {
  tcp_keepalives_idle: '30s',
  tcp_keepalives_interval: '10s',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '60s',
} as const;

/** For the session, as the lock is; a URL that has settings of its own cannot override it. */
const EXPECT_SIGNS_OF_LIFE = Object.entries(SIGNS_OF_LIFE)
  .map(([name, value]) => `set_config('${name}', '${value}', false)`)
  .join(', ');

/**
 * Holds a session lock of the database while a request that moves money is on its way: from before it is claimed until
 * its answer is written. Another sending of the same request needs the lock: a sender that was frozen in between keeps
 * it away as long as its connection stands. Undefined when somebody else holds the lock.
 */
export async function whileSending<T>(
  pool: Pool,
  { operation, externalOrderId }: ProviderRequestId,
  send: () => Promise<T>,
): Promise<T | undefined> {
  const session = await pool.connect();
  const key = keyOf({ operation, externalOrderId });
  let isBroken = true;
  session.on('error', forgetCutSession);
  try {
    const { rows } = await session.query<{ locked: boolean }>(
      `select ${EXPECT_SIGNS_OF_LIFE}, pg_try_advisory_lock(hashtext('sending'), hashtext($1)) as locked`,
      [key],
    );
    if (rows[0]?.locked !== true) {
      isBroken = false;
      return undefined;
    }
    const result = await send();
    isBroken = !(await unlock(session, key));
    return result;
  } finally {
    session.off('error', forgetCutSession);
    // A session that may still hold the lock is ended with it, not given to the next one.
    session.release(isBroken);
  }
}

function keyOf({ operation, externalOrderId }: ProviderRequestId): string {
  return `${operation} ${externalOrderId}`;
}

export const STILL_SENDING = refuse('its sender may still be at work: try again in a minute');

/** True while somebody holds the lock of {@link whileSending}; nobody else takes it until the transaction ends. */
export async function isBeingSent(trx: StoreTransaction, id: ProviderRequestId): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('sending'), hashtext(${keyOf(id)})) as locked`.execute(trx);
  return rows[0]?.locked !== true;
}

/** A session in use has no listener of its pool: without one its end would be the end of the process. */
function forgetCutSession(): void {}

/** What the sender knows by now must not be lost with the lock's connection. */
async function unlock(session: PoolClient, key: string): Promise<boolean> {
  try {
    await session.query(`select pg_advisory_unlock(hashtext('sending'), hashtext($1))`, [key]);
    return true;
  } catch {
    return false;
  }
}
