import { addAmounts } from '../../../src/domain/money.js';
import {
  ALIPAY,
  type BalanceTransaction,
  closeEverything,
  type ErrorBody,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
  startReceiver,
} from './simulator-fixture.js';

afterEach(closeEverything);

interface Order {
  readonly id: string;
  readonly price: number;
  readonly quoteAmount: number;
  readonly fee: number;
}

/** What must hold at any time: each balance is the sum of its transactions and not negative. */
async function expectBooksToBalance(client: SimulatorClient): Promise<void> {
  const transactions = await client.all<BalanceTransaction>('/balanceTransactions');
  for (const currency of ['USDT', 'CNY']) {
    const sum = (status: string): number =>
      Number(
        addAmounts(
          '0',
          ...transactions
            .filter((one) => one.currency === currency && one.status === status)
            .map((one) => String(one.net)),
        ),
      );
    const balance = await client.balance(currency);
    expect({ currency, ...balance }).toEqual({
      currency,
      available: sum('available'),
      pending: sum('pending'),
    });
    expect(balance.available).toBeGreaterThanOrEqual(0);
    expect(balance.pending).toBeGreaterThanOrEqual(0);
  }
  for (const one of transactions) {
    expect(String(one.net)).toBe(addAmounts(String(one.amount), String(-one.fee)));
  }
}

describe('deposits', () => {
  test('a deposit is available at once and explained by a transaction', async () => {
    const client = await startClient();
    const deposit = await client.deposit('USDT', 250.25);
    expect(await client.balance('USDT')).toEqual({ available: 250.25, pending: 0 });
    const found = await client.api<ListOf<BalanceTransaction>>(
      'GET',
      `/balanceTransactions?source=${deposit.id}&type=deposit`,
    );
    expect(found.body.data).toMatchObject([
      { amount: 250.25, fee: 0, net: 250.25, type: 'deposit', source: deposit.id, status: 'available' },
    ]);
    const one = await client.api('GET', `/balanceTransactions/${found.body.data[0]!.id}`);
    expect(one.body).toEqual(found.body.data[0]);
    await expectBooksToBalance(client);
  });

  test('an unconfirmed deposit is pending until it is confirmed, once', async () => {
    const client = await startClient();
    const deposit = await client.deposit('USDT', 100, { confirm: false });
    expect(await client.balance('USDT')).toEqual({ available: 0, pending: 100 });
    await expectBooksToBalance(client);
    expect((await client.control('POST', `/deposits/${deposit.id}/confirm`)).status).toBe(200);
    expect(await client.balance('USDT')).toEqual({ available: 100, pending: 0 });
    expect((await client.control('POST', `/deposits/${deposit.id}/confirm`)).status).toBe(400);
    await expectBooksToBalance(client);
  });

  test('pendingMs confirms by itself', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.deposit('USDT', 100, { pendingMs: 20 });
    await receiver.type('deposit.confirmed');
    expect(await client.balance('USDT')).toEqual({ available: 100, pending: 0 });
  });

  test('a provider that shows no deposit transactions still moves the balance', async () => {
    const client = await startClient({}, { settlement: 'manual', depositTransactions: 'hidden' });
    await client.deposit('USDT', 100);
    expect(await client.all('/balanceTransactions')).toEqual([]);
    expect(await client.balance('USDT')).toEqual({ available: 100, pending: 0 });
  });
});

