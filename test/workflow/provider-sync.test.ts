import { startTestEngine, type TestEngine } from '../support/engine.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** The mirror follows what QbitPay shows. */

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine({ env: { PROVIDER_SYNC_INTERVAL_MS: '100' } });
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
});

const objects = async (kind: string) =>
  (await testStore.sql.query('select * from provider_objects where kind = $1 order by changed_at', [kind]))
    .rows;

test('payouts, orders and transactions show with their last status', async () => {
  const payout = await engine.open();
  await engine.control('POST', '/deposits', { currency: 'USDT', amount: payout.deposit.amount });
  await engine.untilStatus(payout.payoutId, 'paid');
  await untilAnswer(
    () => objects('payout'),
    ([one]) => one?.status === 'paid',
    'the payout in the mirror as paid',
  );
  const [seen] = await objects('payout');
  expect(seen).toMatchObject({ external_order_id: payout.payoutId, is_open: false, problem: null });
  expect(seen.content).not.toHaveProperty('destination');
  expect(await objects('order')).toHaveLength(1);
  const types = (await objects('transaction')).map(({ type }) => type);
  expect(types.toSorted()).toEqual(['deposit', 'order', 'order', 'payout']);
});
