import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { startSimulator } from '../../../src/simulator/server.js';
import { ALIPAY, API_KEY, closeEverything, type ErrorBody, startClient } from './simulator-fixture.js';

afterEach(closeEverything);

describe('the control surface', () => {
  test.each([
    ['POST', '/deposits', { amount: 5 }, 'currency'],
    ['POST', '/deposits', { currency: 'USDT' }, 'amount'],
    ['POST', '/deposits', { currency: 'USDT', amount: '5 USDT' }, 'amount'],
    ['POST', '/deposits', { currency: 'USDT', amount: '-5' }, 'amount'],
    ['POST', '/deposits', { currency: 'USDT', amount: '0.0000000000000000001' }, 'amount'],
    ['POST', '/deposits', { currency: 'usdt', amount: 5 }, 'currency'],
    ['POST', '/deposits', { currency: 'USDT', amount: 5, confirm: true, pendingMs: 5 }, 'pendingMs'],
    ['POST', '/deposits', { currency: 'USDT', amount: 5, hash: 'x' }, 'hash'],
    ['POST', '/price', { symbol: 'USDT/CNY', bid: 7 }, 'ask'],
    ['POST', '/price', { symbol: 'USDTCNY', bid: 7, ask: 7 }, 'symbol'],
    ['POST', '/latency', { ms: -1 }, 'ms'],
    ['POST', '/latency', { ms: 1, endpoint: 'GET /nothing' }, 'endpoint'],
    ['POST', '/charges', { currency: 'USDT' }, 'amount'],
    ['POST', '/balances/adjust', { currency: 'USDT' }, 'amount'],
    ['POST', '/balances/adjust', { currency: 'USDT', amount: 0 }, 'amount'],
    ['POST', '/balances/adjust', { currency: 'USDT', amount: '--5' }, 'amount'],
    ['POST', '/balances/adjust', { currency: 'CNY', amount: 0.001 }, 'amount'],
    ['POST', '/balances/adjust', { currency: 'usdt', amount: 5 }, 'currency'],
    ['POST', '/dashboard/payouts', { currency: 'CNY' }, 'amount'],
    ['POST', '/dashboard/payouts', { currency: 'CNY', amount: 0.001 }, 'amount'],
    ['POST', '/dashboard/payouts', { currency: 'CNY', amount: 5, externalOrderId: 'x' }, 'externalOrderId'],
    ['POST', '/outcomes', { outcome: 'lost' }, 'outcome'],
    ['POST', '/events/forge', { type: 'x' }, 'data'],
    ['POST', '/events/forge', { type: 'x', data: {}, signature: 'good' }, 'signature'],
    ['POST', '/events/release', { order: 'random' }, 'order'],
    ['PATCH', '/settings', { feeSide: 'both' }, 'feeSide'],
    ['PATCH', '/settings', { webhookUrl: 'nowhere' }, 'webhookUrl'],
    ['PATCH', '/settings', { webhookTimeScale: 1001 }, 'webhookTimeScale'],
    ['PATCH', '/settings', { livemode: 'yes' }, 'livemode'],
    ['PATCH', '/settings', { wallets: [{ currency: 'USDT' }] }, 'wallets[0].addr'],
    ['PATCH', '/settings', { payoutLimit: { currency: 'usdt', min: 1 } }, 'payoutLimit.currency'],
    ['PATCH', '/settings', { payoutFee: '1.9 CNY' }, 'payoutFee'],
    ['PATCH', '/settings', { deliverLess: -1 }, 'deliverLess'],
    ['PATCH', '/settings', { returns: 'never' }, 'returns'],
    ['PATCH', '/settings', { returnFees: 'no' }, 'returnFees'],
    ['PATCH', '/settings', { feeRates: { payouts: 1 } }, 'feeRates.payouts'],
    ['PATCH', '/settings', [], 'body'],
  ])('%s %s %j names the field %s', async (method, path, body, field) => {
    const client = await startClient();
    const answer = await client.control<ErrorBody>(method, path, body);
    expect([answer.status, answer.body.field]).toEqual([400, field]);
  });

  test('takes an amount as a decimal text too, where the API wants a number', async () => {
    const client = await startClient();
    expect((await client.control('POST', '/deposits', { currency: 'CNY', amount: '5000.10' })).status).toBe(
      200,
    );
    expect((await client.api('GET', '/balances/show?currency=CNY')).text).toContain('"available":5000.1,');
    const payout = { amount: '2000', currency: 'CNY', destination: ALIPAY };
    expect((await client.api('POST', '/payouts', payout)).status).toBe(400);
  });

  test('needs no key and answers 404 for what it does not know', async () => {
    const client = await startClient();
    expect((await client.control('GET', '/state')).status).toBe(200);
    for (const path of ['/nothing', '/events/x']) {
      expect((await client.control('GET', path)).status).toBe(404);
    }
    const actions = [
      ...['/payouts/x/advance', '/payouts/x/return', '/payouts/x/forget', '/payouts/x/overwrite'],
      ...['/orders/x/forget', '/deposits/x/forget', '/deposits/x/confirm', '/events/x/resend'],
    ];
    for (const path of actions) {
      const body = path.endsWith('/advance') ? { status: 'paid' } : undefined;
      expect((await client.control('POST', path, body)).status).toBe(404);
    }
  });

  test('a refused change of settings changes nothing', async () => {
    const client = await startClient();
    const before = (await client.control('GET', '/settings')).body;
    await client.control('PATCH', '/settings', { livemode: false, feeSide: 'both' });
    expect((await client.control('GET', '/settings')).body).toEqual(before);
  });

  test('settings, prices and wallets show in the API', async () => {
    const client = await startClient();
    await client.control('PATCH', '/settings', {
      feeRates: { payout: 0.01, trade: 0.002 },
      payoutLimit: { currency: 'USDT', min: 10 },
      wallets: [
        { currency: 'USDT', addr: '0x1' },
        { currency: 'BTC', addr: 'bc1' },
      ],
    });
    await client.control('POST', '/price', { symbol: 'USDT/PHP', bid: 56.1, ask: 56.2 });
    expect((await client.api('GET', '/accounts/show')).body).toMatchObject({
      feeRates: { payout: 0.01, pay: 0, withdrawToken: 0, trade: 0.002 },
      limit: { payout: { currency: 'USDT', min: 10 } },
      wallets: [{ addr: '0x1' }, { addr: 'bc1' }],
    });
    expect(await client.balance('BTC')).toEqual({ available: 0, pending: 0 });
    const ticker = await client.api('GET', '/markets/ticker?symbol=USDT/PHP&side=ask');
    expect(ticker.body).toMatchObject({ ask: 56.2 });
    expect((await client.control('GET', '/settings')).text).not.toContain(API_KEY);
  });

  test('an account with one currency shows one balance object', async () => {
    const client = await startClient({}, { symbols: [] });
    expect((await client.api('GET', '/balances/show')).body).toMatchObject({
      object: 'balance',
      currency: 'USDT',
    });
    await client.deposit('CNY', 5);
    expect((await client.api('GET', '/balances/show')).body).toMatchObject({ object: 'list' });
    const symbols = [{ symbol: 'USDT/PHP', bid: 56.1, ask: 56.2 }];
    expect((await client.control('PATCH', '/settings', { symbols })).body).toMatchObject({ symbols });
    expect((await client.api('GET', '/markets/ticker?symbol=USDT/CNY&side=bid')).status).toBe(400);
  });

  test('latency is taken back by setting none', async () => {
    const client = await startClient();
    const endpoint = 'GET /api/v1/charges';
    const set = await client.control('POST', '/latency', { ms: 600_000, endpoint });
    expect(set.body).toEqual({ ms: 0, byEndpoint: { [endpoint]: 600_000 } });
    expect((await client.control('POST', '/latency', { ms: 0 })).body).toEqual({ ms: 0, byEndpoint: {} });
    expect((await client.api('GET', '/charges')).status).toBe(200);
  });
});

