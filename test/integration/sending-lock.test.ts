import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from 'pg';
import { connectSession } from '../../src/store/database.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { createSendingLocks } from '../../src/store/sending-lock.js';
import {
  attachTestStore,
  openPayout,
  openTestStore,
  runConcurrently,
  type TestStore,
  SENDER,
} from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';
import { endSending } from '../support/end-sending.js';

const ASKED = { amount: '728', currency: 'USDT' };

/** Two workers' books on one database. */
let first: TestStore;
let second: TestStore;

beforeAll(async () => {
  first = await openTestStore();
  second = attachTestStore(first.url);
});
afterAll(async () => {
  await second.close();
  await first.close();
});

/** A payout whose order may be sent. */
async function prepare(): Promise<ProviderRequestId> {
  const { payoutId } = await openPayout(first.store);
  const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await first.store.requests.prepare(payoutId, providerRequest, 'selling');
  return providerRequest;
}

/** As the engine sends: the lock, and within it the claim. */
const claimWithLock = (
  { store }: TestStore,
  providerRequest: ProviderRequestId,
): ReturnType<TestStore['store']['requests']['claim']> =>
  store.requests.whileSending(providerRequest, () => store.requests.claim(providerRequest, SENDER, ASKED));

/** The outcome is not known, and somebody allowed to send it once more. */
async function allowResend(providerRequest: ProviderRequestId, sends: number): Promise<void> {
  await second.store.requests.declareUnknown(providerRequest);
  expect(await second.store.requests.authoriseResend(providerRequest, sends, 'tester')).toBe(true);
}

/** Something that happens once, and can be awaited. */
function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const untilClaimed = (
  providerRequest: ProviderRequestId,
): ReturnType<TestStore['store']['requests']['claim']> =>
  untilAnswer(
    () => claimWithLock(second, providerRequest),
    (sends) => sends !== undefined,
    'the lock free, and the request claimed',
  );

test('while a request is on its way nobody else sends it, not even with a re-send allowed', async () => {
  const providerRequest = await prepare();
  const sending = signal();
  const answered = signal();
  const sender = first.store.requests.whileSending(providerRequest, async () => {
    const sends = await first.store.requests.claim(providerRequest, SENDER, ASKED);
    sending.resolve();
    await answered.promise;
    return sends;
  });
  await sending.promise;
  await allowResend(providerRequest, 1);

  expect(await claimWithLock(second, providerRequest)).toBeUndefined();
  expect(await claimWithLock(first, providerRequest)).toBeUndefined();
  expect(await second.store.requests.get(providerRequest)).toMatchObject({
    sends: 1,
    mayBeResent: true,
  });

  answered.resolve();
  expect(await sender).toBe(1);
  expect(await claimWithLock(second, providerRequest)).toBe(2);
});

test('a request that fails leaves its lock to the next one', async () => {
  const providerRequest = await prepare();
  const failing = first.store.requests.whileSending(providerRequest, () =>
    Promise.reject(new Error('no answer')),
  );
  await expect(failing).rejects.toThrow('no answer');
  expect(await untilClaimed(providerRequest)).toBe(1);
});

test('other requests go on meanwhile', async () => {
  const [providerRequest, other] = [await prepare(), await prepare()];
  expect(await first.store.requests.whileSending(providerRequest, () => claimWithLock(second, other))).toBe(
    1,
  );
});

test('fifty requests on their way take one connection for all of their locks', async () => {
  const provider_requests = await runConcurrently(Array.from({ length: 50 }, () => prepare));
  const [allSending, answered] = [signal(), signal()];
  let claimed = 0;
  const sent = provider_requests.map((providerRequest) =>
    first.store.requests.whileSending(providerRequest, async () => {
      const sends = await first.store.requests.claim(providerRequest, SENDER, ASKED);
      claimed += 1;
      if (claimed === provider_requests.length) allSending.resolve();
      await answered.promise;
      return sends;
    }),
  );
  await Promise.race([allSending.promise, Promise.all(sent)]);
  expect(await lockConnections()).toHaveLength(1);
  for (const providerRequest of provider_requests.slice(0, 3))
    expect(await claimWithLock(second, providerRequest)).toBeUndefined();
  answered.resolve();
  expect(await Promise.all(sent)).toEqual(provider_requests.map(() => 1));
});

test('a store that closes waits for what is under way: its answer is written first', async () => {
  const providerRequest = await prepare();
  const { store } = attachTestStore(first.url);
  const [sending, answered] = [signal(), signal()];
  const sender = store.requests.whileSending(providerRequest, async () => {
    await store.requests.claim(providerRequest, SENDER, ASKED);
    sending.resolve();
    await answered.promise;
    return endSending(store, providerRequest, 1, REQUEST_STATE.REFUSED);
  });
  await sending.promise;
  const closed = store.close();
  answered.resolve();
  expect(await sender).toBe(REQUEST_STATE.REFUSED);
  await closed;
});

