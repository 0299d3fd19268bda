import { makeAvailable } from '../support/balances.js';
import { currentDetailsOf, untilHoldReasonShown } from '../support/payout-workflows.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { ORDERS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

/** Brakes, by hand and by themselves: nothing leaves, everything else goes on, and a release is noticed at once. */

const scenario = useScenario();

async function engage(body: Json): Promise<Json> {
  const answer = await scenario.engine.api('POST', '/v1/brakes', {
    reason: 'QbitPay asked us to wait',
    ...body,
  });
  expect(answer).toMatchObject({
    status: 200,
    body: { kind: 'MANUAL', state: 'engaged', engagedBy: 'local' },
  });
  return answer.body;
}

async function release({ brakeId }: Json): Promise<void> {
  const answer = await scenario.engine.api('POST', `/v1/brakes/${brakeId}/release`, {
    reason: 'they answered',
  });
  expect(answer).toMatchObject({
    status: 200,
    body: { brakeId, state: 'released', releaseReason: 'they answered' },
  });
}

test('while one is engaged nothing leaves; payouts open and are funded; after the release they are paid', async () => {
  const { engine } = scenario;
  const brake = await engage({});
  const payout = await scenario.payout().funded();
  await payout.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'stopped by the brake');
  await untilHoldReasonShown(engine, payout.id, 'BRAKE_ENGAGED');
  expect(await currentDetailsOf(engine, payoutWorkflowId(payout.id))).toContain('/v1/brakes');
  expect(await payout.requests(ORDERS)).toEqual([]);
  expect((await engine.api('GET', '/readyz')).body.brakes).toEqual([{ kind: 'MANUAL', currency: null }]);
  const { historyLength } = await payout.workflow.describe();
  await payout.isReadAgain();
  // However long it takes, it waits without an event.
  expect((await payout.workflow.describe()).historyLength).toBe(historyLength);
  await release(brake);
  await payout.isPaidOnce();
  expect((await engine.api('GET', '/readyz')).body.brakes).toEqual([]);
});

test('what waits for one can be cancelled', async () => {
  const brake = await engage({ currency: 'USDT' });
  const payout = await scenario.payout().funded();
  await payout.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'stopped by the brake');
  await payout.cancelReleasing('USDT');
  expect((await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data).toHaveLength(1);
  await release(brake);
});

const engagedBrakes = async (): Promise<Json[]> =>
  (await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data;

const untilEngaged = (): Promise<Json[]> =>
  untilAnswer(engagedBrakes, (brakes) => brakes.length > 0, 'a brake engaged');

test('money is gone at QbitPay that nothing explains: its currency stops, and says how much', async () => {
  const { engine, provider } = scenario;
  await makeAvailable(engine, 'CNY', '100');
  await provider.adjust('CNY', '-42');
  const [brake] = await untilEngaged();
  expect(brake).toMatchObject({ kind: 'SHORTFALL', currency: 'CNY' });
  expect(brake.detail).toContain('holds 42 CNY less');
  const lost = { kind: 'correction', currency: 'CNY', amount: '-42', reason: 'QbitPay lost it' };
  expect((await engine.api('POST', '/v1/ledger/adjustments', lost)).status).toBe(201);
  await release(brake);
  await (await scenario.payout().funded()).isPaidOnce();
  expect(await engagedBrakes()).toEqual([]);
});

test('somebody sends again what was sent: both are named, nothing else leaves until a person has seen it', async () => {
  const { engine, provider } = scenario;
  await makeAvailable(engine, 'CNY', '6000');
  const payout = await scenario.payout().inTransit();
  const { destination } = payoutRequest();
  const again = { amount: 5000, currency: 'CNY', externalOrderId: payout.id, destination };
  await payout.endsAs('stuck');
  const { id } = await provider.call('POST', '/api/v1/payouts', again);
  const [brake] = await untilEngaged();
  expect(brake).toMatchObject({ kind: 'DUPLICATE_AT_PROVIDER', currency: null });
  expect(brake.detail).toContain(id);
  const other = await scenario.payout().funded();
  await other.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'stopped by the brake');
  await release(brake);
  await other.isPaidOnce();
  await payout.isHeld('DUPLICATE_AT_PROVIDER');
  expect(await engagedBrakes()).toEqual([]);
  await payout.advance('cancelled', id);
  const [own] = await payout.living();
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: own?.id });
  await payout.advance('paid', own?.id);
  await payout.isPaidOnce();
});
