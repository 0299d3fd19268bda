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

test.each([
  ['K1: of a payout funded in its own currency, 400', 400, OWN_CURRENCY],
  ['K2: after a conversion, 400', 400, {}],
  ['after a conversion, 402', 402, {}],
  ['K53: 429', 429, {}],
  ['K53: 401', 401, OWN_CURRENCY],
  ['K53: 403', 403, {}],
])(
  'a payout that was refused after the effect is found, and paid once: %s',
  async (_name, status, request) => {
    const payout = scenario.payout(request);
    await refusedAfterEffect(payout, PAYOUTS, { status });
    await payout.funded();
    await payout.isPaidOnce();
    expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  },
);

test.each([
  ['400', 400],
  ['402, as of a price that is no longer valid', 402],
  ['429', 429],
])(
  'K3: an order that was refused after the effect is found, and the payout goes on: %s',
  async (_name, status) => {
    const payout = scenario.payout();
    await refusedAfterEffect(payout, ORDERS, { status });
    await payout.funded();
    await payout.isPaidOnce();
    expect(await payout.requests(ORDERS)).toHaveLength(1);
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

test('a refusal that readings bear out ends the payout, and its money is owed to its owner', async () => {
  const payout = scenario.payout(OWN_CURRENCY);
  await payout.strike('invalid_request_error', PAYOUTS);
  await payout.funded();
  expect((await payout.becomes('failed')).failure.type).toBe('PAYOUT_REFUSED');
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  expect(Number(await owedIn(scenario.engine, 'USDT'))).toBeGreaterThan(300);
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
