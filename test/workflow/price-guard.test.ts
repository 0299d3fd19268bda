import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts } from '../../src/domain/money.js';
import { expectBooksToBalance } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { auditLedger } from '../support/ledger-audit.js';
import { currentDetailsOf, startDirectly, untilHoldReasonShown } from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { bodiesSentTo, countPayoutsMade } from '../support/provider-view.js';
import {
  detailsOf,
  expectConvertedAndPaidOnce,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
  TICKER,
} from '../support/provider-requests.js';
import { reconcile } from '../support/reconciliation.js';
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
let proxy: ProviderProxy;
let sql: Pool;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({ env: { RECONCILIATION_GRACE_SECONDS: '0' } }));
  sql = new Pool({ connectionString: engine.databaseUrl });
});
afterAll(async () => {
  await sql.end();
  await engine.stop();
});
afterEach(async () => {
  proxy.rewrite(undefined);
  await engine.control('DELETE', '/faults');
  await setPrice('6.97');
  await setTradeFee('0');
  await expectBooksToBalance(engine);
});

const setPrice = (bid: string): Promise<Json> =>
  engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });
const setTradeFee = (trade: string): Promise<Json> =>
  engine.control('PATCH', '/settings', { feeRates: { payout: '0.005', trade } });
const ordersOf = (payoutId: string): Promise<Json[]> => requestsTo(engine, ORDERS, payoutId);

const untilShown = async (payoutId: string, words: string): Promise<void> => {
  await untilAnswer(
    () => currentDetailsOf(engine, payoutWorkflowId(payoutId)),
    (details) => details.includes(words),
    words,
  );
};

async function resume(payoutId: string): Promise<void> {
  const answer = await engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'the market is calm' });
  expect(answer.status).toBe(200);
}

// How old a price may be, and how far below the estimate, is a unit's test.
describe('the price against the estimate', () => {
  test('too low it is waited for, without a person; at the lowest that the deposit suffices for it is taken', async () => {
    const payout = await engine.open();
    await setPrice('6.9');
    await engine.fund(payout);
    await untilShown(payout.payoutId, 'PRICE_TOO_LOW');
    expect(await ordersOf(payout.payoutId)).toEqual([]);
    await setPrice('6.901');
    expect((await engine.untilStatus(payout.payoutId, 'paid')).order.price).toBe('6.901');
    await expectConvertedAndPaidOnce(engine, payout.payoutId);
  });

  test('too low for the slippage of this payout when its time is over: held, and resumed when the price is back', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await startDirectly(engine, request, { convertTimeoutSeconds: 1, maxSlippageBps: 50 });
    const payout = await engine.untilStatus(payoutId, 'awaiting_deposit');
    await setPrice('6.92');
    await engine.fund(payout);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'PRICE_MOVED' });
    expect(await ordersOf(payoutId)).toEqual([]);
    await setPrice('6.96');
    await resume(payoutId);
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
  });
});

test('a refused price is asked for anew, again and again; one order takes effect, at a better price as well', async () => {
  const payout = await engine.open();
  const { payoutId } = payout;
  await orderFault(engine, 'invalid_request_error', ORDERS, {
    externalOrderId: payoutId,
    status: 402,
    times: 3,
  });
  await setPrice('7.2');
  await engine.fund(payout);
  expect(await engine.untilStatus(payoutId, 'paid')).toMatchObject({ order: { price: '7.2' }, flags: [] });
  expect((await ordersOf(payoutId)).map(({ status }) => status)).toEqual([402, 402, 402, 200]);
  await expectConvertedAndPaidOnce(engine, payoutId);
});

const isOrderOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'order' && body.externalOrderId === payoutId;

test('an executed price that is worse than quoted shows in what the order brought in, also where it names none', async () => {
  const { payoutId, ...opened } = await engine.open({ amountMode: 'send', amount: '800' });
  proxy.rewrite((_request, body) =>
    isOrderOf(payoutId, body) ? { ...body, price: undefined, quoteAmount: 5575.99 } : undefined,
  );
  await engine.fund(opened);
  const paid = await engine.untilStatus(payoutId, 'paid');
  expect(paid.flags).toEqual(['PRICE_DIFFERS']);
  await engine.control('POST', '/balances/adjust', { currency: 'CNY', amount: '-0.01' });
  expect(detailsOf(paid)).toContain('QbitPay sold 800 USDT for 5575.99 CNY, at 6.97 as quoted it is 5576.00');
});

