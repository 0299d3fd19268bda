import { openTestStore, type TestStore } from '../support/test-store.js';

/** Which prices are believed. */

let testStore: TestStore;
beforeEach(async () => {
  testStore = await openTestStore();
});
afterEach(() => testStore.close());

const PER_DAY_BPS = 500;
const believe = (bid: string): Promise<boolean> =>
  testStore.store.believePrice({ symbol: 'USDT/CNY', bid }, PER_DAY_BPS);
const passes = (column: string, interval: string): Promise<unknown> =>
  testStore.sql.query(`update reference_prices set ${column} = ${column} - $1::interval`, [interval]);

test('the first price is believed, and what is within the bounds of the last one', async () => {
  expect(await believe('7')).toBe(true);
  expect(await believe('7.35')).toBe(true);
  expect(await believe('6.9825')).toBe(true);
  expect(await believe('6.6')).toBe(false);
  expect(await believe('6.9')).toBe(true);
});

test('the longer ago the last one was, the further it may have moved', async () => {
  await believe('7');
  await passes('believed_at', '3 days 1 hour');
  expect(await believe('8.41')).toBe(false);
  expect(await believe('8.4')).toBe(true);
});

test('a market that moved is believed when it has stayed there, and one that goes on jumping is not', async () => {
  await believe('7');
  expect(await believe('9')).toBe(false);
  expect(await believe('9.1')).toBe(false);
  await passes('candidate_since', '4 minutes');
  expect(await believe('9.1')).toBe(false);
  expect(await believe('12')).toBe(false);
  await passes('candidate_since', '6 minutes');
  expect(await believe('9.1')).toBe(false);
  await passes('candidate_since', '6 minutes');
  expect(await believe('9.2')).toBe(true);
  expect(await believe('9.3')).toBe(true);
});
