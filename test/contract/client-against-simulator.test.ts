import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BALANCE_TRANSACTION_TYPE } from '../../src/domain/provider-status.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../src/qbitpay/client.js';
import type { ListedItem } from '../../src/qbitpay/schemas.js';
import {
  parseWebhookEvent,
  readDepositEvent,
  readPayoutEvent,
  type WebhookEvent,
} from '../../src/qbitpay/webhook-event.js';
import { verifyWebhook } from '../../src/qbitpay/webhook-signature.js';
import type { QbitPayTimeouts } from '../../src/qbitpay/transport.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';

/**
 * The client and the simulator were built from the contract independently; here they meet. The part that only
 * reads also runs against a real sandbox, where QBITPAY_CONTRACT_BASE_URL and QBITPAY_CONTRACT_API_KEY name one.
 */

const KEY = 'contract-test-key';
const ALIPAY = { type: 'Alipay', payerName: 'Zhang San', bankAccountNum: '13800000000' } as const;
/** A reset keeps the settings: each test begins with these. */
const BASELINE = JSON.stringify({
  settlement: 'manual',
  webhookAlgorithm: 'md5',
  feeRates: { payout: 0.005 },
  symbols: [{ symbol: 'USDT/CNY', bid: 6.97, ask: 6.99 }],
});
/** For answers that never come; whatever else is asked for here must not be late for them. */
const IMPATIENT = { responseMs: 300, readMs: 300 };

/** Page by page until an empty one. */
async function collect<T extends { readonly id: string }>(
  readPage: (startingAfter?: string) => Promise<readonly ListedItem<T>[]>,
  startingAfter?: string,
): Promise<T[]> {
  const found: T[] = [];
  for (let cursor = startingAfter; ;) {
    const page = toObjects(await readPage(cursor));
    if (page.length === 0) return found;
    found.push(...page);
    cursor = page.at(-1)?.id;
  }
}

function toObjects<T>(page: readonly ListedItem<T>[]): T[] {
  return page.map((item) => {
    if (item.kind === 'unreadable') throw new Error(`cannot be read: ${item.problem}`);
    return item.object;
  });
}

/** What may be asked of any account without changing it. */
function readsOf(client: () => QbitPayClient) {
  test('account', async () => {
    const account = await client().getAccount();
    expect(account.feeRates.payout).toMatch(/^\d/);
    expect(account.limit.payout?.min).toMatch(/^\d/);
    expect(account.wallets.length).toBeGreaterThan(0);
  });

  test('balances', async () => {
    expect((await client().listBalances()).length).toBeGreaterThan(0);
  });

  test('ticker, both sides', async () => {
    for (const side of ['ask', 'bid'] as const) {
      const ticker = await client().getTicker({ symbol: 'USDT/CNY', side });
      expect(ticker).toMatchObject({ symbol: 'USDT/CNY', side });
      expect(Math.abs(ticker.timestamp - Date.now())).toBeLessThan(60_000);
      expect(Number(ticker.price)).toBeGreaterThan(0);
    }
  });

  test('every list, and each first item by its id', async () => {
    const { readBalanceTransactionsPage, readOrdersPage, readPayoutsPage } = client();
    const [transaction] = toObjects(await readBalanceTransactionsPage());
    const [order] = toObjects(await readOrdersPage());
    const [payout] = toObjects(await readPayoutsPage());
    if (transaction) expect((await client().getBalanceTransaction(transaction.id)).id).toBe(transaction.id);
    if (order) expect((await client().getOrder(order.id)).id).toBe(order.id);
    if (payout) expect((await client().getPayout(payout.id)).id).toBe(payout.id);
  });

  test('an id that does not exist', async () => {
    await expect(client().getPayout('000000000000000000000000')).rejects.toMatchObject({
      name: 'QbitPayInvalidRequestError',
      status: 404,
    });
  });
}

