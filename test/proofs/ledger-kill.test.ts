import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { startStoreWorker } from '../support/store-worker.js';
import { openTemporaryStateDirectory, recordLog } from '../support/embedded-fixture.js';
import { auditLedger } from '../support/ledger-audit.js';
import {
  addAvailable,
  attachTestStore,
  openPayout,
  openTestStore,
  type TestStore,
} from '../support/test-store.js';

/** Whatever is killed in the middle of a booking, doing all of it again brings the books to where they belong. */

const FROM_DEPOSITS = 20;
const FROM_BALANCE = 10;
/** A bound, not a measure. */
const RECOVERY_TIMEOUT_MS = 200_000;

async function prepare({ store }: TestStore): Promise<string[]> {
  const payoutIds: string[] = [];
  for (let index = 0; index < FROM_DEPOSITS + FROM_BALANCE; index++) {
    const funding = index % 3 === 2 ? 'balance' : 'deposit';
    payoutIds.push((await openPayout(store, { payoutId: `k-${index}`, funding })).payoutId);
  }
  // 5025.00 each.
  await addAvailable(store, 'CNY', '50250');
  return payoutIds;
}

async function expectAllDoneOnce({ store, sql }: TestStore, payoutIds: readonly string[]): Promise<void> {
  expect(await auditLedger(sql)).toEqual([]);
  let leftUsdt = '0';
  for (const payoutId of payoutIds) {
    const { status, deposit } = await store.payouts.getPayout(payoutId);
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
  const balances = await store.ledger.readBalances();
  // Each order brought in 5040, of which 5025 were paid out.
  const left = { CNY: addAmounts(String(FROM_DEPOSITS * 15)), USDT: leftUsdt };
  for (const { currency, ...balance } of balances) {
    const kept = left[currency as 'CNY' | 'USDT'];
    expect([currency, Number(addAmounts(balance.available, balance.owed)), Number(balance.provider)]).toEqual(
      [currency, Number(kept), Number(kept)],
    );
  }
  expect(balances).toHaveLength(2);
}

test('a process that is killed again and again leaves nothing half done and nothing done twice', async () => {
  const store = await openTestStore();
  try {
    const payoutIds = await prepare(store);
    for (const lines of [5, 30, 40]) {
      const worker = startStoreWorker(store.url, payoutIds);
      await worker.untilSaid(lines);
      await worker.kill();
      expect(await auditLedger(store.sql)).toEqual([]);
    }
    const last = startStoreWorker(store.url, payoutIds);
    expect([await last.ended, last.complaints()]).toEqual([0, '']);
    await expectAllDoneOnce(store, payoutIds);
  } finally {
    await store.close();
  }
});

test('PostgreSQL that is killed in the middle of bookings has what was committed, and no part of the rest', async () => {
  const directory = await openTemporaryStateDirectory();
  let postgres = await startPostgres(directory.path);
  let store = attachTestStore(postgres.url);
  try {
    await store.store.migrate();
    const payoutIds = await prepare(store);

    const first = startStoreWorker(postgres.url, payoutIds);
    await first.untilSaid(20);
    await killBackend(store);
    expect(await first.ended).not.toBe(0);
    await untilServing(store);
    expect(await auditLedger(store.sql)).toEqual([]);

    const second = startStoreWorker(postgres.url, payoutIds);
    await second.untilSaid(30);
    process.kill(postgres.pid, 'SIGKILL');
    expect(await second.ended).not.toBe(0);
    await store.close();
    postgres = await startPostgres(directory.path);
    store = attachTestStore(postgres.url);
    expect(await auditLedger(store.sql)).toEqual([]);

    const last = startStoreWorker(postgres.url, payoutIds);
    expect([await last.ended, last.complaints()]).toEqual([0, '']);
    await expectAllDoneOnce(store, payoutIds);
  } finally {
    await store.close();
    await postgres.stop();
    await directory.remove();
  }
});

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
async function killBackend({ sql }: TestStore): Promise<void> {
  const { rows } = await sql.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name like 'qbitpay-payouts %'
       and pid <> pg_backend_pid() order by (state = 'active') desc, xact_start limit 1`,
  );
  process.kill(rows[0]!.pid, 'SIGKILL');
}

/** After a crash the server recovers by itself. */
async function untilServing({ sql }: TestStore): Promise<void> {
  for (const deadline = Date.now() + RECOVERY_TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    const isServing = await sql.query('select 1').then(
      () => true,
      () => false,
    );
    if (isServing) return;
  }
  throw new Error('PostgreSQL did not come back');
}
