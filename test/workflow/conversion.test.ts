import { randomUUID } from 'node:crypto';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { owedIn } from '../support/balances.js';
import { untilAllocated } from '../support/deposits.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { currentDetailsOf, startDirectly } from '../support/payout-workflows.js';
import {
  detailsOf,
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
  TICKER,
} from '../support/provider-requests.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
let proxy: ProviderProxy;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({}));
});
afterAll(() => engine.stop());
afterEach(async () => {
  proxy.rewrite(undefined);
  await engine.control('DELETE', '/faults');
});

const fault = (kind: string, endpoint: string, more?: Json) => orderFault(engine, kind, endpoint, more);
const newId = (): string => `p-${randomUUID()}`;

describe('the price', () => {
  const setPrice = (bid: string) =>
    engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '6.99' });
  afterEach(() => setPrice('6.97'));

  test('refused at the order: a new one is taken, and one order takes effect', async () => {
    const payoutId = newId();
    await fault('invalid_request_error', ORDERS, { externalOrderId: payoutId, status: 402, times: 2 });
    await openAndFund(engine, { payoutId });
    await engine.untilStatus(payoutId, 'paid');
    expect((await requestsTo(engine, ORDERS, payoutId)).map(({ status }) => status)).toEqual([402, 402, 200]);
    await expectConvertedAndPaidOnce(engine, payoutId);
  });

  test('too old already when it came: no order is sent at it', async () => {
    const payout = await engine.open();
    let stale = 2;
    proxy.rewrite((request, body) =>
      request.startsWith(TICKER) && stale-- > 0 ? { ...body, timestamp: body.timestamp - 26_000 } : undefined,
    );
    await engine.fund(payout);
    await engine.untilStatus(payout.payoutId, 'paid');
    expect(stale).toBeLessThan(0);
    expect(await requestsTo(engine, ORDERS, payout.payoutId)).toHaveLength(1);
  });

  test('moved beyond the slippage: nothing is sold until it comes back', async () => {
    const payout = await engine.open();
    await setPrice('6.5');
    await engine.fund(payout);
    await untilAnswer(
      () => currentDetailsOf(engine, payoutWorkflowId(payout.payoutId)),
      (details) => details.includes('PRICE_TOO_LOW'),
      'waiting for a better price',
    );
    expect(await requestsTo(engine, ORDERS, payout.payoutId)).toHaveLength(0);
    await setPrice('6.95');
    await engine.untilStatus(payout.payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payout.payoutId);
  });

  test('still moved when the time for converting is over: held, and cancelled its money is owed to its owner', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await startDirectly(engine, request, { convertTimeoutSeconds: 1 });
    const payout = await engine.untilStatus(payoutId, 'awaiting_deposit');
    await setPrice('6.5');
    const { id } = await engine.fund(payout);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'PRICE_MOVED' });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(0);
    const before = await owedIn(engine, 'USDT');
    expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(200);
    await engine.untilStatus(payoutId, 'cancelled');
    await untilAllocated(engine, id);
    expect(subtractAmounts(await owedIn(engine, 'USDT'), before)).toBe(addAmounts(payout.deposit.amount));
  });
});

describe('an order that is not filled at once', () => {
  const isOrder = (body: Json, payoutId: string): boolean =>
    body?.object === 'order' && body.externalOrderId === payoutId;

  test('is waited for', async () => {
    const { payoutId, ...opened } = await engine.open();
    let readings = 0;
    proxy.rewrite((_request, body) => {
      if (!isOrder(body, payoutId) || (readings += 1) > 4) return undefined;
      return { ...body, status: 'pending', quoteAmount: undefined, fee: undefined };
    });
    await engine.fund(opened);
    await engine.untilStatus(payoutId, 'paid');
    expect(readings).toBeGreaterThan(4);
    await expectConvertedAndPaidOnce(engine, payoutId);
  });

  test('and ends unfilled: held, nothing is paid', async () => {
    const { payoutId, ...opened } = await engine.open();
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', externalOrderId: payoutId });
    let readings = 0;
    proxy.rewrite((_request, body) =>
      isOrder(body, payoutId) && (readings += 1) <= 2 ? { ...body, status: 'pending' } : undefined,
    );
    await engine.fund(opened);
    const held = await engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'ORDER_NOT_FILLED', order: { status: 'cancelled' } });
    expect(readings).toBeGreaterThan(2);
    expect(detailsOf(held).at(-1)).toMatch(/ended as cancelled: nothing was sold$/);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(0);
  });

  test('or cannot be read back yet, nor the payout: no second one is sent', async () => {
    await engine.control('PATCH', '/settings', { visibleAfterMs: 400 });
    const { payoutId } = await openAndFund(engine);
    await engine.untilStatus(payoutId, 'paid');
    await engine.control('PATCH', '/settings', { visibleAfterMs: 0 });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  });
});
