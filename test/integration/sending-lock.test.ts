import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createSendingSessions } from '../../src/book/database.js';
import type { FenceId } from '../../src/book/fences.js';
import { FENCE_OPERATION, FENCE_STATE } from '../../src/book/schema.js';
import { whileSending } from '../../src/book/sending-lock.js';
import { untilAnswer } from '../support/payout-workflows.js';
import {
  attachTestBook,
  openPayout,
  openTestBook,
  runConcurrently,
  type TestBook,
} from '../support/test-book.js';

const ASKED = { amount: '728', currency: 'USDT' };

/** Two workers' books on one database. */
let first: TestBook;
let second: TestBook;

beforeAll(async () => {
  first = await openTestBook();
  second = attachTestBook(first.url);
});
afterAll(async () => {
  await second.close();
  await first.close();
});

/** A payout whose order may be sent. */
async function prepare(): Promise<FenceId> {
  const { payoutId } = await openPayout(first.book);
  const fence = { operation: FENCE_OPERATION.ORDER, externalOrderId: payoutId };
  await first.book.attempts.enterStep(payoutId, fence, 'selling');
  return fence;
}

/** As the engine sends: the lock, and within it the claim. */
const claimWithLock = ({ book }: TestBook, fence: FenceId): Promise<number | undefined> =>
  book.whileSending(fence, () => book.attempts.claimSending(fence, ASKED));

/** The outcome is not known, and somebody allowed to send it once more. */
async function allowResend(fence: FenceId, sends: number): Promise<void> {
  await second.book.attempts.declareUnknown(fence);
  expect(await second.book.attempts.authoriseResend(fence, sends, 'tester')).toBe(true);
}

/** Something that happens once, and can be awaited. */
function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const untilClaimed = (fence: FenceId): Promise<number | undefined> =>
  untilAnswer(
    () => claimWithLock(second, fence),
    (sends) => sends !== undefined,
    'the lock free, and the request claimed',
  );

test('while a request is on its way nobody else sends it, not even with a re-send allowed', async () => {
  const fence = await prepare();
  const sending = signal();
  const answered = signal();
  const sender = first.book.whileSending(fence, async () => {
    const sends = await first.book.attempts.claimSending(fence, ASKED);
    sending.resolve();
    await answered.promise;
    return sends;
  });
  await sending.promise;
  await allowResend(fence, 1);

  expect(await claimWithLock(second, fence)).toBeUndefined();
  expect(await claimWithLock(first, fence)).toBeUndefined();
  expect(await second.book.attempts.getFence(fence)).toMatchObject({ sends: 1, mayBeResent: true });

  answered.resolve();
  expect(await sender).toBe(1);
  expect(await claimWithLock(second, fence)).toBe(2);
});

test('a request that fails leaves its lock to the next one', async () => {
  const fence = await prepare();
  const failing = first.book.whileSending(fence, () => Promise.reject(new Error('no answer')));
  await expect(failing).rejects.toThrow('no answer');
  expect(await untilClaimed(fence)).toBe(1);
});

test('other requests go on meanwhile', async () => {
  const [fence, other] = [await prepare(), await prepare()];
  expect(await first.book.whileSending(fence, () => claimWithLock(second, other))).toBe(1);
});

test('fifty requests on their way leave the book its connections', async () => {
  const fences = await runConcurrently(Array.from({ length: 50 }, () => prepare));
  const allSending = signal();
  const sent: Promise<number | undefined>[] = [];
  for (const fence of fences) {
    const claimed = signal();
    const sending = first.book.whileSending(fence, async () => {
      const sends = await first.book.attempts.claimSending(fence, ASKED);
      claimed.resolve();
      await allSending.promise;
      return sends;
    });
    sent.push(sending);
    // Each keeps its connection; that many new ones at once a busy machine does not make in time.
    await Promise.race([claimed.promise, sending]);
  }
  allSending.resolve();
  expect(await Promise.all(sent)).toEqual(fences.map(() => 1));
});

test('a connection that is cut frees the lock, and the sender that lost it still writes its answer', async () => {
  const fence = await prepare();
  const sender = first.book.whileSending(fence, async () => {
    await first.book.attempts.claimSending(fence, ASKED);
    await cutLockConnections();
    // Whoever comes next finds the request sent: the lock alone allows nothing.
    expect(await untilLockFree(fence)).toBe('free');
    expect(await claimWithLock(second, fence)).toBeUndefined();
    return first.book.attempts.settleFence(fence, 1, FENCE_STATE.REJECTED);
  });
  expect(await sender).toBe(FENCE_STATE.REJECTED);
  expect((await second.book.attempts.getFence(fence)).state).toBe(FENCE_STATE.REJECTED);
  // And the next request has a connection that works.
  expect(await claimWithLock(first, await prepare())).toBe(1);
});

test('a host that is lost with its sender has a minute: then its lock is free', async () => {
  const sessions = createSendingSessions({ url: first.url, onIdleError: () => undefined });
  const { rows } = await whileSending(sessions, await prepare(), () => Promise.resolve())
    // The pool has this one session, and gives it again.
    .then(() =>
      sessions.query(
        `select name, setting from pg_settings where name ~ '^tcp_(keepalives|user)_' order by name`,
      ),
    )
    .finally(() => sessions.end());
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
    const fence = await prepare();
    sender = await startSender(first.url, fence);
    await allowResend(fence, 1);
    sender.kill('SIGSTOP');
    expect(await claimWithLock(second, fence)).toBeUndefined();

    await end(sender);
    expect(await untilClaimed(fence)).toBe(2);
  });

  test('killed, its request is still sent by nobody until somebody allows it', async () => {
    const fence = await prepare();
    sender = await startSender(first.url, fence);
    await end(sender);
    expect(await untilLockFree(fence)).toBe('free');
    expect(await claimWithLock(second, fence)).toBeUndefined();
    await second.book.attempts.declareUnknown(fence);
    expect(await claimWithLock(second, fence)).toBeUndefined();
    await allowResend(fence, 1);
    expect(await claimWithLock(second, fence)).toBe(2);
  });
});

const untilLockFree = (fence: FenceId): Promise<string | undefined> =>
  untilAnswer(
    () => second.book.whileSending(fence, () => Promise.resolve('free')),
    (answer) => answer !== undefined,
    'the lock free',
  );

/** As a restart of the database does, for the connections that hold such a lock. */
async function cutLockConnections(): Promise<void> {
  const { rows } = await second.sql.query(
    `select pg_terminate_backend(pid) from pg_locks
     where locktype = 'advisory' and classid = hashtext('sending')::oid`,
  );
  expect(rows).toHaveLength(1);
}

/** Claims the request, says so, and never comes to an end. */
async function startSender(url: string, fence: FenceId): Promise<ChildProcess> {
  const built = join(process.cwd(), 'dist', 'src', 'book', 'book.js');
  if (!existsSync(built))
    throw new Error(`${built} is missing: run the tests by npm test, which builds first`);
  const script = `
    const { openBook } = await import(${JSON.stringify(pathToFileURL(built).href)});
    const book = openBook({ url: ${JSON.stringify(url)}, onIdleError: () => undefined });
    const fence = ${JSON.stringify(fence)};
    await book.whileSending(fence, async () => {
      const sends = await book.attempts.claimSending(fence, ${JSON.stringify(ASKED)});
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
