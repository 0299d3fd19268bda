import { makeAvailable, owedIn } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import { ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';

/** A refusal is an answer like any other: it may come after the effect. Nothing is final by it alone. */

const scenario = useScenario();
const { provider } = scenario;

/** QbitPay carries the request out, and answers with a refusal. */
const refusedAfterEffect = (payout: ScenarioPayout, endpoint: string, more: Json): Promise<ScenarioPayout> =>
  payout.strike('errorAfterEffect', endpoint, { message: 'externalOrderId already exists', ...more });

const OWN_CURRENCY = { amount: '300.00', currency: 'USDT' };

// Which answers are refusals is a unit's test.
test.each([
  ['K1: 400', 400],
  ['K53: 401', 401],
])('a payout that was refused after the effect is found, and paid once: %s', async (_name, status) => {
  const payout = scenario.payout(OWN_CURRENCY);
  await refusedAfterEffect(payout, PAYOUTS, { status });
  await payout.funded();
  await payout.isPaidOnce();
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
});

test.each([
  ['K2, K3: 400, both', 400, 400],
  ['K53: 402, as of a price that is no longer valid, and 429', 402, 429],
])(
  'an order and its payout that were refused after the effect are found, and the payout goes on: %s',
  async (_name, orderStatus, payoutStatus) => {
    const payout = scenario.payout();
    await refusedAfterEffect(payout, ORDERS, { status: orderStatus });
    await refusedAfterEffect(payout, PAYOUTS, { status: payoutStatus });
    await payout.funded();
    await payout.isPaidOnce();
    for (const endpoint of [ORDERS, PAYOUTS]) expect(await payout.requests(endpoint)).toHaveLength(1);
  },
);

test('an order whose price was refused after the effect, while somebody else deposits what it took: no second one', async () => {
  await makeAvailable(scenario.engine, 'USDT', '2000');
  const payout = scenario.payout();
  await refusedAfterEffect(payout, ORDERS, { status: 402 });
  let isSent = false;
  const withMore = (one: Json): Json =>
    one.object === 'balance' && isSent ? { ...one, available: Number(one.available) + 1_000 } : one;
  provider.rewrite((request, body) => {
    isSent ||= request === ORDERS;
    if (body?.object !== 'list') return withMore(body);
    return { ...body, data: body.data.filter((one: Json) => !payout.isOwn('order', one)).map(withMore) };
  });
  await payout.startedDirectly({ refusalWaitSeconds: 3_600 });
  await payout.fund();
  await payout.until(({ holdReason }) => holdReason === 'REFUSAL_PROVISIONAL');
  await payout.isReadAgain();
  await provider.heal();
  await payout.isPaidOnce();
  expect(await payout.requests(ORDERS)).toHaveLength(1);
});

test('until readings have borne it out, a refusal is shown as provisional, and its money is not available', async () => {
  const patient = { refusalWaitSeconds: 3_600 };
  const payout = scenario.payout(OWN_CURRENCY);
  await payout.strike('invalid_request_error', PAYOUTS);
  await payout.startedDirectly(patient);
  await payout.fund();
  const { status, hold } = await payout.until(({ holdReason }) => holdReason === 'REFUSAL_PROVISIONAL');
  expect({ status, actions: hold.actions }).toEqual({ status: 'paying', actions: [] });
  const before = await owedIn(scenario.engine, 'USDT');
  await payout.isReadAgain();
  expect(await owedIn(scenario.engine, 'USDT')).toBe(before);
  const cancelled = await payout.cancel();
  expect(cancelled).toMatchObject({ status: 409 });
  expect(cancelled.body.detail).toMatch(/what became of it has to be known first/);
});

test('K2: held for a refusal, and shown by QbitPay later: it goes on by itself', async () => {
  const payout = scenario.payout();
  await payout.hideFromLists();
  await refusedAfterEffect(payout, PAYOUTS, { status: 400 });
  await payout.funded();
  await payout.isHeld('DESTINATION_REFUSED');
  await provider.heal();
  await payout.isPaidOnce();
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
});
