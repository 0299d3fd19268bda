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
  let current: Promise<Session> | undefined;
  /** What is under way, by its key: the session would give itself a lock that it holds. */
  const own = new Map<string, Promise<unknown>>();

  const open = (): Promise<Session> => {
    const opened = connect().then(async (client) => {
      const session = createSession(client, forget);
      await session.ask(EXPECT_SIGNS_OF_LIFE);
      return session;
    });
    function forget(): void {
      if (current === opened) current = undefined;
    }
    opened.catch(forget);
    return opened;
  };

  const holdWhile = async <T>(key: string, send: () => Promise<T>): Promise<T | undefined> => {
    const session = await (current ??= open());
    if (!(await session.ask(TRY_LOCK, [key]))) return undefined;
    // What the sender knows by now must not be lost with the lock's connection.
    return await send().finally(() => session.ask(UNLOCK, [key]).catch(forgetCutSession));
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

interface Session {
  ask(question: string, values?: readonly string[]): Promise<boolean>;
  end(): Promise<void>;
}

/** Asks one question at a time: each has its time-out from when it leaves. */
function createSession(client: Client, forget: () => void): Session {
  let before: Promise<unknown> = Promise.resolve();
  const end = (): Promise<void> => {
    forget();
    return client.end().catch(forgetCutSession);
  };
  client.on('error', () => void end());
  client.on('end', forget);
  return {
    end,
    async ask(question, values = []) {
      const asked = before.then(() => client.query<{ readonly answer?: boolean }>(question, [...values]));
      before = asked.catch(forgetCutSession);
      try {
        const { rows } = await asked;
        return rows[0]?.answer === true;
      } catch (error) {
        // It may hold a lock that nobody needs, and loses it with its end.
        await end();
        throw error;
      }
    },
  };
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
