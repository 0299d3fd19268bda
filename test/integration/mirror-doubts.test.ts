import { Client } from 'pg';
import { runSync, type SyncParts } from '../../activities/provider/sync-run.js';
import { openPayout } from '../support/test-store.js';
import {
  control,
  fund,
  inMirror,
  isComplete,
  ofList,
  payAtProvider,
  payMany,
  qbitpay,
  reader,
  testStore,
  useMirror,
} from '../support/mirror-world.js';

/** Answers that say less than they seem to: what the mirror must not take them for. */

useMirror();

const refuse = (endpoint: string, status: number, kind = 'invalid_request_error') =>
  control('POST', '/faults', { kind, endpoint, status, times: 100 });

/** A request of a payout's whose outcome is not known, and that is searched for since this time. */
async function searchFor(operation: 'order' | 'payout', sentAgo = '1 hour'): Promise<string> {
  const { payoutId } = await openPayout(testStore.store);
  await testStore.sql.query(
    `insert into provider_requests (operation, external_order_id, payout_id, state, sends, first_sent_at, last_sent_at,
       absence_from, absence_wanted)
     values ($1, $2, $2, 'unknown', 1, clock_timestamp() - $3::interval, clock_timestamp() - $3::interval,
       clock_timestamp() - $3::interval + interval '1 second', 2)`,
    [operation, payoutId, sentAgo],
  );
  return payoutId;
}

async function checksOf(payoutId: string): Promise<number> {
  const { rows } = await testStore.sql.query(
    'select absence_checks from provider_requests where payout_id = $1',
    [payoutId],
  );
  return rows[0].absence_checks;
}

describe('a list that is answered with 404', () => {
  test.each([
    ['payouts', 'GET /api/v1/payouts'],
    ['transactions', 'GET /api/v1/balanceTransactions'],
  ])('%s are documented: the sync is not complete without them', async (_what, endpoint) => {
    const parts = await reader();
    await runSync(parts);
    await refuse(endpoint, 404);
    expect(await isComplete(parts)).toBe(false);
  });

  test('orders that were shown are there', async () => {
    await fund('1000');
    await qbitpay.createOrder({ symbol: 'USDT/CNY', side: 'sell', amount: '10' });
    const parts = await reader();
    expect(await isComplete(parts)).toBe(true);
    expect(await inMirror('order')).toHaveLength(1);
    await refuse('GET /api/v1/orders', 404);
    expect(await isComplete(parts)).toBe(false);
  });

  test('the page of a proxy says nothing', async () => {
    await refuse('GET /api/v1/orders', 404, 'status');
    expect(await isComplete(await reader())).toBe(false);
  });

  test('orders that are not offered are searched for none: who waits for that is told, once', async () => {
    const payoutId = await searchFor('order');
    await refuse('GET /api/v1/orders', 404);
    const parts = await reader();
    for (let sync = 1; sync <= 2; sync += 1) {
      expect(await isComplete(parts)).toBe(true);
      const hints = await testStore.store.mirror.readHints(10);
      expect(hints.map((hint) => hint.payoutId)).toEqual(sync === 1 ? [payoutId] : []);
      for (const hint of hints) await testStore.store.mirror.forgetHint(hint);
    }
    const id = { operation: 'order', externalOrderId: payoutId } as const;
    expect(await testStore.store.requests.get(id)).toMatchObject({ isUnsearchable: true, absenceChecks: 0 });
  });
});

describe('an object that is asked for by its id', () => {
  /** One that has failed, below the first page: only its id shows what became of it. */
  async function known(): Promise<{ readonly parts: SyncParts; readonly id: string }> {
    await fund('10000');
    const [id = ''] = await payMany(1);
    await control('POST', `/payouts/${id}/advance`, { status: 'failed' });
    const parts = await reader();
    await runSync(parts);
    ofList('/api/v1/payouts', (data) => data.filter((one) => one.id !== id));
    await testStore.store.mirror.wishForSync('a decision', { kind: 'payout', providerId: id });
    return { parts, id };
  }

  test.each([
    ['cannot be read', 500, 'api_error'],
    ['is refused', 403, 'authentication_error'],
    ['is called invalid', 400, 'invalid_request_error'],
  ])('%s: what was known of it is not taken for what it is', async (_how, status, kind) => {
    const { parts, id } = await known();
    await refuse('GET /api/v1/payouts/{id}', status, kind);
    await isComplete(parts);
    expect(await testStore.store.mirror.findObject('payout', id)).toMatchObject({
      ...{ status: 'failed', problem: 'body', missing_since: null },
    });
    await control('DELETE', '/faults');
    await runSync(parts);
    expect(await testStore.store.mirror.findObject('payout', id)).toMatchObject({ problem: null });
  });

  test('is not gone because a proxy says so', async () => {
    const { parts, id } = await known();
    await refuse('GET /api/v1/payouts/{id}', 404, 'status');
    expect(await isComplete(parts)).toBe(false);
    expect(await testStore.store.mirror.findObject('payout', id)).toMatchObject({ missing_since: null });
    await control('DELETE', '/faults');
    await refuse('GET /api/v1/payouts/{id}', 404);
    await runSync(parts);
    expect(await testStore.store.mirror.findObject('payout', id)).toMatchObject({
      missing_since: expect.any(Date),
    });
  });
});