test('an order that was executed beyond the slippage: held, and what it brought in is paid only when a person says so', async () => {
  const { payoutId, ...opened } = await engine.open({ amountMode: 'send', amount: '800' });
  proxy.rewrite((_request, body) =>
    isOrderOf(payoutId, body) ? { ...body, quoteAmount: 5_520.23 } : undefined,
  );
  await engine.fund(opened);
  const held = await engine.untilStatus(payoutId, 'held');
  expect(held.holdReason).toBe('ORDER_DIFFERS');
  expect(detailsOf(held).at(-1)).toMatch(
    /^QbitPay sold 800 USDT for 5520.23 CNY by order \S+: within the slippage it is 5520.24$/,
  );
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
  await resume(payoutId);
  expect((await engine.untilStatus(payoutId, 'paid')).flags).toEqual(['ORDER_DIFFERS', 'PRICE_DIFFERS']);
  await engine.control('POST', '/balances/adjust', { currency: 'CNY', amount: '-55.77' });
});

test('the time in which QbitPay does not answer is not time in which there was no price', async () => {
  const request = payoutRequest();
  const { payoutId } = request;
  await startDirectly(engine, request, { convertTimeoutSeconds: 3 });
  const payout = await engine.untilStatus(payoutId, 'awaiting_deposit');
  await setPrice('6.5');
  await engine.fund(payout);
  await untilShown(payoutId, 'PRICE_TOO_LOW');
  const movedAt = Date.now();
  await engine.control('POST', '/faults', { kind: 'api_error', endpoint: TICKER, times: 100_000 });
  await engine.until(payoutId, ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE');
  // The time for converting itself: there is nothing else that says that it is over.
  await delay(3_000 - (Date.now() - movedAt));
  let readings = 0;
  proxy.rewrite((path, body) => {
    if (path.startsWith(TICKER) && body?.bid !== undefined) readings += 1;
    return path.startsWith(TICKER) && readings > 1 ? { ...body, bid: 6.97 } : undefined;
  });
  await engine.control('DELETE', '/faults');
  const { timeline } = await engine.untilStatus(payoutId, 'paid');
  expect(readings).toBeGreaterThan(1);
  expect(timeline.map(({ status }: Json) => status)).not.toContain('held');
});

const PENDING = { status: 'pending', quoteAmount: undefined, fee: undefined };

/** QbitPay calls the order pending in its first answers. */
function showPending(payoutId: string, answers: number): void {
  let given = 0;
  proxy.rewrite((_request, body) =>
    isOrderOf(payoutId, body) && (given += 1) <= answers ? { ...body, ...PENDING } : undefined,
  );
}

/** The order is placed, `filled` of it is executed, and then QbitPay ends it. */
const endOrder = (externalOrderId: string, status: string, filled = '0'): Promise<Json> =>
  engine.control('POST', '/orders/outcomes', { status, filled, externalOrderId });

async function retry(payoutId: string, heldAs = 'ORDER_NOT_FILLED'): Promise<void> {
  // The workflow learns of a hold a moment after the store has it.
  await untilHoldReasonShown(engine, payoutId, heldAs);
  const answer = await engine.api('POST', `/v1/payouts/${payoutId}/retry`, { reason: 'the market is back' });
  expect(answer).toMatchObject({ status: 200 });
}

/** Paid once, by orders of these amounts; the ledger's rules hold, and a reconciliation finds nothing of it. */
async function expectPaidByOrders(payoutId: string, amounts: readonly string[]): Promise<Json> {
  const paid = await engine.untilStatus(payoutId, 'paid');
  const attempts = amounts.map((_amount, index) => (index === 0 ? payoutId : `${payoutId}~o${index + 1}`));
  const orders = await Promise.all(attempts.map((attempt) => bodiesSentTo(engine, ORDERS, attempt)));
  expect(orders.map((bodies) => bodies.map(({ amount }) => amount))).toEqual(
    amounts.map((amount) => [addAmounts(amount)]),
  );
  expect(await ordersOf(`${payoutId}~o${amounts.length + 1}`)).toEqual([]);
  expect(await countPayoutsMade(engine, payoutId)).toBe(1);
  await expectAgreement(payoutId);
  return paid;
}

async function expectAgreement(payoutId: string): Promise<void> {
  await expectBooksToBalance(engine);
  expect(await auditLedger(sql)).toEqual([]);
  const { discrepancies } = await reconcile(engine);
  expect(discrepancies.filter((discrepancy: Json) => discrepancy.payoutId === payoutId)).toEqual([]);
}

/** Opened, funded, and held because its order ended with as much of it sold. */
async function openPartlyFilled(changes: Json, filled: string): Promise<Json> {
  const { payoutId, ...opened } = await engine.open(changes);
  await endOrder(payoutId, 'cancelled', filled);
  showPending(payoutId, 3);
  await engine.fund(opened);
  const held = await engine.untilStatus(payoutId, 'held');
  expect(held.holdReason).toBe('ORDER_NOT_FILLED');
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
  return held;
}

const untilHeldAgain = (payoutId: string, orderStatus: string): Promise<Json> =>
  engine.until(
    payoutId,
    ({ status, holdReason, order }) =>
      status === 'held' && holdReason === 'ORDER_NOT_FILLED' && order.status === orderStatus,
    'held again',
  );

// What is left to be sold is a unit's test.
describe('an order that is filled in part', () => {
  test('what it moved is booked and said, and retries sell the rest, as often as it takes', async () => {
    const held = await openPartlyFilled({}, '300');
    const { payoutId, order } = held;
    expect({
      ...order,
      amount: addAmounts(order.amount),
      quoteAmount: addAmounts(order.quoteAmount),
    }).toMatchObject({ amount: '300', quoteAmount: '2091', status: 'cancelled' });
    expect(detailsOf(held).at(-1)).toMatch(
      /ended as cancelled: sold 300 USDT, bought 2091 CNY less a fee of 0$/,
    );
    await expectAgreement(payoutId);
    await endOrder(`${payoutId}~o2`, 'failed', '123.456789');
    await retry(payoutId);
    await untilHeldAgain(payoutId, 'failed');
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916', '420.946916', '297.490675']);
  });

  test('fixed send, with the trading fee taken off: to the last digit, and no order more once all is sold', async () => {
    await setTradeFee('0.0013');
    const { payoutId } = await openPartlyFilled({ amountMode: 'send', amount: '800' }, '299.999999');
    await endOrder(`${payoutId}~o2`, 'failed', '1000000');
    await retry(payoutId);
    await untilHeldAgain(payoutId, 'failed');
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['800', '500.000001']);
  });
});

