import { startTestEngine, type TestEngine } from '../support/engine.js';
import { openAndFundMany, sayFigure, scale, untilMany } from '../support/figures.js';
import { historyOf } from '../support/histories.js';
import { attachTestStore, type TestStore } from '../support/test-store.js';

/** A payout that waits for the available balance, while others are paid and leave something there, each a little. */

const OTHERS = scale('OTHERS', 25);
const FEWER_EVENTS_THAN = 20;

let engine: TestEngine;
let testStore: TestStore;

beforeAll(async () => {
  engine = await startTestEngine();
  testStore = attachTestStore(engine.databaseUrl);
});
afterAll(async () => {
  await testStore.close();
  await engine.stop();
});

test('a payout that waits for the balance does not hear of those that are paid meanwhile', async () => {
  // More than all that the others leave.
  const { payoutId } = await engine.open({ funding: 'balance', amount: '6000000.00' });
  await engine.untilStatus(payoutId, 'awaiting_balance');
  const before = (await historyOf(engine, payoutId)).length;
  await openAndFundMany(engine, OTHERS);
  await untilMany(testStore, 'paid', OTHERS);
  const grown = (await historyOf(engine, payoutId)).length - before;
  sayFigure(
    `waiting while ${OTHERS} others are paid: ${grown} events (fewer than ${FEWER_EVENTS_THAN}), from ${before}`,
  );
  expect(grown).toBeLessThan(FEWER_EVENTS_THAN);
  expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status).toBe('awaiting_balance');
});