describe('against the simulator', () => {
  let simulator: Simulator;
  let client: QbitPayClient;
  let impatient: QbitPayClient;
  beforeAll(async () => {
    simulator = await startSimulator({ apiKey: KEY });
    client = clientWith(KEY);
    impatient = clientWith(KEY, IMPATIENT);
  });
  afterAll(async () => {
    client.close();
    impatient.close();
    await simulator.close();
  });
  beforeEach(async () => {
    await control('POST', '/reset');
    await control('PATCH', '/settings', BASELINE);
  });

  function clientWith(key: string, timeouts?: Partial<QbitPayTimeouts>): QbitPayClient {
    return createQbitPayClient({ baseUrl: simulator.url, apiKey: createStaticApiKey(key), timeouts });
  }
  const clientFor = (kind: string) => (kind.startsWith('timeout') ? impatient : client);

  /** Bodies are JSON texts, so that amounts reach the simulator with the digits that the test wrote. */
  async function control(method: string, path: string, body?: string): Promise<string> {
    const init = body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${simulator.url}/_simulator${path}`, { method, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  }
  const deposit = (currency: string, amount: string) =>
    control('POST', '/deposits', `{"currency":"${currency}","amount":${amount}}`);
  const fault = (kind: string, more: object = {}) =>
    control('POST', '/faults', JSON.stringify({ kind, endpoint: '*', ...more }));
  const pay = (amount: string, externalOrderId?: string, payer = client) =>
    payer.createPayout({ amount, currency: 'CNY', destination: ALIPAY, externalOrderId });

  describe('reads of an account that has seen money', () => {
    beforeEach(async () => {
      await control('POST', '/charges', '{"count":4,"currency":"USDT","amount":500,"credited":true}');
      await client.createOrder({ symbol: 'USDT/CNY', side: 'sell', amount: '1000' });
      await pay('2000');
    });
    readsOf(() => client);
  });

  describe('writes', () => {
    test('an order at the quoted price, found by its externalOrderId', async () => {
      await deposit('USDT', '1000.5');
      const { price } = await client.getTicker({ symbol: 'USDT/CNY', side: 'bid' });
      const order = await client.createOrder({
        symbol: 'USDT/CNY',
        side: 'sell',
        amount: '200',
        price,
        externalOrderId: 'pay-1~o2',
      });
      expect(order).toMatchObject({ status: 'filled', amount: '200', price: '6.97', quoteAmount: '1394' });
      expect(await client.getOrder(order.id)).toEqual(order);
      expect(toObjects(await client.readOrdersPage(undefined, { externalOrderId: 'pay-1~o2' }))).toEqual([
        order,
      ]);
      expect(await client.readOrdersPage(undefined, { externalOrderId: 'pay-1' })).toEqual([]);
    });

    test('a price that is not valid any more is refused with 402', async () => {
      await deposit('USDT', '1000');
      const { price } = await client.getTicker({ symbol: 'USDT/CNY', side: 'bid' });
      await control('POST', '/price', '{"symbol":"USDT/CNY","bid":6.5,"ask":6.6,"expireQuotes":true}');
      const order = { symbol: 'USDT/CNY', side: 'sell', amount: '200', price } as const;
      await expect(client.createOrder(order)).rejects.toMatchObject({
        name: 'QbitPayInvalidRequestError',
        operation: 'createOrder',
        status: 402,
        hasErrorObject: true,
      });
    });

    test('a payout from pending to paid, filtered by status', async () => {
      await deposit('CNY', '10000');
      const payout = await pay('2000.10', 'pay-1');
      expect(payout).toMatchObject({
        status: 'pending',
        amount: '2000.1',
        currency: 'CNY',
        externalOrderId: 'pay-1',
      });
      for (const [word, status] of [
        ['inTransit', 'in_transit'],
        ['paid', 'paid'],
      ]) {
        await control('POST', `/payouts/${payout.id}/advance`, `{"status":"${word}"}`);
        expect(await client.getPayout(payout.id)).toMatchObject({ status, externalOrderId: 'pay-1' });
      }
      const paid = await client.readPayoutsPage(undefined, { status: 'paid' });
      expect(toObjects(paid)).toMatchObject([{ id: payout.id }]);
      expect(await client.readPayoutsPage(undefined, { status: 'pending' })).toEqual([]);
    });

    test('a payout that the balance does not cover, and one below the minimum', async () => {
      await expect(pay('5000')).rejects.toMatchObject({ status: 402, hasErrorObject: true });
      await expect(pay('1')).rejects.toMatchObject({ name: 'QbitPayInvalidRequestError', status: 400 });
    });

    test('a balance transaction belongs to what moved the balance', async () => {
      await deposit('CNY', '10000');
      const { id } = await pay('2000');
      const filter = { type: BALANCE_TRANSACTION_TYPE.PAYOUT };
      const [transaction] = toObjects(await client.readBalanceTransactionsPage(undefined, filter));
      expect(transaction).toMatchObject({ type: 'payout', source: id, amount: '-2000' });
      expect(await client.getBalanceTransaction(transaction!.id)).toEqual(transaction);
    });
  });

  describe('digits', () => {
    test.each(['0.000001', '98.1', '123456789012345678', '123456789012345.678901'])(
      'a deposit of %s USDT',
      async (amount) => {
        await deposit('USDT', amount);
        const balances = await client.listBalances();
        expect(balances.find(({ currency }) => currency === 'USDT')?.available).toBe(amount);
        const filter = { type: 'deposit' } as const;
        const [transaction] = toObjects(await client.readBalanceTransactionsPage(undefined, filter));
        expect(transaction).toMatchObject({ amount, net: amount });
      },
    );

    test('a payout of 18 digits', async () => {
      await deposit('CNY', '999999999999999999');
      await control('PATCH', '/settings', '{"feeRates":{"payout":0}}');
      expect(await pay('123456789012345678.91')).toMatchObject({ amount: '123456789012345678.91', fee: '0' });
    });

    test('98.10 reaches the wire as 98.10', async () => {
      await deposit('USDT', '1000');
      await client.createOrder({ symbol: 'USDT/CNY', side: 'sell', amount: '98.10' });
      const journal = await control('GET', '/journal?endpoint=POST%20%2Fapi%2Fv1%2Forders');
      expect(journal).toContain('"amount":98.10');
    });
  });

  describe('pagination over 250 items', () => {
    const more = (count: number) =>
      control('POST', '/charges', `{"count":${count},"currency":"USDT","amount":1,"credited":true}`);
    beforeEach(() => more(250));

    test('from new to old, without a gap or a double, from any item on', async () => {
      const newestFirst = (await collect(client.readBalanceTransactionsPage)).map(({ id }) => id);
      expect(new Set(newestFirst).size).toBe(250);
      const older = await collect(client.readBalanceTransactionsPage, newestFirst[124]);
      expect(older.map(({ id }) => id)).toEqual(newestFirst.slice(125));
    });

    test('items that come while an older part is read disturb nothing', async () => {
      const first = toObjects(await client.readBalanceTransactionsPage());
      await more(30);
      const rest = await collect(client.readBalanceTransactionsPage, first.at(-1)?.id);
      expect(new Set([...first, ...rest].map(({ id }) => id)).size).toBe(250);
    });
  });

  describe('errors', () => {
    const read = (reader = client) => reader.getAccount();

    test.each([
      ['invalid_request_error', { name: 'QbitPayInvalidRequestError', status: 400 }],
      ['authentication_error', { name: 'QbitPayAuthenticationError', status: 401 }],
      ['rate_limit_error', { name: 'QbitPayRateLimitError', status: 429 }],
      ['api_error', { name: 'QbitPayApiError', status: 500 }],
    ])('%s, bare and wrapped', async (type, expected) => {
      for (const wrapped of [false, true]) {
        await fault(type, { wrapped, message: 'because', retryAfterSeconds: 7 });
        await expect(read()).rejects.toMatchObject({
          ...expected,
          words: 'because',
          hasErrorObject: true,
          retryAfterMs: 7_000,
          operation: 'getAccount',
        });
      }
    });

    test.each([
      [429, 'QbitPayRateLimitError'],
      [502, 'QbitPayApiError'],
      [403, 'QbitPayAuthenticationError'],
      [418, 'QbitPayInvalidRequestError'],
    ])('%d with the page of a proxy', async (status, name) => {
      await fault('status', { status });
      await expect(read()).rejects.toMatchObject({ name, status, hasErrorObject: false });
    });

    test('402 api_error: understood and refused', async () => {
      await fault('api_error', { status: 402 });
      await expect(read()).rejects.toMatchObject({
        name: 'QbitPayApiError',
        status: 402,
        hasErrorObject: true,
      });
    });

    test.each([
      ['redirect', { name: 'QbitPayResponseError', reason: 'redirect', status: 302 }],
      ['notJson', { name: 'QbitPayResponseError', reason: 'wrongType', status: 200 }],
      ['truncated', { name: 'QbitPayResponseError', reason: 'truncated', status: 200 }],
      ['timeoutBeforeEffect', { name: 'QbitPayConnectionError', sent: true, code: 'ETIMEDOUT' }],
      ['resetBeforeEffect', { name: 'QbitPayConnectionError', sent: true, code: 'ECONNRESET' }],
    ])('%s', async (kind, expected) => {
      await fault(kind);
      await expect(read(clientFor(kind))).rejects.toMatchObject(expected);
    });

    test.each([
      ['errorAfterEffect', { name: 'QbitPayApiError', hasErrorObject: true }],
      ['statusAfterEffect', { name: 'QbitPayApiError', hasErrorObject: false }],
      ['timeoutAfterEffect', { name: 'QbitPayConnectionError', sent: true }],
      ['resetAfterEffect', { name: 'QbitPayConnectionError', sent: true }],
      ['truncated', { name: 'QbitPayResponseError', reason: 'truncated' }],
      ['notJson', { name: 'QbitPayResponseError', reason: 'wrongType' }],
    ])('%s on a payout: one was created, and one only', async (kind, expected) => {
      await deposit('CNY', '10000');
      await fault(kind, { endpoint: 'POST /api/v1/payouts' });
      await expect(pay('2000', 'pay-1', clientFor(kind))).rejects.toMatchObject(expected);
      expect(toObjects(await client.readPayoutsPage())).toMatchObject([{ externalOrderId: 'pay-1' }]);
    });

    test('a wrong key', async () => {
      const stranger = clientWith('another-key');
      await expect(stranger.getAccount()).rejects.toMatchObject({
        name: 'QbitPayAuthenticationError',
        status: 401,
      });
      stranger.close();
    });

    test('a cursor that names nothing', async () => {
      await expect(client.readPayoutsPage('nothing')).rejects.toMatchObject({
        name: 'QbitPayInvalidRequestError',
        operation: 'listPayouts',
      });
    });
  });

  describe('webhooks', () => {
    interface Delivery {
      readonly rawBody: Buffer;
      readonly signature: string | undefined;
    }
    const deliveries: Delivery[] = [];
    const receiver = createServer((request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const signature = request.headers['qbitpay-signature'] as string | undefined;
        deliveries.push({ rawBody: Buffer.concat(chunks), signature });
        response.end();
        receiver.emit('delivered');
      });
    });
    let webhookUrl: string;
    beforeAll(async () => {
      receiver.listen(0, '127.0.0.1');
      await once(receiver, 'listening');
      webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    });
    afterAll(() => {
      receiver.closeAllConnections();
      receiver.close();
    });
    beforeEach(() => deliveries.splice(0));

    async function delivered(matches: (event: WebhookEvent) => boolean): Promise<Delivery> {
      while (true) {
        const found = deliveries.find(({ rawBody }) => matches(parseWebhookEvent(rawBody)));
        if (found !== undefined) return found;
        await once(receiver, 'delivered');
      }
    }

    test.each(['md5', 'hmac-sha256'] as const)(
      '%s: what is delivered verifies and is read',
      async (algorithm) => {
        const settings = JSON.stringify({ webhookUrl, webhookAlgorithm: algorithm });
        await control('PATCH', '/settings', settings);
        await deposit('CNY', '12345678901234567.89');
        const { rawBody, signature } = await delivered(({ type }) => type === 'deposit.confirmed');
        expect(verifyWebhook({ rawBody, signature, keys: ['old', KEY], algorithm })).toBe(true);
        expect(verifyWebhook({ rawBody, signature, keys: ['old'], algorithm })).toBe(false);
        expect(readDepositEvent(parseWebhookEvent(rawBody), ['deposit.confirmed'])).toMatchObject({
          currency: 'CNY',
          amount: '12345678901234567.89',
        });

        const payout = await pay('2000.5', 'pay-1');
        await control('POST', `/payouts/${payout.id}/advance`, '{"status":"paid"}');
        const paid = await delivered(({ type }) => type === 'payout.paid');
        expect(verifyWebhook({ ...paid, keys: [KEY], algorithm })).toBe(true);
        expect(readPayoutEvent(parseWebhookEvent(paid.rawBody))).toEqual({
          providerPayoutId: payout.id,
          externalOrderId: 'pay-1',
          outcome: 'paid',
        });
      },
    );
  });
});

const baseUrl = process.env['QBITPAY_CONTRACT_BASE_URL'];
const apiKey = process.env['QBITPAY_CONTRACT_API_KEY'];
if (baseUrl === undefined || apiKey === undefined) {
  console.warn(
    'SKIPPED: the contract tests against a real sandbox (set QBITPAY_CONTRACT_BASE_URL and QBITPAY_CONTRACT_API_KEY).',
  );
  test.skip('against a sandbox', () => undefined);
} else {
  describe('against a sandbox', () => {
    const client = createQbitPayClient({ baseUrl, apiKey: createStaticApiKey(apiKey) });
    afterAll(() => client.close());
    readsOf(() => client);
  });
}
