import { runSync, type SyncParts } from '../../activities/provider/sync-run.js';
import {
  compareWithMirror,
  recordRun,
  type ReconciliationRun,
} from '../../activities/reconciliation/reconciliation-run.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../src/qbitpay/client.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { CANARY_API_KEY } from '../support/engine.js';
import { createEngineClient, type EngineClient, type Json } from '../support/engine-client.js';
import { startProviderProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { openPayout, openTestStore, type TestStore } from '../support/test-store.js';
import { takeSync } from '../support/sync-parts.js';

/** What a run reads of store and mirror, and what it leaves for the next: a real database, filled by real syncs. */

let simulator: Simulator;
let control: EngineClient['control'];
let proxy: ProviderProxy;
let closeProxy: () => void;
let qbitpay: QbitPayClient;
let testStore: TestStore;
let parts: SyncParts;

beforeEach(async () => {
  simulator = await startSimulator({ apiKey: CANARY_API_KEY });
  ({ control } = createEngineClient('http://127.0.0.1:1', simulator.url));
  await control('PATCH', '/settings', { settlement: 'manual', payoutLimit: { currency: 'USDT', min: '1' } });
  const started = await startProviderProxy(Number(new URL(simulator.url).port));
  ({ proxy, close: closeProxy } = started);
  qbitpay = createQbitPayClient({ baseUrl: started.url, apiKey: createStaticApiKey(CANARY_API_KEY) });
  testStore = await openTestStore();
  parts = await takeSync(testStore.store, qbitpay, { intervalMs: 1_000, overlapSeconds: 0 });
  await runSync(parts);
});
afterEach(async () => {
  await testStore.close();
  qbitpay.close();
  closeProxy();
  await simulator.close();
});

const settings = { reconciliation: { graceSeconds: 0 } };
const compare = (isFull = false): Promise<ReconciliationRun> =>
  compareWithMirror({ store: testStore.store, settings }, { isFull });

/** After a sync, as the schedule does it. */
async function run(): Promise<ReconciliationRun['report']> {
  await runSync(parts);
  const done = await compare();
  await recordRun({ store: testStore.store }, done);
  return done.report;
}

/** Everything that was written so far was so a day ago. */
async function letADayPass(): Promise<void> {
  await testStore.sql.query(`
    update provider_objects set first_seen_at = first_seen_at - interval '1 day', read_at = read_at - interval '1 day',
      changed_at = changed_at - interval '1 day', missing_since = missing_since - interval '1 day';
    update provider_sync set opened_at = opened_at - interval '1 day';
    update deposits set verified_at = verified_at - interval '1 day'`);
}

const deposit = async (amount: number): Promise<string> =>
  (await control('POST', '/deposits', { currency: 'USDT', amount })).id;
const pay = async (externalOrderId?: string): Promise<string> => {
  const destination = {
    type: 'wallet',
    payerName: 'Example Ltd',
    addr: 'TExampleWalletAddress12345',
  } as const;
  const payout = { amount: '10', currency: 'USDT', destination, externalOrderId };
  return (await qbitpay.createPayout(payout)).id;
};
const count = async (table: string): Promise<number> =>
  Number((await testStore.sql.query(`select count(*) from ${table}`)).rows[0].count);
const NOTHING = { payouts: 0, orders: 0, deposits: 0, balanceTransactions: 0 };

test('what was clean is looked at again only once it has changed', async () => {
  await deposit(100);
  const first = await run();
  expect(first).toMatchObject({ clean: true, sinceMs: null, compared: { deposits: 1 } });
  await letADayPass();
  const second = await run();
  expect(second).toMatchObject({ clean: true, compared: NOTHING });
  expect(second.sinceMs).toBeLessThan(first.ranAtMs);
  await deposit(5);
  expect(await run()).toMatchObject({
    clean: true,
    compared: { ...NOTHING, deposits: 1, balanceTransactions: 1 },
  });
  expect((await compare(true)).report).toMatchObject({
    clean: true,
    sinceMs: null,
    compared: { deposits: 2 },
  });
});

test('what is open is looked at again, changed or not, until it is clean', async () => {
  await deposit(100);
  const id = await pay('of-nobody');
  const found = { kind: 'UNKNOWN_AT_PROVIDER', externalOrderId: 'of-nobody', providerIds: [id] };
  expect((await run()).discrepancies).toMatchObject([found]);
  await letADayPass();
  const again = await run();
  expect(again.discrepancies).toMatchObject([found]);
  expect(again.compared).toEqual({ ...NOTHING, payouts: 1, balanceTransactions: 1 });
  expect(again.balances.map(({ off }) => off)).toEqual(['0', '0']);
});

test('outside activity is booked once, with the payout of the dashboard that it is of', async () => {
  await deposit(100);
  await control('POST', '/charges', { currency: 'USDT', amount: 7, credited: true });
  await pay();
  const { outside, discrepancies } = await run();
  expect(discrepancies).toEqual([]);
  expect(outside.map(({ type, net }) => [type, net])).toEqual([
    ['charge', '7'],
    ['payout', '-10.05'],
  ]);
  const later = await run();
  expect(later.outside).toEqual([]);
  expect(later.balances.map(({ explained, off }) => ({ explained, off }))).toEqual([
    { explained: '0', off: '0' },
    { explained: '0', off: '0' },
  ]);
});

test('what names nobody may be of a request whose outcome is not known, until its payout has ended', async () => {
  await deposit(100);
  const { payoutId } = await openPayout(testStore.store);
  await testStore.sql.query(
    `insert into provider_requests (operation, external_order_id, payout_id, state, sends, first_sent_at, last_sent_at)
     values ('payout', $1, $1, 'unknown', 1, clock_timestamp(), clock_timestamp())`,
    [payoutId],
  );
  const { mirror } = testStore.store;
  // As a webhook names it; QbitPay does not have it.
  await mirror.recordMissing('payout', 'never-shown', await mirror.readClock());
  expect((await run()).inFlight).toBe(0);
  // Of another one QbitPay shows what it moved, and not yet the payout itself.
  const { source } = await control('POST', '/balances/adjust', {
    currency: 'USDT',
    amount: -5,
    type: 'payout',
  });
  await mirror.recordMissing('payout', source, await mirror.readClock());
  expect(await run()).toMatchObject({ outside: [], inFlight: 1 });
  await pay();
  expect(await run()).toMatchObject({ outside: [], inFlight: 2 });
  await testStore.sql.query(`update payouts set status = 'failed' where payout_id = $1`, [payoutId]);
  const { outside } = await run();
  expect(outside.map(({ type, net }) => `${type} ${net}`).toSorted()).toEqual(['payout -10.05', 'payout -5']);
});

test('a run that is not recorded writes nothing', async () => {
  await deposit(100);
  await control('POST', '/charges', { currency: 'USDT', amount: 7, credited: true });
  await runSync(parts);
  const tables = ['reconciliation_reports', 'ledger_entries', 'sync_wishes'];
  const before = await Promise.all(tables.map(count));
  expect((await compare(true)).report.outside).toHaveLength(1);
  expect(await Promise.all(tables.map(count))).toEqual(before);
});

test('everything read anew shows what QbitPay has taken back long ago', async () => {
  const id = await deposit(100);
  await pay();
  await run();
  await letADayPass();
  await control('POST', `/deposits/${id}/forget`);
  expect((await run()).discrepancies).toEqual([]);
  await testStore.store.mirror.wishForReread();
  const isReread = async (): Promise<boolean> =>
    (await testStore.store.mirror.readLists()).every(({ rereadFrom }) => rereadFrom === null);
  for (let syncs = 0; syncs < 3; syncs += 1) await runSync(parts);
  expect(await isReread()).toBe(true);
  expect((await run()).discrepancies).toMatchObject([{ kind: 'DEPOSIT_MISSING', providerIds: [id] }]);
});

test('a deposit of which a part is left, and that is booked as missing, explains its balance', async () => {
  const id = await deposit(100);
  await run();
  const shrink = (one: Json): Json => {
    if (one.source === id) return { ...one, amount: 5, net: 5 };
    return one.object === 'balance' && one.currency === 'USDT' ? { ...one, available: 5 } : one;
  };
  proxy.rewrite((_request, body: Json) =>
    body?.object === 'list' ? { ...body, data: body.data.map(shrink) } : body && shrink(body),
  );
  const found = [{ kind: 'AMOUNT_DIFFERS', providerIds: [id], store: '100', provider: '5' }];
  expect((await run()).discrepancies).toMatchObject(found);
  await testStore.store.deposits.markMissing(id);
  expect((await run()).discrepancies).toMatchObject(found);
});

test('K17: what cannot be read is named, and stops nothing', async () => {
  await deposit(100);
  const id = await pay();
  proxy.rewrite((_request, body: Json) =>
    body?.object === 'list'
      ? { ...body, data: body.data.map((one: Json) => (one.id === id ? { ...one, fee: null } : one)) }
      : body,
  );
  expect((await run()).discrepancies).toMatchObject([
    {
      kind: 'UNREADABLE_AT_PROVIDER',
      object: 'payout',
      providerIds: [id],
      provider: expect.stringContaining('fee'),
    },
  ]);
});
