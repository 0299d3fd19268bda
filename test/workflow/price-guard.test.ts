import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts } from '../../src/domain/money.js';
import { expectBooksToBalance, owedIn } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { auditLedger } from '../support/ledger-audit.js';
import { currentDetailsOf, startDirectly, untilHoldReasonShown } from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { bodiesSentTo, countPayoutsMade } from '../support/provider-view.js';
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

const newId = (): string => `p-${randomUUID()}`;
const setPrice = (bid: string): Promise<Json> =>
  engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });
const owedInBoth = async () => ({
  USDT: addAmounts(await owedIn(engine, 'USDT')),
  CNY: addAmounts(await owedIn(engine, 'CNY')),
});
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

describe('the age of the price', () => {
  test('counts at the moment of the order, and a fresh one is taken instead', async () => {
    const payout = await engine.open();
    let stale = 3;
    proxy.rewrite((request, body) =>
      request.startsWith(TICKER) && stale-- > 0 ? { ...body, timestamp: body.timestamp - 25_500 } : undefined,
    );
    await engine.fund(payout);
    await engine.untilStatus(payout.payoutId, 'paid');
    expect(stale).toBeLessThan(0);
    expect((await ordersOf(payout.payoutId)).map(({ status }) => status)).toEqual([200]);
  });

  test('never young enough: held in the end, and nothing was sold', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await startDirectly(engine, request, { convertTimeoutSeconds: 1 });
    const payout = await engine.untilStatus(payoutId, 'awaiting_deposit');
    proxy.rewrite((path, body) =>
      path.startsWith(TICKER) ? { ...body, timestamp: body.timestamp - 25_500 } : undefined,
    );
    await engine.fund(payout);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'NO_USABLE_PRICE' });
    expect(await ordersOf(payoutId)).toEqual([]);
    proxy.rewrite(undefined);
    await resume(payoutId);
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
  });
});

async function resume(payoutId: string): Promise<void> {
  const answer = await engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'the market is calm' });
  expect(answer.status).toBe(200);
}

/** The lowest price with 100 basis points: in receive mode what the deposit, larger by as much, still buys. */
const MODES: readonly [string, string, Json][] = [
  ['receive', '6.901', {}],
  ['send', '6.9003', { amountMode: 'send', amount: '800' }],
];

describe('the price against the estimate', () => {
  test.each(MODES)('fixed %s: maxSlippageBps below is still taken', async (_mode, lowest, changes) => {
    const payout = await engine.open(changes);
    await setPrice(lowest);
    await engine.fund(payout);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid.order.price).toBe(lowest);
    await expectConvertedAndPaidOnce(engine, payout.payoutId);
  });

  test('further below waits, and goes on by itself when the price comes back', async () => {
    const payout = await engine.open({ amountMode: 'send', amount: '800' });
    await setPrice('6.9002');
    await engine.fund(payout);
    await untilShown(payout.payoutId, 'PRICE_TOO_LOW');
    expect(await ordersOf(payout.payoutId)).toEqual([]);
    await setPrice('6.95');
    await engine.untilStatus(payout.payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payout.payoutId);
  });

  test('still so when the time for converting is over: held, resumed it tries again', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await startDirectly(engine, request, { convertTimeoutSeconds: 1, maxSlippageBps: 50 });
    const payout = await engine.untilStatus(payoutId, 'awaiting_deposit');
    await setPrice('6.92');
    await engine.fund(payout);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'PRICE_MOVED' });
    await resume(payoutId);
    expect(
      await engine.until(
        payoutId,
        ({ status, timeline }) => status === 'held' && timesHeld(timeline) === 2,
        'held again',
      ),
    ).toMatchObject({ holdReason: 'PRICE_MOVED' });
    expect(await ordersOf(payoutId)).toEqual([]);
    await setPrice('6.96');
    await resume(payoutId);
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
  });
});

const timesHeld = (timeline: readonly Json[]): number =>
  timeline.filter(({ status }) => status === 'held').length;