describe('what an order that has ended moved', () => {
  const isAboutTransactions = (request: string): boolean =>
    request.startsWith('GET /api/v1/balanceTransactions?');

  // What counts as shown is a unit's test.
  test('is shown in one currency only: it is waited for, and nothing is freed or sent', async () => {
    const { payoutId, ...opened } = await engine.open();
    await endOrder(payoutId, 'cancelled', '300');
    let readings = 0;
    proxy.rewrite((request, body) => {
      if (!isAboutTransactions(request) || body?.object !== 'list') return undefined;
      readings += 1;
      const isHidden = ({ currency, type }: Json): boolean => currency === 'CNY' && type === 'order';
      return { ...body, data: body.data.filter((one: Json) => !isHidden(one)) };
    });
    await engine.fund(opened);
    await untilShown(payoutId, 'waiting until it is filled');
    const before = readings;
    await untilAnswer(
      () => Promise.resolve(readings),
      (count) => count > before + 3,
      'readings',
    );
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status).toBe('converting');
    expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(409);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
    proxy.rewrite(undefined);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'ORDER_NOT_FILLED' });
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916', '420.946916']);
  });

  test('is what its transactions say, where the order says nothing; the rest refused as invalid is held', async () => {
    const { payoutId, ...opened } = await engine.open();
    await endOrder(payoutId, 'failed', '300');
    proxy.rewrite((_request, body) =>
      isOrderOf(payoutId, body) ? { ...body, quoteAmount: undefined, fee: undefined } : undefined,
    );
    await engine.fund(opened);
    expect((await engine.untilStatus(payoutId, 'held')).order.quoteAmount).toBe('2091.00');
    proxy.rewrite(undefined);
    await orderFault(engine, 'invalid_request_error', ORDERS, { externalOrderId: `${payoutId}~o2` });
    await retry(payoutId);
    await engine.until(payoutId, ({ holdReason }) => holdReason === 'PROVIDER_REFUSED', 'refused');
    await retry(payoutId, 'PROVIDER_REFUSED');
    await engine.untilStatus(payoutId, 'paid');
    await expectAgreement(payoutId);
  });
});

test('an order and a payout that cannot be read back yet: no second one is sent', async () => {
  await engine.control('PATCH', '/settings', { visibleAfterMs: 400 });
  const payout = await engine.open();
  await engine.fund(payout);
  await engine.untilStatus(payout.payoutId, 'paid');
  await engine.control('PATCH', '/settings', { visibleAfterMs: 0 });
  expect(await ordersOf(payout.payoutId)).toHaveLength(1);
  expect(await requestsTo(engine, PAYOUTS, payout.payoutId)).toHaveLength(1);
});
