import { sql } from 'kysely';
import type { Client } from 'pg';
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

/** For the session, as the locks are; a URL that has settings of its own cannot override it. */
const EXPECT_SIGNS_OF_LIFE = `select ${Object.entries(SIGNS_OF_LIFE)
  .map(([name, value]) => `set_config('${name}', '${value}', false)`)
  .join(', ')}`;

export type SendingLocks = ReturnType<typeof createSendingLocks>;

/**
 * Locks of the database that say: a request that moves money is on its way. All of a process are held by one session, which
 * `connect` opens when the first is taken: however many requests are under way, they cost one connection. If that session is
 * cut, all its locks are free: a lock alone allows nothing, the claim and the wait for an unknown outcome decide.
 */
export function createSendingLocks(connect: () => Promise<Client>) {
  let current: Promise<Client> | undefined;
  /** What is under way, by its key: the session would give itself a lock that it holds. */
  const own = new Map<string, Promise<unknown>>();

  const forget = (opened: Promise<Client>): void => {
    if (current === opened) current = undefined;
  };
  const open = (): Promise<Client> => {
    const opened = connect().then(async (session) => {
      session.on('error', () => forget(opened));
      session.on('end', () => forget(opened));
      await ask(session, EXPECT_SIGNS_OF_LIFE);
      return session;
    });
    opened.catch(() => forget(opened));
    return opened;
  };

  const holdWhile = async <T>(key: string, send: () => Promise<T>): Promise<T | undefined> => {
    const session = await (current ??= open());
    if (!(await ask(session, TRY_LOCK, [key]))) return undefined;
    // What the sender knows by now must not be lost with the lock's connection.
    return await send().finally(() => ask(session, UNLOCK, [key]).catch(forgetCutSession));
  };

  return {
    /**
     * Holds the lock from before a request is claimed until its answer is written. Another sending of the same request needs
     * the lock: a sender that was frozen in between keeps it away as long as its connection stands. Undefined when somebody
     * holds the lock.
     */
    whileSending: async <T>(id: ProviderRequestId, send: () => Promise<T>): Promise<T | undefined> => {
      const key = keyOf(id);
      if (own.has(key)) return undefined;
      const sending = holdWhile(key, send).finally(() => own.delete(key));
      own.set(key, sending);
      return sending;
    },
    /** When nothing is under way any more: each sender still has to write its answer. */
    close: async (): Promise<void> => {
      await Promise.allSettled(own.values());
      const session = await current?.catch(forgetCutSession);
      await session?.end();
    },
  };
}

const TRY_LOCK = `select pg_try_advisory_lock(hashtext('sending'), hashtext($1)) as answer`;
const UNLOCK = `select pg_advisory_unlock(hashtext('sending'), hashtext($1)) as answer`;

/** A session that did not answer may hold a lock that nobody needs: it is ended with it. */
async function ask(session: Client, question: string, values: readonly string[] = []): Promise<boolean> {
  try {
    const { rows } = await session.query<{ readonly answer?: boolean }>(question, [...values]);
    return rows[0]?.answer === true;
  } catch (error) {
    await session.end().catch(forgetCutSession);
    throw error;
  }
}

function keyOf({ operation, externalOrderId }: ProviderRequestId): string {
  return `${operation} ${externalOrderId}`;
}

export const STILL_SENDING = refuse('its sender may still be at work: try again in a minute');

/** True while somebody holds the lock of {@link SendingLocks}; nobody else takes it until the transaction ends. */
export async function isBeingSent(trx: StoreTransaction, id: ProviderRequestId): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('sending'), hashtext(${keyOf(id)})) as locked`.execute(trx);
  return rows[0]?.locked !== true;
}

function forgetCutSession(): void {}
