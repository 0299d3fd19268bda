import { makeAvailable } from '../support/balances.js';
import { payoutRequest } from '../support/engine-client.js';
import { ORDERS, PAYOUTS, TICKER } from '../support/provider-requests.js';
import { ALWAYS, useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { untilAnswer } from '../support/until-answer.js';

/** What keeps a request back that nobody has sent: that QbitPay was not read yet, and that it has one under the id. */

const scenario = useScenario({ env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1' } });
const { provider } = scenario;

/** Its next attempt to learn whether QbitPay was read, by its number. */
async function attemptOf(payout: ScenarioPayout): Promise<number> {
  const { raw } = await payout.workflow.describe();
  const waiting = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'awaitProvider');
  return waiting?.attempt ?? 0;
}

const untilAttempt = (payout: ScenarioPayout, number: number): Promise<number> =>
  untilAnswer(
    () => attemptOf(payout),
    (attempt) => attempt >= number,
    `attempt ${number}`,
  );

test('a worker that has just started sends nothing before it has read QbitPay to its end', async () => {
  const { engine } = scenario;
  const payout = await scenario.payout().open();
  await provider.strike('api_error', TICKER, { times: ALWAYS });
  await payout.fund();
  await payout.until(({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE');
  await engine.stopWorker();
  await provider.heal();
  const list = PAYOUTS.replace('POST', 'GET');
  await provider.strike('api_error', list, { times: ALWAYS, status: 503 });
  await engine.startWorker();
  await payout.until(({ holdReason }) => holdReason === 'FIRST_SYNC', 'the first sync awaited');
  // It waits without events, and opening waits for nothing.
  await untilAttempt(payout, 2);
  const { historyLength } = await payout.workflow.describe();
  const another = await scenario.payout().open();
  await another.becomes('awaiting_deposit');
  await untilAttempt(payout, 4);
  expect((await payout.workflow.describe()).historyLength).toBe(historyLength);
  expect(await payout.requests(ORDERS)).toEqual([]);
  await untilAnswer(
    async () => (await engine.api('GET', '/v1/provider')).body.problem,
    (problem) => problem?.includes('QbitPay'),
    'the problem of the first sync shown',
  );
  await provider.heal();
  await payout.isPaidOnce();
  expect(await payout.requests(ORDERS)).toHaveLength(1);
});

describe('what QbitPay has under the id already', () => {
  /** The store has not sent it: nothing leaves until a person has seen that. */
  async function releasedAfterLook(payout: ScenarioPayout): Promise<void> {
    const { engine } = scenario;
    await payout.until(({ holdReason }) => holdReason === 'BRAKE_ENGAGED', 'stopped by the brake');
    const { data } = (await engine.api('GET', '/v1/brakes?engaged=true')).body;
    expect(data).toMatchObject([{ kind: 'STORE_BEHIND_PROVIDER', currency: null, engagedBy: 'engine' }]);
    expect(data[0].detail).toContain(payout.id);
    await engine.api('POST', `/v1/brakes/${data[0].brakeId}/release`, {
      reason: 'it was made in the dashboard',
    });
  }

  /** Somebody else has made it, before the engine sends anything. */
  async function foreignPayout(payout: ScenarioPayout, amount = 5000): Promise<string> {
    await makeAvailable(scenario.engine, 'CNY', '6000');
    const { destination } = payoutRequest();
    const body = { amount, currency: 'CNY', externalOrderId: payout.id, destination };
    return (await provider.call('POST', '/api/v1/payouts', body)).id;
  }

  test('a payout as it is wanted: not made again, adopted, and paid', async () => {
    const payout = scenario.payout();
    const id = await foreignPayout(payout);
    await payout.funded();
    await releasedAfterLook(payout);
    expect(await payout.isPaidOnce()).toMatchObject({ providerPayoutId: id });
    expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  });

  test('an order as it is wanted: not placed again, adopted, and its proceeds are paid', async () => {
    const payout = scenario.payout();
    await makeAvailable(scenario.engine, 'USDT', '1000');
    const body = { symbol: 'USDT/CNY', side: 'sell', amount: 720.946916, price: 6.97 };
    const order = await provider.call('POST', '/api/v1/orders', { ...body, externalOrderId: payout.id });
    await payout.funded();
    await releasedAfterLook(payout);
    expect(await payout.isPaidOnce()).toMatchObject({ order: { providerOrderId: order.id } });
    expect(await payout.requests(ORDERS)).toHaveLength(1);
  });

  test('a payout of another amount: held, until a person adopts it', async () => {
    const payout = scenario.payout();
    const id = await foreignPayout(payout, 4000);
    await payout.funded();
    await releasedAfterLook(payout);
    const { timeline } = await payout.isHeld('UNKNOWN_OUTCOME');
    expect(timeline.at(-1).detail).toMatch(new RegExp(`${id} of 4000.* CNY, not sent from here.* 5000`));
    await payout.isRefused('resolve', /adopt that/, { action: 'close' });
    await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
    const { providerPayoutId, flags } = await payout.isPaidOnce();
    expect(providerPayoutId).toBe(id);
    expect(flags).toContain('AMOUNT_SHORT');
    expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  });
});