test('a better price than the estimate is taken', async () => {
  const payout = await engine.open();
  await setPrice('7.2');
  await engine.fund(payout);
  expect((await engine.untilStatus(payout.payoutId, 'paid')).order.price).toBe('7.2');
});

test('a refused price is asked for anew, again and again, and one order takes effect', async () => {
  const payoutId = newId();
  await orderFault(engine, 'invalid_request_error', ORDERS, {
    externalOrderId: payoutId,
    status: 402,
    times: 3,
  });
  await openAndFund(engine, { payoutId });
  await engine.untilStatus(payoutId, 'paid');
  expect((await ordersOf(payoutId)).map(({ status }) => status)).toEqual([402, 402, 402, 200]);
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('a price that is refused for as long as it may take: held, nothing was sold', async () => {
  const request = payoutRequest();
  const { payoutId } = request;
  await orderFault(engine, 'invalid_request_error', ORDERS, {
    externalOrderId: payoutId,
    status: 402,
    times: 100_000,
  });
  await startDirectly(engine, request, { convertTimeoutSeconds: 1 });
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'NO_USABLE_PRICE' });
  expect((await ordersOf(payoutId)).flatMap(({ effects }) => effects)).toEqual([]);
  await engine.control('DELETE', '/faults');
  await resume(payoutId);
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
});

const isOrderOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'order' && body.externalOrderId === payoutId;

describe('the executed price', () => {
  test.each([
    ['worse than quoted', { price: 6.95 }, ['PRICE_DIFFERS']],
    ['better than quoted', { price: 7 }, []],
    ['not named', { price: undefined }, []],
  ])('%s', async (_name, change, flags) => {
    const { payoutId, ...opened } = await engine.open();
    proxy.rewrite((_request, body) => (isOrderOf(payoutId, body) ? { ...body, ...change } : undefined));
    await engine.fund(opened);
    expect((await engine.untilStatus(payoutId, 'paid')).flags).toEqual(flags);
  });

  test.each([
    ['no price', { price: undefined }],
    ['the quoted price', {}],
  ])('shows in what the order brought in, where it names %s', async (_name, change) => {
    const { payoutId, ...opened } = await engine.open({ amountMode: 'send', amount: '800' });
    proxy.rewrite((_request, body) =>
      isOrderOf(payoutId, body) ? { ...body, ...change, quoteAmount: 5575.99 } : undefined,
    );
    await engine.fund(opened);
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(paid.flags).toEqual(['PRICE_DIFFERS']);
    await engine.control('POST', '/balances/adjust', { currency: 'CNY', amount: '-0.01' });
    expect(detailsOf(paid)).toContain(
      'QbitPay sold 800 USDT for 5575.99 CNY, at 6.97 as quoted it is 5576.00',
    );
  });
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

describe('an order that is not filled at once', () => {
  /** As the provider shows it from its n-th answer on; the last one stays. */
  function answerOrderWith(
    payoutId: string,
    ...changes: readonly Json[]
  ): { readonly answers: () => number } {
    let answers = 0;
    proxy.rewrite((_request, body) => {
      if (!isOrderOf(payoutId, body)) return undefined;
      const change = changes[Math.min(answers, changes.length - 1)];
      answers += 1;
      return { ...body, ...change };
    });
    return { answers: () => answers };
  }
  const PENDING = { status: 'pending', quoteAmount: undefined, fee: undefined };

  test('is followed to its end, and shown as waited for', async () => {
    const { payoutId, ...opened } = await engine.open();
    const { answers } = answerOrderWith(payoutId, PENDING);
    await engine.fund(opened);
    await untilShown(payoutId, 'waiting until it is filled');
    await untilAnswer(
      () => Promise.resolve(answers()),
      (count) => count > 3,
      'readings',
    );
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
    expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(409);
    proxy.rewrite(undefined);
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
  });

  test.each(['cancelled', 'failed'])('%s in the end: held, and a retry places another', async (status) => {
    const { payoutId, ...opened } = await engine.open();
    await endOrder(payoutId, status);
    answerOrderWith(payoutId, PENDING, PENDING, PENDING, {});
    await engine.fund(opened);
    const held = await engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'ORDER_NOT_FILLED', order: { status } });
    expect(detailsOf(held).at(-1)).toMatch(new RegExp(`ended as ${status}: nothing was sold$`));
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toEqual([]);
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916', '720.946916']);
  });
});

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
  const { body } = await engine.api('GET', '/v1/reconciliation');
  expect(body.discrepancies.filter((discrepancy: Json) => discrepancy.payoutId === payoutId)).toEqual([]);
}

