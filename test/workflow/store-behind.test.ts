import type { Store } from '../../src/store/store.js';
import { makeAvailable } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { attachTestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** A store that was restored to before it sent, played by somebody else who sends under the same id. */

const scenario = useScenario({ env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1' } });

async function engageByHand(): Promise<string> {
  return (await scenario.engine.api('POST', '/v1/brakes', { reason: 'a test' })).body.brakeId;
}

async function release(brakeId: string): Promise<void> {
  const answer = await scenario.engine.api('POST', `/v1/brakes/${brakeId}/release`, {
    reason: 'all is well',
  });
  expect(answer.status).toBe(200);
}

/** What the engine did and has forgotten: QbitPay has the order and the payout. */
async function forgotten({ id }: ScenarioPayout): Promise<void> {
  const { provider } = scenario;
  const order = { symbol: 'USDT/CNY', side: 'sell', amount: 720.946916, price: 6.97, externalOrderId: id };
  await provider.call('POST', '/api/v1/orders', order);
  const { destination } = payoutRequest();
  const payout = { amount: 5000, currency: 'CNY', externalOrderId: id, destination };
  await provider.call('POST', '/api/v1/payouts', payout);
}

/** The order and the payout: another page may show each. */
async function untilBothAreSeen(then: (store: Store) => Promise<unknown>): Promise<void> {
  const { store, close } = attachTestStore(scenario.engine.databaseUrl);
  await untilAnswer(
    () => store.mirror.listUnexplained(10),
    (objects) => objects.length === 2,
    'both seen',
  );
  await then(store);
  await close();
}

const findBrake = (): Promise<Json> =>
  untilAnswer(
    async () => (await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data,
    (brakes: Json[]) => brakes.some(({ kind }) => kind === 'STORE_BEHIND_PROVIDER'),
    'the brake engaged',
  ).then((brakes: Json[]) => brakes.find(({ kind }) => kind === 'STORE_BEHIND_PROVIDER'));

test('K11: nothing leaves; recovered, the payout takes over what QbitPay has, and ends as paid once', async () => {
  const byHand = await engageByHand();
  const payout = await scenario.payout().funded();
  await payout.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'about to be sent');
  await forgotten(payout);
  const { brakeId } = await findBrake();
  await release(byHand);
  expect((await payout.cancel()).status).toBe(409);
  await untilBothAreSeen((store) => store.mirror.adoptUnexplained());
  await payout.isPaidOnce();
  for (const endpoint of [ORDERS, PAYOUTS]) expect(await payout.requests(endpoint)).toHaveLength(1);
  await release(brakeId);
  await (await scenario.payout().funded()).isPaidOnce();
});

test('K12: a payout that QbitPay has paid is not cancelled by a store that has forgotten it', async () => {
  await makeAvailable(scenario.engine, 'USDT', '1000');
  const payout = await scenario.payout().open();
  await payout.becomes('awaiting_deposit');
  await forgotten(payout);
  const { brakeId, detail } = await findBrake();
  expect(detail).toContain(payout.id);
  const answer = await payout.cancel();
  expect(answer).toMatchObject({ status: 409, body: { code: 'CANCEL_REFUSED' } });
  expect(answer.body.detail).toMatch(/QbitPay has the (payout|order) .*, which this store has not sent/);
  await untilBothAreSeen(() => release(brakeId));
  // Funded, it takes over what there is.
  await payout.fund();
  await payout.isPaidOnce();
});
