import {
  ALIPAY,
  closeEverything,
  type ErrorBody,
  type ListOf,
  type Payout,
  type SimulatorClient,
  startClient,
} from './simulator-fixture.js';

afterEach(closeEverything);

const ID = /^[0-9a-f]{24}$/;

describe('authentication', () => {
  const basic = (credentials: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
  });

  test.each([
    ['no header', { authorization: '' }],
    ['another key', basic('other:')],
    ['a password', basic('simulator-test-key:password')],
    ['a bearer token', { authorization: 'Bearer simulator-test-key' }],
  ])('%s is refused with 401 authentication_error', async (_case, headers) => {
    const client = await startClient();
    const answer = await client.api<ErrorBody>('GET', '/accounts/show', undefined, headers);
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({ type: 'authentication_error', message: 'no valid API key' });
  });

  test('a rotated key takes effect at once, and the old one is refused', async () => {
    const client = await startClient();
    await client.control('PATCH', '/settings', { apiKey: 'rotated' });
    expect((await client.api('GET', '/accounts/show')).status).toBe(401);
    client.apiKey = 'rotated';
    expect((await client.api('GET', '/accounts/show')).status).toBe(200);
  });

  test('an access token is a JWT in form', async () => {
    const client = await startClient();
    const answer = await client.api<{ accessToken: string }>('GET', '/accessToken');
    expect(answer.body.accessToken).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });
});

describe('account, balances, ticker', () => {
  test('the account is the example of the contract', async () => {
    const client = await startClient();
    const answer = await client.api('GET', '/accounts/show');
    expect(answer.body).toEqual({
      feeRates: { payout: 0.005, pay: 0, withdrawToken: 0, trade: 0 },
      limit: {
        pay: { currency: 'USDT', min: 5, max: 10000 },
        payout: { currency: 'USDT', min: 200 },
        withdrawToken: { currency: 'USDT', min: 200 },
      },
      wallets: [{ currency: 'USDT', addr: '0x31C27642169B61ceD340Ba99643CC3EAd729321F' }],
    });
  });

  test('several currencies are a list of balances, one named is an object, an unknown one is 404', async () => {
    const client = await startClient();
    const all = await client.api<ListOf<{ currency: string }>>('GET', '/balances/show');
    expect(all.body).toMatchObject({ object: 'list', url: '/api/v1/balances/show' });
    expect(all.body.data.map((one) => one.currency)).toEqual(['USDT', 'CNY']);
    const one = await client.api('GET', '/balances/show?currency=CNY');
    expect(one.body).toEqual({
      id: expect.stringMatching(ID) as string,
      object: 'balance',
      currency: 'CNY',
      available: 0,
      pending: 0,
    });
    expect((await client.api('GET', '/balances/show?currency=EUR')).status).toBe(404);
  });

  test.each([
    ['bid', 6.97],
    ['ask', 6.99],
  ])('the ticker answers the %s alone', async (side, price) => {
    const client = await startClient();
    const answer = await client.api('GET', `/markets/ticker?symbol=USDT/CNY&side=${side}`);
    expect(answer.body).toEqual({
      symbol: 'USDT/CNY',
      timestamp: expect.any(Number) as number,
      [side]: price,
    });
  });

  test.each(['symbol=EUR/CNY&side=bid', 'symbol=constructor&side=bid', 'symbol=USDT/CNY', 'side=bid', ''])(
    'the ticker refuses %s',
    async (query) => {
      const client = await startClient();
      const answer = await client.api<ErrorBody>('GET', `/markets/ticker?${query}`);
      expect(answer.status).toBe(400);
      expect(answer.body.type).toBe('invalid_request_error');
    },
  );

  test('amounts keep digits that a float would lose, in both directions', async () => {
    const client = await startClient();
    const answer = await client.control(
      'POST',
      '/deposits',
      '{"currency":"USDT","amount":900719925474.099301,"notify":false}',
    );
    expect(answer.text).toContain('"amount":900719925474.099301');
    expect((await client.api('GET', '/balances/show?currency=USDT')).text).toContain(
      '"available":900719925474.099301',
    );
  });
});

