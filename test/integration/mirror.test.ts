import { runSync } from '../../activities/provider/sync-run.js';
import { hintPayout, openPayout } from '../support/test-store.js';
import {
  control,
  fund,
  forgetRequests,
  inMirror,
  isComplete,
  ofList,
  payAtProvider,
  payMany,
  problemOf,
  qbitpay,
  reader,
  requests,
  show,
  testStore,
  useMirror,
} from '../support/mirror-world.js';

/** How the mirror is kept, whatever QbitPay's lists do: by real HTTP, into a real database, sync by sync. */

useMirror();

test('K10: a list is read to its empty page, however short its pages are', async () => {
  await fund('10000');
  await payMany(7);
  ofList('/api/v1/payouts', (data) => data.slice(0, 3));
  expect(await isComplete(await reader())).toBe(true);
  expect(await inMirror()).toHaveLength(7);
});

test('later it is read no further than to where nothing is news', async () => {
  await fund('10000');
  await payMany(7);
  const parts = await reader();
  await runSync(parts);
  ofList('/api/v1/payouts', (data) => data.slice(0, 3));
  const id = await payAtProvider();
  forgetRequests();
  expect(await isComplete(parts)).toBe(true);
  expect((await inMirror()).map((one) => one.provider_id)).toContain(id);
  // Its own page, the next one, which is known, and the open ones by both of their statuses.
  const pages = requests.filter((one) => one.startsWith('GET /api/v1/payouts?') && !one.includes('status='));
  expect(pages).toHaveLength(2);
});

test('K55: an object that shows late, below newer ones, is found by a reading that goes on', async () => {
  await fund('10000');
  const [late] = await payMany(3);
  ofList('/api/v1/payouts', (data) => data.filter(({ id }) => id !== late));
  const parts = await reader();
  await runSync(parts);
  expect(await inMirror()).toHaveLength(2);
  show((_request, body) => body);
  await runSync(parts);
  // Its status list shows it as well: only a payout that has ended is found by its place alone.
  await testStore.sql.query('delete from provider_objects where provider_id = $1', [late]);
  await testStore.sql.query(
    "update provider_lists set overlap_read_at = overlap_read_at - interval '2 minutes'",
  );
  ofList('/api/v1/payouts', (data, query) => (query.has('status') ? [] : data));
  await runSync(parts);
  expect(await inMirror()).toHaveLength(3);
});

test('far below newer ones it is met page by page, one more with each sync', async () => {
  await fund('10000');
  const [late] = await payMany(8);
  const ofPages = (isShown: boolean): void =>
    ofList('/api/v1/payouts', (data, query) =>
      query.has('status') ? [] : data.filter(({ id }) => isShown || id !== late).slice(0, 2),
    );
  ofPages(false);
  const parts = await reader({ overlapSeconds: 900, intervalMs: 60_000 });
  await runSync(parts);
  expect(await inMirror()).toHaveLength(7);
  await testStore.sql.query(
    "update provider_lists set overlap_read_at = overlap_read_at - interval '2 minutes' where kind = 'payout'",
  );
  ofPages(true);
  for (let syncs = 1; syncs <= 3; syncs += 1) {
    forgetRequests();
    await runSync(parts);
    // Its head, and one page further down than the sync before.
    expect(
      requests.filter((one) => one.startsWith('GET /api/v1/payouts?') && !one.includes('status=')),
    ).toHaveLength(2);
    expect(await inMirror()).toHaveLength(7);
  }
  await runSync(parts);
  expect(await inMirror()).toHaveLength(8);
});

test('what is open is read with each regular sync, and not with those that are hastened', async () => {
  await fund('10000');
  await payMany(3);
  ofList('/api/v1/payouts', (data) => data.slice(0, 1));
  const parts = await reader({ intervalMs: 60_000 });
  const pagesByStatus = async (): Promise<number> => {
    forgetRequests();
    await runSync(parts);
    return requests.filter((one) => one.includes('status=')).length;
  };
  await runSync(parts);
  expect(await pagesByStatus()).toBe(0);
  await testStore.sql.query("update provider_objects set read_at = read_at - interval '1 minute'");
  expect(await pagesByStatus()).toBeGreaterThan(0);
});