test.each([
  [1, 'is complete, without it', true],
  [5, 'is not complete: QbitPay does not answer', false],
])('objects that get no answer by their id, %i of them: the sync %s', async (count, _what, isIt) => {
  await fund('10000');
  const [shown, ...ids] = await payMany(count + 1);
  const parts = await reader();
  await runSync(parts);
  ofList('/api/v1/payouts', (data) => data.filter((one) => one.id === shown));
  for (const providerId of ids) {
    await testStore.store.mirror.wishForSync('a decision', { kind: 'payout', providerId });
  }
  await control('POST', '/faults', {
    ...{ kind: 'resetBeforeEffect', endpoint: 'GET /api/v1/payouts/{id}', times: 100 },
  });
  expect(await isComplete(parts)).toBe(isIt);
  expect(await testStore.store.mirror.findObject('payout', ids[0] ?? '')).toMatchObject({ problem: 'body' });
});

test('an absence check counts for what the list was read far enough for, and not for what joined meanwhile', async () => {
  const sought = await searchFor('payout', '1 minute');
  const joined = await searchFor('payout', '2 hours');
  const beganAt = await testStore.store.mirror.readClock();
  const since = new Date(beganAt.getTime() - 3_600_000);
  await (await reader()).reader.noteAbsenceChecks({ kind: 'payout', beganAt, since, isWhole: true });
  expect([await checksOf(sought), await checksOf(joined)]).toEqual([1, 0]);
});

test('a list with something without an id counts for nobody, and is searched for an hour', async () => {
  const [old, recent] = [await searchFor('payout', '1 hour'), await searchFor('payout', '50 minutes')];
  await fund('100');
  await payMany(1);
  ofList('/api/v1/payouts', (data) => [...data, ...(data.length > 0 ? [{ object: 'payout' }] : [])]);
  expect(await isComplete(await reader())).toBe(true);
  expect([await checksOf(old), await checksOf(recent)]).toEqual([0, 0]);
  const hints = await testStore.store.mirror.readHints(10);
  expect(hints.map((hint) => hint.payoutId)).toEqual([old]);
});

test('what was seen just after the sending proves no absence, however long the reading takes', async () => {
  const sought = await searchFor('payout');
  await fund('10000');
  await payAtProvider(sought);
  await payMany(100);
  const listed = (isShown: boolean): void =>
    ofList('/api/v1/payouts', (data, query) =>
      query.has('status') ? [] : data.filter((one) => isShown || one.externalOrderId !== sought),
    );
  listed(false);
  const parts = await reader({ intervalMs: 60_000, overlapSeconds: 900 });
  expect(await isComplete(parts)).toBe(true);
  await testStore.sql.query(`update provider_objects set first_seen_at =
    (select first_sent_at + interval '1 millisecond' from provider_requests)`);
  const checks = await checksOf(sought);
  listed(true);
  expect(await isComplete(parts)).toBe(true);
  expect(await inMirror()).toHaveLength(101);
  expect(await checksOf(sought)).toBe(checks);
});

test('a sync that meets nothing new asks the store for little', async () => {
  await fund('10000');
  await payMany(3);
  const parts = await reader({ intervalMs: 60_000, overlapSeconds: 900 });
  for (let sync = 1; sync <= 2; sync += 1) await runSync(parts);
  const query = vi.spyOn(Client.prototype, 'query');
  await runSync(parts);
  const statements = query.mock.calls.length;
  query.mockRestore();
  expect(statements).toBeLessThanOrEqual(18);
});