describe('orders', () => {
  async function quote(client: SimulatorClient): Promise<number> {
    const ticker = await client.api<{ bid: number }>('GET', '/markets/ticker?symbol=USDT/CNY&side=bid');
    return ticker.body.bid;
  }

  test('a sale moves both balances at the quoted bid', async () => {
    const client = await startClient();
    await client.deposit('USDT', 200);
    const price = await quote(client);
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: 200, price, externalOrderId: 'o-1' };
    const answer = await client.api<Order>('POST', '/orders', order);
    expect(answer.body).toMatchObject({
      object: 'order',
      ...order,
      type: 'market',
      quoteAmount: 1394,
      fee: 0,
      status: 'filled',
    });
    expect(await client.balance('USDT')).toEqual({ available: 0, pending: 0 });
    expect(await client.balance('CNY')).toEqual({ available: 1394, pending: 0 });
    expect((await client.api('GET', `/orders/${answer.body.id}`)).body).toEqual(answer.body);
    const found = await client.api<ListOf<Order>>('GET', '/orders?externalOrderId=o-1');
    expect(found.body.data).toEqual([answer.body]);
    expect((await client.all<Order>('/orders?externalOrderId=o-2')).length).toBe(0);
    await expectBooksToBalance(client);
  });

  test('the fee comes off a sale and on top of a purchase, rounded against the account', async () => {
    const client = await startClient({}, { feeRates: { trade: 0.001, payout: 0.005 } });
    await client.deposit('USDT', 10);
    const sale = await client.api<Order>('POST', '/orders', {
      symbol: 'USDT/CNY',
      side: 'sell',
      amount: 3.333,
    });
    expect(sale.body).toMatchObject({ quoteAmount: 23.23, fee: 0.03 });
    expect(await client.balance('CNY')).toEqual({ available: 23.2, pending: 0 });
    const purchase = await client.api<Order>('POST', '/orders', {
      symbol: 'USDT/CNY',
      side: 'buy',
      amount: 3,
    });
    expect(purchase.body).toMatchObject({ price: 6.99, quoteAmount: 20.97, fee: 0.03 });
    expect(await client.balance('CNY')).toEqual({ available: 2.2, pending: 0 });
    await expectBooksToBalance(client);
  });

  test('a quoted price holds after the market moved; an unquoted or expired one is refused', async () => {
    const client = await startClient();
    await client.deposit('USDT', 200);
    const price = await quote(client);
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: 50 };
    await client.control('POST', '/price', { symbol: 'USDT/CNY', bid: 6.5, ask: 6.6 });
    expect((await client.api<Order>('POST', '/orders', { ...order, price })).body.quoteAmount).toBe(348.5);
    for (const unquoted of [6.5, 6.98]) {
      const refused = await client.api<ErrorBody>('POST', '/orders', { ...order, price: unquoted });
      expect([refused.status, refused.body.type]).toEqual([402, 'invalid_request_error']);
    }
    await client.control('POST', '/price', { symbol: 'USDT/CNY', bid: 6.5, ask: 6.6, expireQuotes: true });
    expect((await client.api('POST', '/orders', { ...order, price })).status).toBe(402);
    expect((await client.api<Order>('POST', '/orders', order)).body.price).toBe(6.5);
  });

  test('a rule ends an order with a part of it executed: only that moves', async () => {
    const client = await startClient({}, { feeRates: { payout: 0, trade: 0.001 }, settlement: 'manual' });
    await client.deposit('USDT', 500);
    const end = (status: string, filled?: number, externalOrderId = 'o') =>
      client.control('POST', '/orders/outcomes', { status, filled, externalOrderId });
    await end('cancelled', 300.1234567);
    const place = (externalOrderId: string, amount: number) =>
      client.api<Order & { status: string; amount: number }>('POST', '/orders', {
        symbol: 'USDT/CNY',
        side: 'sell',
        amount,
        externalOrderId,
      });
    expect((await place('other', 10)).body).toMatchObject({ status: 'filled', amount: 10 });
    const { body } = await place('o', 400);
    expect(body).toMatchObject({ status: 'cancelled', amount: 400, quoteAmount: 2091.86, fee: 2.1 });
    const moved = (id: string) =>
      client.all<BalanceTransaction>(`/balanceTransactions?source=${id}&type=order`);
    expect((await moved(body.id)).map(({ amount, fee, net }) => ({ amount, fee, net }))).toEqual([
      { amount: 2091.86, fee: 2.1, net: 2089.76 },
      { amount: -300.123456, fee: 0, net: -300.123456 },
    ]);
    expect((await client.api('GET', `/orders/${body.id}`)).body).toEqual(body);

    await end('failed');
    const nothing = await place('o', 100);
    expect(nothing.body).toMatchObject({ status: 'failed', amount: 100, quoteAmount: 0, fee: 0 });
    expect(await moved(nothing.body.id)).toEqual([]);

    await end('failed', 1_000);
    expect((await place('o', 50)).body).toMatchObject({ status: 'failed', amount: 50, quoteAmount: 348.5 });
    expect((await place('o', 50)).body).toMatchObject({ status: 'filled' });
    await end('cancelled');
    expect((await client.control('GET', '/orders/outcomes')).body).toMatchObject({
      data: [{ status: 'cancelled', filled: 0, remaining: 1 }],
    });
    await client.control('DELETE', '/orders/outcomes');
    expect((await client.control('GET', '/orders/outcomes')).body).toEqual({ data: [] });
    expect((await end('filled')).status).toBe(400);
    expect((await end('failed', -1)).status).toBe(400);
    await expectBooksToBalance(client);
  });

  test('a bid is no price to buy at', async () => {
    const client = await startClient();
    await client.deposit('CNY', 100);
    const price = await quote(client);
    const order = { symbol: 'USDT/CNY', side: 'buy', amount: 1, price };
    expect((await client.api('POST', '/orders', order)).status).toBe(402);
  });
});