test('much that has ended at once, below what has not, is read from the list, to the last one', async () => {
  await fund('10000');
  const ids = await payMany(45);
  ofList('/api/v1/payouts', (data) => data.slice(0, 2));
  const parts = await reader();
  await runSync(parts);
  for (const id of ids.slice(0, 43)) await control('POST', `/payouts/${id}/advance`, { status: 'paid' });
  await runSync(parts);
  expect((await inMirror()).filter(({ status }) => status === 'paid')).toHaveLength(43);
});

test('K56: a list that is empty although it had objects proves nothing', async () => {
  await fund('10000');
  await payMany(2);
  const parts = await reader();
  await runSync(parts);
  const { syncNo } = (await testStore.store.mirror.readStatus()).sync;
  ofList('/api/v1/payouts', () => []);
  expect(await isComplete(parts)).toBe(false);
  expect(await problemOf('payout')).toBe('LIST_LOST');
  expect((await testStore.store.mirror.readStatus()).sync).toMatchObject({
    syncNo,
    problem: 'payout: LIST_LOST',
  });
  show((_request, body) => body);
  expect(await isComplete(parts)).toBe(true);
  expect(await problemOf('payout')).toBeNull();
});

test.each([
  ['a payout with a fee of null', { fee: null }],
  ['a payout of an amount with separators', { amount: '1,000.00' }],
  ['a payout without a time', { createdAt: null }],
  ['a payout whose description is an object', { description: {} }],
  ['a transaction with an amount of null', { amount: null }],
  ['a transaction without a time', { createdAt: undefined }],
])('K17: %s is set aside and named, the others are read', async (what, change) => {
  await fund('10000');
  const parts = await reader();
  await runSync(parts);
  const [bad] = await payMany(3);
  const [list, kind] = what.startsWith('a payout')
    ? (['payouts', 'payout'] as const)
    : (['balanceTransactions', 'transaction'] as const);
  ofList(`/api/v1/${list}`, (data) =>
    data.map((one) => (one.id === bad || one.source === bad ? { ...one, ...change } : one)),
  );
  expect(await isComplete(parts)).toBe(true);
  const { problems } = await testStore.store.mirror.readStatus();
  const problem = Object.keys(change)[0];
  expect(problems).toEqual([
    { kind, providerId: expect.any(String), problem, firstSeenAt: expect.any(Date) },
  ]);
  const ofPayouts = (await inMirror(kind)).filter(({ type }) => type === null || type === 'payout');
  expect(ofPayouts.map((one) => one.problem).sort()).toEqual([problem, null, null].sort());
});

test('a time without a zone is UTC', async () => {
  await fund('10000');
  await payMany(1);
  ofList('/api/v1/payouts', (data) => data.map((one) => ({ ...one, createdAt: '2026-03-01T10:00:00' })));
  await runSync(await reader());
  expect((await inMirror())[0].content.createdAt).toBe('2026-03-01T10:00:00.000Z');
});

test('what is known of others names no person', async () => {
  await fund('10000');
  await payMany(1);
  await runSync(await reader());
  expect(JSON.stringify((await inMirror())[0])).not.toContain('Example Ltd');
});

test('a list that QbitPay does not offer is noted, and a sync is complete without it', async () => {
  await control('POST', '/faults', {
    kind: 'invalid_request_error',
    endpoint: 'GET /api/v1/orders',
    status: 404,
    times: 10,
  });
  const parts = await reader();
  expect(await isComplete(parts)).toBe(true);
  const orders = await testStore.store.mirror.readList('order');
  expect(orders).toMatchObject({ isOffered: false, problem: null });
});

test('a filter that is ignored: what is open is read one by one', async () => {
  await fund('10000');
  const [hidden, other] = await payMany(3);
  await control('POST', `/payouts/${other}/advance`, { status: 'paid' });
  const parts = await reader();
  await runSync(parts);
  const shown = (await qbitpay.readPayoutsPage()).flatMap((item) =>
    item.kind === 'readable' && item.object.id !== hidden ? [item.object] : [],
  );
  await control('POST', `/payouts/${hidden}/advance`, { status: 'paid' });
  // Whatever status is asked for, all is shown that is shown at all: not the one that was paid.
  show((request, body) => {
    if (body?.object !== 'list' || !request.startsWith('GET /api/v1/payouts')) return body;
    return { ...body, data: request.includes('starting_after') ? [] : shown };
  });
  await runSync(parts);
  const seen = (await inMirror()).find((one) => one.provider_id === hidden);
  expect(seen).toMatchObject({ status: 'paid', is_open: false });
});