/** Opened, funded, and held because its order ended with as much of it sold. */
async function openPartlyFilled(changes: Json, filled: string): Promise<Json> {
  const { payoutId, ...opened } = await engine.open(changes);
  await endOrder(payoutId, 'cancelled', filled);
  await engine.fund(opened);
  const held = await engine.untilStatus(payoutId, 'held');
  expect(held.holdReason).toBe('ORDER_NOT_FILLED');
  return held;
}

/** What is sold as a whole, and what is left of it after 300, and after 123.456789 more. */
const SALES: readonly [string, Json, readonly [string, string, string]][] = [
  ['receive', {}, ['720.946916', '420.946916', '297.490675']],
  ['send', { amountMode: 'send', amount: '800' }, ['800', '500', '376.543211']],
];

describe('an order that is filled in part', () => {
  test.each(SALES)(
    'fixed %s: what it moved is booked and said, and retries sell the rest, as often as it takes',
    async (_mode, changes, amounts) => {
      const held = await openPartlyFilled(changes, '300');
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
      const again = await engine.until(
        payoutId,
        (now) => now.status === 'held' && now.order.status === 'failed',
        'held again',
      );
      expect(again.holdReason).toBe('ORDER_NOT_FILLED');
      await retry(payoutId);
      await expectPaidByOrders(payoutId, amounts);
    },
  );

  test.each(SALES)('fixed %s: with the trading fee taken off, to the last digit', async (_mode, changes) => {
    await setTradeFee('0.0013');
    const { payoutId } = await openPartlyFilled(changes, '299.999999');
    await retry(payoutId);
    await engine.untilStatus(payoutId, 'paid');
    await expectAgreement(payoutId);
  });

  test('all of it sold, although it is called cancelled: paid without another order', async () => {
    const { payoutId } = await openPartlyFilled({}, '1000000');
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916']);
  });

  test('cancelled then, both currencies are owed', async () => {
    const { payoutId, deposit } = await openPartlyFilled({}, '300');
    const before = await owedInBoth();
    expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(200);
    await engine.untilStatus(payoutId, 'cancelled');
    expect(await owedInBoth()).toEqual({
      USDT: addAmounts(before.USDT, deposit.amount, '-300'),
      CNY: addAmounts(before.CNY, '2091'),
    });
    await expectAgreement(payoutId);
  });

  test('the rest refused as invalid: held, not failed', async () => {
    const { payoutId } = await openPartlyFilled({}, '300');
    await orderFault(engine, 'invalid_request_error', ORDERS, { externalOrderId: `${payoutId}~o2` });
    await retry(payoutId);
    await engine.until(payoutId, ({ holdReason }) => holdReason === 'PROVIDER_REFUSED', 'refused');
    await retry(payoutId, 'PROVIDER_REFUSED');
    await engine.untilStatus(payoutId, 'paid');
    await expectAgreement(payoutId);
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
    proxy.rewrite(undefined);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'ORDER_NOT_FILLED' });
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916', '420.946916']);
  });

  test('is what its transactions say, where the order says nothing', async () => {
    const { payoutId, ...opened } = await engine.open();
    await endOrder(payoutId, 'failed', '300');
    proxy.rewrite((_request, body) =>
      isOrderOf(payoutId, body) ? { ...body, quoteAmount: undefined, fee: undefined } : undefined,
    );
    await engine.fund(opened);
    expect((await engine.untilStatus(payoutId, 'held')).order.quoteAmount).toBe('2091.00');
    proxy.rewrite(undefined);
    await retry(payoutId);
    await expectPaidByOrders(payoutId, ['720.946916', '420.946916']);
  });
});