describe('refused requests', () => {
  const payout = { amount: 2000, currency: 'CNY', destination: ALIPAY };
  const order = { symbol: 'USDT/CNY', side: 'sell', amount: 1 };

  async function withMoney(): Promise<SimulatorClient> {
    const client = await startClient();
    await client.deposit('USDT', 10_000);
    await client.deposit('CNY', 10_000);
    return client;
  }

  test.each([
    ['/payouts', { ...payout, amount: undefined }, 'amount is required'],
    ['/payouts', { ...payout, amount: '2000' }, 'amount must be a number'],
    ['/payouts', { ...payout, amount: 0 }, 'amount must be positive'],
    ['/payouts', { ...payout, amount: -5 }, 'amount must be a number'],
    ['/payouts', { ...payout, amount: 2000.001 }, 'too many decimals'],
    ['/payouts', { ...payout, currency: undefined }, 'currency is required'],
    ['/payouts', { ...payout, currency: 'cny' }, 'currency is not a currency code'],
    ['/payouts', { ...payout, currency: 'PHP' }, 'currency cannot be paid out'],
    ['/payouts', { ...payout, destination: undefined }, 'destination is required'],
    ['/payouts', { ...payout, destination: 'Alipay' }, 'destination must be a JSON object'],
    ['/payouts', { ...payout, destination: { ...ALIPAY, type: 'cash' } }, 'destination.type must be one of'],
    ['/payouts', { ...payout, destination: { ...ALIPAY, iban: 'x' } }, 'unknown parameter destination.iban'],
    ['/payouts', { ...payout, destination: { ...ALIPAY, city: 7 } }, 'destination.city must be a text'],
    ['/payouts', { ...payout, idempotencyKey: 'x' }, 'unknown parameter idempotencyKey'],
    ['/payouts', { ...payout, externalOrderId: 12 }, 'externalOrderId must be a text'],
    ['/payouts', { ...payout, amount: 1393.99 }, 'below the minimum of 200 USDT'],
    ['/payouts', '{"amount":', 'not valid JSON'],
    ['/payouts', '[]', 'must be a JSON object'],
    ['/orders', { ...order, symbol: 'EUR/CNY' }, 'unknown symbol'],
    ['/orders', { ...order, side: 'bid' }, 'side must be one of'],
    ['/orders', { ...order, amount: 0.0000001 }, 'amount must be a number'],
    ['/orders', { ...order, amount: 0.00001 }, 'too small to trade'],
  ])('POST %s %j', async (path, body, message) => {
    const client = await withMoney();
    const answer = await client.api<ErrorBody>('POST', path, body);
    expect(answer.body).toMatchObject({ type: 'invalid_request_error' });
    expect(answer.body.message).toContain(message);
    expect(answer.status).toBe(400);
    expect(await client.balance('CNY')).toEqual({ available: 10_000, pending: 0 });
  });

  test.each([
    ['bankAccount', ['payerName', 'bankAccountNum', 'bankName']],
    ['wallet', ['payerName', 'addr']],
    ['Alipay', ['payerName', 'bankAccountNum']],
    ['PayPal', ['payerName', 'bankAccountNum']],
    ['Coins.ph', ['payerName', 'bankAccountNum']],
    ['GCash', ['payerName', 'bankAccountNum']],
  ])('the destination %s needs each of its fields', async (type, names) => {
    const client = await withMoney();
    const full = Object.fromEntries([['type', type], ...names.map((name) => [name, 'value'])]) as object;
    expect((await client.pay(2000, { destination: full })).status).toBe(200);
    for (const name of names) {
      const answer = await client.api<ErrorBody>('POST', '/payouts', {
        ...payout,
        destination: { ...full, [name]: undefined },
      });
      expect(answer.status).toBe(400);
      expect(answer.body.message).toContain(`destination.${name} is required`);
    }
  });

  test('the minimum is compared at the bid, and in its own currency as it is', async () => {
    const client = await withMoney();
    expect((await client.pay(1394)).status).toBe(200);
    await client.control('POST', '/price', { symbol: 'USDT/CNY', bid: 6.98, ask: 7 });
    expect((await client.pay(1394)).status).toBe(400);
    const destination = { type: 'wallet', payerName: 'x', addr: '0x1' };
    expect((await client.pay(199.999999, { currency: 'USDT', destination })).status).toBe(400);
    expect((await client.pay(200, { currency: 'USDT', destination })).status).toBe(200);
  });

  test('more than is available is 402 api_error and moves nothing', async () => {
    const client = await withMoney();
    const answer = await client.pay(10_000);
    expect(answer.status).toBe(402);
    expect(answer.body).toMatchObject({ type: 'api_error', message: 'insufficient CNY balance' });
    expect((await client.api('POST', '/orders', { ...order, amount: 10_000.000001 })).status).toBe(402);
    expect(await client.balance('CNY')).toEqual({ available: 10_000, pending: 0 });
    expect(await client.all<Payout>('/payouts')).toEqual([]);
  });

  test('an unknown id, path or body type', async () => {
    const client = await startClient();
    for (const path of ['/payouts/x', '/orders/x', '/charges/x', '/balanceTransactions/x', '/nothing']) {
      const answer = await client.api<ErrorBody>('GET', path);
      expect([path, answer.status, answer.body.type]).toEqual([path, 404, 'invalid_request_error']);
    }
    const answer = await client.api('POST', '/payouts', payout, { 'content-type': 'text/plain' });
    expect(answer.status).toBe(400);
  });
});
