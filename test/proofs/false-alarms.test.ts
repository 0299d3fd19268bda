import { setTimeout as sleep } from 'node:timers/promises';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { isMeasured, openAndFundMany, sayFigure, scale, untilMany } from '../support/figures.js';
import { attachTestStore, runConcurrently, type TestStore } from '../support/test-store.js';

/** What happens every day engages no brake, and holds nothing. */

const PAYOUTS = scale('PAYOUTS', 20);
const SALARIES = scale('SALARIES', 12);
/** Payouts that are made while others move money in the account. */
const BESIDE = scale('BESIDE', 10);
/** Of each of two movements: 20 a second where they are measured, and as many as a busy machine takes elsewhere. */
const EACH_EVERY_MS = isMeasured('BESIDE') ? 100 : 1_000;
const AT_ONCE = 12;

let engine: TestEngine;
let testStore: TestStore;

async function start(env: Record<string, string>): Promise<void> {
  engine = await startTestEngine({ env });
  testStore = attachTestStore(engine.databaseUrl);
}
afterEach(async () => {
  await testStore.close();
  await engine.stop();
});

async function expectNoAlarms(what: string): Promise<void> {
  const count = async (query: string): Promise<number> => (await testStore.sql.query(query)).rows[0].count;
  const brakes = await count('select count(*)::int as count from brakes');
  const held = await count(
    `select count(distinct payout_id)::int as count from payout_timeline where status = 'held'`,
  );
  sayFigure(`false alarms in ${what}: ${brakes} brakes, ${held} held (0 and 0)`);
  expect([brakes, held]).toEqual([0, 0]);
}

/** One in twenty fails, one in a hundred is returned after it was paid. */
async function pay(index: number): Promise<void> {
  const isFailing = index % 20 === 7;
  const isReturned = index % 100 === 10;
  const amount = (2_000 + ((index * 37.11) % 5_000)).toFixed(2);
  const payout = await engine.open({ amount });
  const { payoutId } = payout;
  if (isFailing) await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: payoutId });
  await engine.fund(payout);
  const { providerPayoutId } = await engine.untilStatus(payoutId, isFailing ? 'failed' : 'paid');
  if (!isReturned) return;
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'failed' });
  await engine.untilStatus(payoutId, 'returned');
}

test('ordinary payouts, some of which fail or come back', async () => {
  await start({ BRAKE_AFTER_DIFFERENCES: '3' });
  await runConcurrently(
    Array.from({ length: PAYOUTS }, (_, index) => () => pay(index)),
    AT_ONCE,
  );
  await expectNoAlarms(`${PAYOUTS} ordinary payouts`);
});

test('K59: equal salaries at once, all to one account', async () => {
  await start({});
  await openAndFundMany(engine, SALARIES);
  await untilMany(testStore, 'paid', SALARIES);
  await expectNoAlarms(`${SALARIES} equal salaries`);
});

test('others who pay from the account, and into it', async () => {
  await start({ ACCOUNT_SHARED: 'true' });
  const { control } = engine;
  await control('POST', '/deposits', { currency: 'CNY', amount: '1000000', notify: false });
  let isOver = false;
  let moved = 0;
  const repeat = async (move: () => Promise<unknown>): Promise<void> => {
    for (; !isOver; moved += 1) await Promise.all([move(), sleep(EACH_EVERY_MS)]);
  };
  const startedAtMs = performance.now();
  const others = Promise.all([
    repeat(() => control('POST', '/dashboard/payouts', { currency: 'CNY', amount: '1' })),
    repeat(() => control('POST', '/deposits', { currency: 'USDT', amount: '3.5', notify: false })),
  ]);
  try {
    await openAndFundMany(engine, BESIDE);
    await untilMany(testStore, 'paid', BESIDE);
  } finally {
    isOver = true;
    await others;
  }
  const perSecond = (moved * 1_000) / (performance.now() - startedAtMs);
  await expectNoAlarms(`${BESIDE} payouts beside ${perSecond.toFixed(0)} transactions a second of others`);
});