describe('payouts', () => {
  test.each([
    ['added', 2000, 10, 7990],
    ['deducted', 1990, 10, 8000],
  ] as const)('with the fee %s, the answer is %d and %d and %d stays', async (feeSide, amount, fee, left) => {
    const client = await startClient({ feeSide });
    await client.deposit('CNY', 10_000);
    const answer = await client.pay(2000, { description: 'rent', externalOrderId: 'p-1' });
    expect(answer.body).toMatchObject({
      object: 'payout',
      amount,
      fee,
      currency: 'CNY',
      description: 'rent',
      status: 'pending',
      type: 'Alipay',
      externalOrderId: 'p-1',
      destination: { object: 'Alipay', ...ALIPAY, typeLabel: { en: 'Alipay', zh: '支付宝' } },
    });
    expect((await client.balance('CNY')).available).toBe(left);
    expect((await client.api('GET', `/payouts/${answer.body.id}`)).body).toEqual(answer.body);
    await expectBooksToBalance(client);
  });

  test('the fee is rounded up to the currency', async () => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    expect((await client.pay(2000.01)).body).toMatchObject({ amount: 2000.01, fee: 10.01 });
  });

  test.each([
    ['added', 100, 9898.1],
    ['deducted', 98.1, 9900],
  ] as const)('with the fee %s, a fee of its own replaces the estimate', async (feeSide, amount, left) => {
    const payoutLimit = { currency: 'USDT', min: 0 };
    const client = await startClient({ feeSide }, { settlement: 'manual', payoutLimit, payoutFee: 1.9 });
    await client.deposit('CNY', 10_000);
    expect((await client.pay(100)).body).toMatchObject({ amount, fee: 1.9 });
    expect((await client.balance('CNY')).available).toBe(left);
    expect((await client.control('GET', '/settings')).body).toMatchObject({ payoutFee: 1.9 });
    await expectBooksToBalance(client);
    await client.control('PATCH', '/settings', { payoutFee: 0 });
    expect((await client.pay(100)).body).toMatchObject({ amount: 100, fee: 0 });
    await client.control('PATCH', '/settings', { payoutFee: null });
    expect((await client.pay(100)).body.fee).toBe(0.5);
  });

  test.each([
    ['added', 1994.9, 7995.1],
    ['deducted', 1984.9, 8005.1],
  ] as const)('with the fee %s, less can be delivered and taken', async (feeSide, amount, left) => {
    const client = await startClient({ feeSide }, { settlement: 'manual', deliverLess: '5.1' });
    await client.deposit('CNY', 10_000);
    const { body } = await client.pay(2000);
    expect(body).toMatchObject({ amount, fee: 10 });
    expect((await client.balance('CNY')).available).toBe(left);
    const { id } = body;
    await client.control('POST', `/payouts/${id}/advance`, { status: 'failed' });
    expect((await client.balance('CNY')).available).toBe(10_000);
    await expectBooksToBalance(client);
    await client.control('PATCH', '/settings', { deliverLess: 2000 });
    expect((await client.pay(2000)).status).toBe(400);
    await client.control('PATCH', '/settings', { deliverLess: null });
    expect((await client.pay(2000)).body.amount).toBe(feeSide === 'added' ? 2000 : 1990);
  });

  test('a second POST with the same externalOrderId pays a second time', async () => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    const first = await client.pay(2000, { externalOrderId: 'same' });
    const second = await client.pay(2000, { externalOrderId: 'same' });
    expect(second.status).toBe(200);
    expect(second.body.id).not.toBe(first.body.id);
    expect((await client.balance('CNY')).available).toBe(5980);
    expect((await client.all<Payout>('/payouts')).map((one) => one.externalOrderId)).toEqual([
      'same',
      'same',
    ]);
  });

  test.each([
    ['failed', 'payout_failure'],
    ['cancelled', 'payout_cancel'],
  ])('a payout that %s gives amount and fee back', async (status, type) => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', `/payouts/${id}/advance`, { status: 'inTransit' });
    await client.control('POST', `/payouts/${id}/advance`, { status });
    expect((await client.api<Payout>('GET', `/payouts/${id}`)).body.status).toBe(status);
    expect((await client.balance('CNY')).available).toBe(10_000);
    const back = await client.api<ListOf<BalanceTransaction>>('GET', `/balanceTransactions?type=${type}`);
    expect(back.body.data).toMatchObject([{ amount: 2000, fee: -10, net: 2010, source: id }]);
    await expectBooksToBalance(client);
    const again = await client.control<ErrorBody>('POST', `/payouts/${id}/advance`, { status: 'cancelled' });
    expect([again.status, again.body.field]).toEqual([400, 'status']);
    expect((await client.balance('CNY')).available).toBe(10_000);
  });

  test.each([
    [{}, -10, 10_000],
    [{ fee: true }, -10, 10_000],
    [{ fee: false }, 0, 9990],
  ])('in manual returns the money comes back by a call with %j, once', async (body, fee, left) => {
    const client = await startClient({}, { settlement: 'manual', returns: 'manual' });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    const back = `/payouts/${id}/return`;
    expect((await client.control('POST', back, body)).status).toBe(400);
    await client.control('POST', `/payouts/${id}/advance`, { status: 'cancelled' });
    expect((await client.balance('CNY')).available).toBe(7990);
    expect(await client.all('/balanceTransactions?type=payout_cancel')).toEqual([]);
    const answer = await client.control<BalanceTransaction>('POST', back, body);
    expect(answer.body).toMatchObject({ type: 'payout_cancel', source: id, amount: 2000, fee });
    expect(await client.all('/balanceTransactions?type=payout_cancel')).toEqual([answer.body]);
    const again = await client.control<ErrorBody>('POST', back, body);
    expect([again.status, again.body.field]).toEqual([400, 'id']);
    expect((await client.balance('CNY')).available).toBe(left);
    await expectBooksToBalance(client);
  });

  test('an immediate return can leave the fee behind, and is a return', async () => {
    const client = await startClient({}, { settlement: 'manual', returnFees: false });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', `/payouts/${id}/advance`, { status: 'failed' });
    const back = await client.all<BalanceTransaction>('/balanceTransactions?type=payout_failure');
    expect(back).toMatchObject([{ amount: 2000, fee: 0, net: 2000, source: id }]);
    expect((await client.balance('CNY')).available).toBe(9990);
    expect((await client.control('POST', `/payouts/${id}/return`)).status).toBe(400);
    await expectBooksToBalance(client);
  });

  test('a paid payout has nothing to come back', async () => {
    const client = await startClient({}, { settlement: 'manual', returns: 'manual' });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', `/payouts/${id}/advance`, { status: 'paid' });
    expect((await client.control('POST', `/payouts/${id}/return`)).status).toBe(400);
    expect((await client.balance('CNY')).available).toBe(7990);
  });

  test('a payout in transit cannot go back; one that ended is sent back, or carried out after all, and its money with it', async () => {
    const client = await startClient();
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    const advance = async (status: string): Promise<number> =>
      (await client.control('POST', `/payouts/${id}/advance`, { status })).status;
    expect(await advance('inTransit')).toBe(200);
    expect(await advance('inTransit')).toBe(400);
    expect(await advance('pending')).toBe(400);
    expect(await advance('paid')).toBe(200);
    expect(await advance('cancelled')).toBe(400);
    expect(await advance('failed')).toBe(200);
    expect((await client.balance('CNY')).available).toBe(10_000);
    expect(await advance('paid')).toBe(200);
    expect((await client.balance('CNY')).available).toBe(7990);
  });

  test.each([
    ['SIMULATE FAILED', 'failed', 10_000],
    ['SIMULATE CANCELLED', 'cancelled', 10_000],
    ['SIMULATE STUCK', 'inTransit', 7990],
    ['Anyone', 'paid', 7990],
  ])('the payer %s ends as %s by itself', async (payerName, status, left) => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url, settleAfterMs: 1 }, {});
    await client.deposit('CNY', 10_000);
    const payout = await client.pay(2000, { destination: { ...ALIPAY, payerName } });
    await receiver.type(status === 'inTransit' ? 'payout.inTransition' : `payout.${status}`);
    expect((await client.api<Payout>('GET', `/payouts/${payout.body.id}`)).body.status).toBe(status);
    expect((await client.balance('CNY')).available).toBe(left);
    await expectBooksToBalance(client);
  });

  test('rules choose by amount, destination or id, as often as they say; settling skips the stuck', async () => {
    const client = await startClient();
    await client.deposit('CNY', 100_000);
    await client.control('POST', '/outcomes', { outcome: 'failed', amount: 3000.0 });
    await client.control('POST', '/outcomes', { outcome: 'cancelled', destination: '666', times: 2 });
    await client.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: 'x-1' });
    const bad = { destination: { ...ALIPAY, bankAccountNum: '666' } };
    await client.pay(3000);
    await client.pay(3000);
    await client.pay(2000, bad);
    await client.pay(2000, bad);
    await client.pay(2000, bad);
    await client.pay(2000, { externalOrderId: 'x-1' });
    expect((await client.control('GET', '/outcomes')).body).toEqual({ data: [] });
    expect((await client.control('POST', '/settle')).body).toEqual({ settled: 5 });
    expect((await client.control('POST', '/settle')).body).toEqual({ settled: 0 });
    const statuses = (await client.all<Payout>('/payouts')).map((one) => one.status).reverse();
    expect(statuses).toEqual(['failed', 'paid', 'cancelled', 'cancelled', 'paid', 'pending']);
    await expectBooksToBalance(client);
  });

  test('concurrent requests never overdraw', async () => {
    const client = await startClient();
    await client.deposit('CNY', 10_050);
    await client.deposit('USDT', 100);
    const requests = Array.from({ length: 40 }, async (_, index) =>
      index % 2 === 0
        ? client.pay(2000)
        : client.api('POST', '/orders', { symbol: 'USDT/CNY', side: 'sell', amount: 30 }),
    );
    const statuses = (await Promise.all(requests)).map((one) => one.status);
    expect(new Set(statuses)).toEqual(new Set([200, 402]));
    expect((await client.all('/payouts')).length).toBe(5);
    expect((await client.all('/orders')).length).toBe(3);
    await expectBooksToBalance(client);
  });

  test('new objects can be kept from view for a while', async () => {
    const client = await startClient({}, { settlement: 'manual', visibleAfterMs: 600_000 });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    expect((await client.api('GET', `/payouts/${id}`)).status).toBe(404);
    expect(await client.all('/payouts')).toEqual([]);
    await client.control('PATCH', '/settings', { visibleAfterMs: 0 });
    expect((await client.all<Payout>('/payouts')).map((one) => one.id)).toEqual([id]);
  });
});