test('a connection that is cut frees the lock, and the sender that lost it still writes its answer', async () => {
  const providerRequest = await prepare();
  const sender = first.store.requests.whileSending(providerRequest, async () => {
    await first.store.requests.claim(providerRequest, SENDER, ASKED);
    await cutLockConnections();
    // Whoever comes next finds the request sent: the lock alone allows nothing.
    expect(await untilLockFree(providerRequest)).toBe('available');
    expect(await claimWithLock(second, providerRequest)).toBeUndefined();
    return endSending(first.store, providerRequest, 1, REQUEST_STATE.REFUSED);
  });
  expect(await sender).toBe(REQUEST_STATE.REFUSED);
  expect((await second.store.requests.get(providerRequest)).state).toBe(REQUEST_STATE.REFUSED);
  // And the next request has a connection that works.
  expect(await claimWithLock(first, await prepare())).toBe(1);
});

test('a host that is lost with its sender has a minute: then its lock is available', async () => {
  let session: Client | undefined;
  const locks = createSendingLocks(async () => {
    session = await connectSession({ url: first.url, onIdleError: () => undefined });
    return session;
  });
  const rows = await locks.whileSending(await prepare(), async () => {
    const settings = await session?.query(
      `select name, setting from pg_settings where name ~ '^tcp_(keepalives|user)_' order by name`,
    );
    return settings?.rows;
  });
  await locks.close();
  expect(rows).toEqual([
    { name: 'tcp_keepalives_count', setting: '3' },
    { name: 'tcp_keepalives_idle', setting: '30' },
    { name: 'tcp_keepalives_interval', setting: '10' },
    { name: 'tcp_user_timeout', setting: '60000' },
  ]);
});

describe('a sender in a process of its own', () => {
  let sender: ChildProcess;
  afterEach(() => end(sender));

  test('frozen, it keeps the request to itself; killed, it leaves it', async () => {
    const providerRequest = await prepare();
    sender = await startSender(first.url, providerRequest);
    await allowResend(providerRequest, 1);
    sender.kill('SIGSTOP');
    expect(await claimWithLock(second, providerRequest)).toBeUndefined();

    await end(sender);
    expect(await untilClaimed(providerRequest)).toBe(2);
  });

  test('killed, its request is still sent by nobody until somebody allows it', async () => {
    const providerRequest = await prepare();
    sender = await startSender(first.url, providerRequest);
    await end(sender);
    expect(await untilLockFree(providerRequest)).toBe('available');
    expect(await claimWithLock(second, providerRequest)).toBeUndefined();
    await second.store.requests.declareUnknown(providerRequest);
    expect(await claimWithLock(second, providerRequest)).toBeUndefined();
    await allowResend(providerRequest, 1);
    expect(await claimWithLock(second, providerRequest)).toBe(2);
  });
});

const untilLockFree = (providerRequest: ProviderRequestId): Promise<string | undefined> =>
  untilAnswer(
    () => second.store.requests.whileSending(providerRequest, () => Promise.resolve('available')),
    (answer) => answer !== undefined,
    'the lock free',
  );

const LOCK_HOLDERS = `select distinct pid from pg_locks join pg_stat_activity using (pid)
   where datname = current_database() and locktype = 'advisory' and classid = hashtext('sending')::oid`;

async function lockConnections(): Promise<readonly number[]> {
  const { rows } = await second.sql.query<{ pid: number }>(LOCK_HOLDERS);
  return rows.map(({ pid }) => pid);
}

/** As a restart of the database does, for the connection that holds such locks. */
async function cutLockConnections(): Promise<void> {
  const { rows } = await second.sql.query(
    `select pg_terminate_backend(pid) from (${LOCK_HOLDERS}) as holder`,
  );
  expect(rows).toHaveLength(1);
}

/** Claims the request, says so, and never comes to an end. */
async function startSender(url: string, providerRequest: ProviderRequestId): Promise<ChildProcess> {
  const built = join(process.cwd(), 'dist', 'src', 'store', 'store.js');
  if (!existsSync(built))
    throw new Error(`${built} is missing: run the tests by npm test, which builds first`);
  const script = `
    const { openStore } = await import(${JSON.stringify(pathToFileURL(built).href)});
    const store = openStore({ url: ${JSON.stringify(url)}, onIdleError: () => undefined });
    const providerRequest = ${JSON.stringify(providerRequest)};
    await store.requests.whileSending(providerRequest, async () => {
      const sends = await store.requests.claim(providerRequest, ${JSON.stringify(SENDER)}, ${JSON.stringify(ASKED)});
      process.stdout.write('claimed ' + sends + '\\n');
      await new Promise(() => setInterval(() => undefined, 1_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const [said] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
  expect(String(said)).toBe('claimed 1\n');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