test('a reader that another one has replaced writes nothing', async () => {
  await fund('10000');
  const old = await reader();
  await reader();
  await payMany(1);
  await expect(runSync(old)).rejects.toThrow('another reader keeps the mirror by now');
  expect(await inMirror()).toEqual([]);
});

test('K63: a first reading that is cut goes on where it was', async () => {
  await fund('10000');
  await payMany(9);
  ofList('/api/v1/payouts', (data) => data.slice(0, 2));
  const cut = await reader();
  let pages = 0;
  const stop = (): void => {
    pages += 1;
    if (pages === 3) throw new Error('killed');
  };
  await expect(runSync({ ...cut, onPage: stop })).rejects.toThrow('killed');
  forgetRequests();
  expect(await isComplete(await reader())).toBe(true);
  expect(await inMirror()).toHaveLength(9);
  const pagesAfter = requests.filter(
    (one) => one.startsWith('GET /api/v1/payouts?') && !one.includes('status='),
  );
  // Three objects are left, two and one, and the empty page.
  expect(pagesAfter).toHaveLength(3);
});

test('what is news of a payout of ours is a hint to its workflow, one however often', async () => {
  const { store } = testStore;
  const { payoutId } = await openPayout(store);
  const id = { operation: 'payout', externalOrderId: payoutId } as const;
  await testStore.sql.query(
    `insert into provider_requests (operation, external_order_id, payout_id, state) values ('payout', $1, $1, 'unknown')`,
    [id.externalOrderId],
  );
  await fund('10000');
  const providerId = await payAtProvider(payoutId);
  const parts = await reader();
  await runSync(parts);
  const [first] = await store.mirror.readHints(10);
  expect(first).toMatchObject({ payoutId });
  await control('POST', `/payouts/${providerId}/advance`, { status: 'inTransit' });
  await runSync(parts);
  const [second, ...others] = await store.mirror.readHints(10);
  expect(others).toEqual([]);
  // Whoever delivers the first one now must not take the second away.
  if (first !== undefined) await store.mirror.forgetHint(first);
  expect(await store.mirror.readHints(10)).toEqual([second]);
  if (second !== undefined) await store.mirror.forgetHint(second);
  await runSync(parts);
  expect(await store.mirror.readHints(10)).toEqual([]);
});

test('a payout that was told of something is told again only when it has read that', async () => {
  const { store, url } = testStore;
  const { payoutId } = await openPayout(store);
  const waiting = () => store.mirror.readHints(10);
  await hintPayout(url, payoutId);
  const [hint] = await waiting();
  if (hint !== undefined) await store.mirror.noteDelivered(hint);
  for (let event = 0; event < 3; event += 1) await hintPayout(url, payoutId);
  expect(await waiting()).toEqual([]);
  await store.mirror.takeHint(payoutId, 'payoutEvent');
  await hintPayout(url, payoutId);
  expect(await waiting()).toHaveLength(1);
  // What a run was told and did not read, the one after it is told.
  const [next] = await waiting();
  if (next !== undefined) await store.mirror.noteDelivered(next);
  await store.payouts.claim(payoutId, 'another run');
  expect(await waiting()).toHaveLength(1);
});

test('a wish is granted by a complete sync; one for an object is its reading by id', async () => {
  const { store } = testStore;
  await fund('10000');
  const id = await payAtProvider();
  ofList('/api/v1/payouts', () => []);
  await store.mirror.wishForSync('a webhook named it', { kind: 'payout', providerId: id });
  const parts = await reader();
  await runSync(parts);
  expect((await inMirror()).map((one) => one.provider_id)).toEqual([id]);
  // A list that has shown nothing may be empty; one that has, and is empty, is lost.
  show((_request, body) => body);
  await runSync(parts);
  ofList('/api/v1/payouts', () => []);
  await store.mirror.wishForSync('an unknown outcome');
  await runSync(parts);
  expect(await store.mirror.readWishes(10)).toHaveLength(1);
  show((_request, body) => body);
  await runSync(parts);
  expect(await store.mirror.readWishes(10)).toEqual([]);
});
