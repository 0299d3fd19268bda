import { startTestEngine, type TestEngine } from '../support/engine.js';
import { sayFigure, scale } from '../support/figures.js';
import { attachTestStore, runConcurrently, type TestStore } from '../support/test-store.js';

/** Ordinary payouts, some of which fail or come back, engage no brake and are not held. */

const PAYOUTS = scale('PAYOUTS', 40);
const AT_ONCE = 12;

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine({ env: { BRAKE_AFTER_DIFFERENCES: '3' } });
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
});

/** One in twenty fails, one in a hundred is returned after it was paid. */
async function pay(index: number): Promise<void> {
  const isFailing = index % 20 === 7;
  const isReturned = index % 100 === 30;
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

test('no brake is engaged and nothing is held', async () => {
  await runConcurrently(
    Array.from({ length: PAYOUTS }, (_, index) => () => pay(index)),
    AT_ONCE,
  );
  const count = async (query: string): Promise<number> => (await testStore.sql.query(query)).rows[0].count;
  const brakes = await count('select count(*)::int as count from brakes');
  const held = await count(
    `select count(distinct payout_id)::int as count from payout_timeline where status = 'held'`,
  );
  sayFigure(`false alarms in ${PAYOUTS} ordinary payouts: ${brakes} brakes, ${held} held (0 and 0)`);
  expect([brakes, held]).toEqual([0, 0]);
});
