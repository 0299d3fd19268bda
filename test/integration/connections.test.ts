import { openStore, type Store } from '../../src/store/store.js';
import { openTestStore, type TestStore } from '../support/test-store.js';

/** How many connections a process opens, and what it does where the server has no place for one more. */

let testStore: TestStore;

beforeAll(async () => {
  testStore = await openTestStore();
});
afterAll(() => testStore.close());

/** Of a role that may have so many connections at a time: a server that is full answers the same. */
async function urlFor(places: number): Promise<string> {
  const url = new URL(testStore.url);
  const role = `places_${places}_${Date.now()}`;
  const password = decodeURIComponent(url.password);
  await testStore.sql.query(`create role ${role} login password '${password}' connection limit ${places}`);
  url.username = role;
  return url.href;
}

const open = (url: string, maxConnections: number): Store =>
  openStore({ url, maxConnections, onIdleError: () => undefined });

test('at most what it may: its sendings and its listening included', async () => {
  await testStore.store.ping();
  const store = open(testStore.url, 6);
  await Promise.all(Array.from({ length: 40 }, () => store.ping()));
  const stop = await store.mirror.listen(() => undefined);
  const opened = await store.requests.whileSending({ operation: 'order', externalOrderId: 'p-1' }, () =>
    testStore.sql.query(
      `select from pg_stat_activity where datname = current_database() and application_name like '%max 6'`,
    ),
  );
  expect(opened?.rowCount).toBe(6);
  const { mayOpen, limit } = await store.readBudget();
  // This one, and the one of the test.
  expect({ mayOpen, isLimited: limit > 15 }).toEqual({ mayOpen: 21, isLimited: true });
  stop();
  await store.close();
});

test('a server that is full is waited for', async () => {
  const url = await urlFor(1);
  const [first, second] = [open(url, 3), open(url, 3)];
  await first.ping();
  const order: string[] = [];
  const waiting = second.ping().then(() => order.push('the second one has its place'));
  await Promise.all([first.close().then(() => order.push('the first one has left')), waiting]);
  expect(order).toEqual(['the first one has left', 'the second one has its place']);
  await second.close();
  await testStore.sql.query(`drop role ${new URL(url).username}`);
});
