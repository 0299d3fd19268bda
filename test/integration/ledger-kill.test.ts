import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { startBookWorker } from '../support/book-worker.js';
import { openTemporaryStateDirectory, recordLog } from '../support/embedded-fixture.js';
import { auditLedger } from '../support/ledger-audit.js';
import { addFree, attachTestBook, openPayout, openTestBook, type TestBook } from '../support/test-book.js';

/** Whatever is killed in the middle of a booking, doing all of it again brings the books to where they belong. */

const FROM_DEPOSITS = 20;
const FROM_BALANCE = 10;
const TIMEOUT_MS = 300_000;
/** A bound, not a measure. */
const RECOVERY_TIMEOUT_MS = 60_000;

async function prepare({ book }: TestBook): Promise<string[]> {
  const payoutIds: string[] = [];
  for (let index = 0; index < FROM_DEPOSITS + FROM_BALANCE; index++) {
    const funding = index % 3 === 2 ? 'balance' : 'deposit';
    payoutIds.push((await openPayout(book, { payoutId: `k-${index}`, funding })).payoutId);
  }
  // 5025.00 each.
  await addFree(book, 'CNY', '50250');
  return payoutIds;
}

async function expectAllDoneOnce({ book, sql }: TestBook, payoutIds: readonly string[]): Promise<void> {
  expect(await auditLedger(sql)).toEqual([]);
  let leftUsdt = '0';
  for (const payoutId of payoutIds) {
    const { status, deposit } = await book.payouts.get(payoutId);
    expect([payoutId, status]).toEqual([payoutId, 'paid']);
    if (deposit !== null) leftUsdt = addAmounts(leftUsdt, subtractAmounts(deposit.amount, '720'));
  }
  const { rows } = await sql.query<{ cause: string; count: number }>(
    `select cause, count(*)::int from ledger_entries where cause not in ('release') group by cause order by cause`,
  );
  expect(rows).toEqual([
    { cause: 'allocation', count: FROM_DEPOSITS + 1 },
    { cause: 'deposit', count: FROM_DEPOSITS + 1 },
    { cause: 'order', count: FROM_DEPOSITS },
    { cause: 'payout', count: FROM_DEPOSITS + FROM_BALANCE },
    { cause: 'reservation', count: FROM_BALANCE },
  ]);
  const balances = await book.ledger.balances();
  // Each order brought in 5040, of which 5025 were paid out.
  const free = { CNY: addAmounts(String(FROM_DEPOSITS * 15)), USDT: leftUsdt };
  for (const { currency, ...balance } of balances) {
    const kept = free[currency as 'CNY' | 'USDT'];
    expect([currency, Number(balance.free), Number(balance.provider)]).toEqual([
      currency,
      Number(kept),
      Number(kept),
    ]);
  }
  expect(balances).toHaveLength(2);
}

test(
  'a process that is killed again and again leaves nothing half done and nothing done twice',
  async () => {
    const book = await openTestBook();
    try {
      const payoutIds = await prepare(book);
      for (const lines of [5, 30, 40]) {
        const worker = startBookWorker(book.url, payoutIds);
        await worker.untilSaid(lines);
        await worker.kill();
        expect(await auditLedger(book.sql)).toEqual([]);
      }
      const last = startBookWorker(book.url, payoutIds);
      expect([await last.ended, last.complaints()]).toEqual([0, '']);
      await expectAllDoneOnce(book, payoutIds);
    } finally {
      await book.close();
    }
  },
  TIMEOUT_MS,
);

test(
  'PostgreSQL that is killed in the middle of bookings has what was committed, and no part of the rest',
  async () => {
    const directory = await openTemporaryStateDirectory();
    let postgres = await startPostgres(directory.path);
    let book = attachTestBook(postgres.url);
    try {
      await book.book.migrate();
      const payoutIds = await prepare(book);

      const first = startBookWorker(postgres.url, payoutIds);
      await first.untilSaid(20);
      await killBackend(book);
      expect(await first.ended).not.toBe(0);
      await untilServing(book);
      expect(await auditLedger(book.sql)).toEqual([]);

      const second = startBookWorker(postgres.url, payoutIds);
      await second.untilSaid(30);
      process.kill(postgres.pid, 'SIGKILL');
      expect(await second.ended).not.toBe(0);
      await book.close();
      postgres = await startPostgres(directory.path);
      book = attachTestBook(postgres.url);
      expect(await auditLedger(book.sql)).toEqual([]);

      const last = startBookWorker(postgres.url, payoutIds);
      expect([await last.ended, last.complaints()]).toEqual([0, '']);
      await expectAllDoneOnce(book, payoutIds);
    } finally {
      await book.close();
      await postgres.stop();
      await directory.remove();
    }
  },
  TIMEOUT_MS,
);

/** Processes of a server that was killed hold its memory for a moment longer; it does not start over them. */
async function startPostgres(stateDirectory: string): Promise<EmbeddedPostgres> {
  const deadline = Date.now() + RECOVERY_TIMEOUT_MS;
  while (true) {
    try {
      return await startEmbeddedPostgres({ stateDirectory, log: recordLog() });
    } catch (error) {
      if (!/shared memory|lock file/.test(String(error)) || Date.now() > deadline) throw error;
      await delay(250);
    }
  }
}

/** One of the processes that serve the worker, of the server that this test started. */
async function killBackend({ sql }: TestBook): Promise<void> {
  const { rows } = await sql.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name = 'qbitpay-payouts'
       and pid <> pg_backend_pid() order by (state = 'active') desc, xact_start limit 1`,
  );
  process.kill(rows[0]!.pid, 'SIGKILL');
}

/** After a crash the server recovers by itself. */
async function untilServing({ sql }: TestBook): Promise<void> {
  for (const deadline = Date.now() + RECOVERY_TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    const isServing = await sql.query('select 1').then(
      () => true,
      () => false,
    );
    if (isServing) return;
  }
  throw new Error('PostgreSQL did not come back');
}