describe('start and close', () => {
  test('a port in use is refused, and leaves nothing running', async () => {
    const client = await startClient();
    await expect(startSimulator({ apiKey: API_KEY, port: client.simulator.port })).rejects.toThrow(
      'EADDRINUSE',
    );
  });

  test('closing cuts a webhook that nobody answers, and no clock ticks on', async () => {
    const timeouts = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const receiver = createServer((socket) => socket.on('error', () => undefined).resume());
    const arrived = new Promise<Socket>((resolve) => receiver.once('connection', resolve));
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const before = timeouts();
    const client = await startClient(
      { settleAfterMs: 600_000, webhookUrl: `http://127.0.0.1:${port}` },
      null,
    );
    await client.deposit('CNY', 10_000, { pendingMs: 600_000 });
    await client.deposit('CNY', 10_000);
    await client.pay(2000);
    const socket = await arrived;
    const cut = new Promise((resolve) => socket.once('close', resolve));
    expect(timeouts()).toBeGreaterThan(before + 2);
    await client.simulator.close();
    await cut;
    await new Promise((resolve) => receiver.close(resolve));
    expect(timeouts()).toBeLessThanOrEqual(before);
  });

  test('closing twice is closing once, and does not wait for silent connections', async () => {
    const client = await startClient();
    const socket = connect(client.simulator.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write('POST /api/v1/payouts HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n');
    await Promise.all([client.simulator.close(), client.simulator.close()]);
    await gone;
  });
});
