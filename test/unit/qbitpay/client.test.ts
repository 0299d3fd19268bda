import { gzipSync } from 'node:zlib';
import { createStaticApiKey } from '../../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../../src/qbitpay/client.js';
import { QbitPayResponseError } from '../../../src/qbitpay/errors.js';
import { json, startRecordingServer, type RecordingServer } from './recording-server.js';

const DESTINATION = {
  type: 'bankAccount',
  payerName: 'user name',
  bankAccountNum: '444444444444111',
  bankName: 'Chase',
} as const;
/** The contract's own examples. */
const PAYOUT =
  '{"id":"p1","object":"payout","createdAt":"2019-02-23T16:13:12.278Z","amount":98.1,"fee":1.9,"currency":"USD",' +
  '"description":"Payout memo","status":"pending","type":"bankAccount","arrivalDate":"2019-02-25T16:13:12.278Z",' +
  '"externalOrderId":"ba126aa385cd5580","destination":{"id":"m1","object":"bankAccount","payerName":"user name",' +
  '"typeLabel":{"en":"Bank account","zh":"银行转账"}}}';
const ORDER =
  '{"id":"o1","object":"order","createdAt":"2019","symbol":"USDT/CNY","side":"sell","type":"market","amount":200,' +
  '"price":6.97,"quoteAmount":1394,"fee":0,"status":"filled","externalOrderId":"x"}';
const TRANSACTION =
  '{"id":"t1","object":"balanceTransaction","currency":"USD","amount":1000.5,"availableOn":"2019",' +
  '"createdAt":"2019-02-22T16:13:12.278Z","type":"charge","source":"s1","status":"available",' +
  '"description":"This is a memo","fee":1.1,"net":999.4}';
const listOf = (...items: string[]) => `{"object":"list","url":"/","data":[${items.join(',')}]}`;

let server: RecordingServer;
let client: QbitPayClient;
beforeEach(async () => {
  server = await startRecordingServer();
  client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey: createStaticApiKey('sk_test') });
});
afterEach(async () => {
  client.close();
  await server.close();
});

async function answered<T>(text: string, call: () => Promise<T>): Promise<T> {
  server.respond = json(text);
  return call();
}
const lastRequest = () => server.requests.at(-1)!;
const refusal = (reason: string) => ({ name: 'QbitPayResponseError', reason, status: 200 });

test('every request carries the key as Basic user name with an empty password, and asks for JSON', async () => {
  await answered(PAYOUT, () => client.getPayout('p1'));
  const { headers } = lastRequest();
  expect(headers.authorization).toBe(`Basic ${Buffer.from('sk_test:').toString('base64')}`);
  expect(headers.accept).toBe('application/json');
  expect(headers).not.toHaveProperty('accept-encoding');
  expect(headers).not.toHaveProperty('content-type');
});

test('account, with new members kept', async () => {
  const text =
    '{"feeRates":{"payout":0.005,"pay":0,"withdrawToken":0,"trade":0,"vip":0.0010},"limit":{"pay":{"currency":"USDT",' +
    '"min":5,"max":10000},"payout":{"currency":"USDT","min":200}},"wallets":[{"currency":"USDT","addr":"0x31","memo":7}]}';
  expect(await answered(text, () => client.getAccount())).toEqual({
    feeRates: { payout: '0.005', pay: '0', withdrawToken: '0', trade: '0', vip: '0.0010' },
    limit: { pay: { currency: 'USDT', min: '5', max: '10000' }, payout: { currency: 'USDT', min: '200' } },
    wallets: [{ currency: 'USDT', addr: '0x31', memo: '7' }],
  });
  expect(lastRequest().url).toBe('/api/v1/accounts/show');
});

test('balances: one object and a list of them', async () => {
  const balance = '{"id":"b","object":"balance","currency":"USD","available":1000.50,"pending":"100.5"}';
  const expected = { id: 'b', object: 'balance', currency: 'USD', available: '1000.50', pending: '100.5' };
  expect(await answered(balance, () => client.listBalances())).toEqual([expected]);
  expect(lastRequest().url).toBe('/api/v1/balances/show');
  expect(await answered(listOf(balance, balance), () => client.listBalances())).toEqual([expected, expected]);
  const broken = listOf(balance, '{"currency":"USD","available":"much"}');
  await expect(answered(broken, () => client.listBalances())).rejects.toThrow(
    'at data.1.available, data.1.pending',
  );
});

test('balance transactions, of unknown types too', async () => {
  expect(await answered(TRANSACTION, () => client.getBalanceTransaction('t1'))).toMatchObject({
    id: 't1',
    type: 'other',
    typeText: 'charge',
    status: 'available',
    amount: '1000.5',
    fee: '1.1',
    net: '999.4',
    source: 's1',
  });
  const novel =
    '{"id":"t2","currency":"USDT","amount":-5,"type":"airdrop","status":"odd","createdAt":"2019","source":null,"gas":1e-6}';
  const filter = { type: 'payout_failure' } as const;
  const [, second] = await answered(listOf(TRANSACTION, novel), () =>
    client.readBalanceTransactionsPage(undefined, filter),
  );
  expect(second).toMatchObject({
    kind: 'readable',
    object: { type: 'other', typeText: 'airdrop', status: 'unknown', amount: '-5', gas: '0.000001' },
  });
  expect(second?.kind === 'readable' && second.object.source).toBeUndefined();
  expect(lastRequest().url).toBe('/api/v1/balanceTransactions?type=payout_failure&limit=100');
});

test('ticker, by side', async () => {
  const ask = '{"symbol":"USDT/CNY","timestamp":1558062945801,"ask":6.970}';
  const market = { symbol: 'USDT/CNY', side: 'ask' } as const;
  expect(await answered(ask, () => client.getTicker(market))).toEqual({
    symbol: 'USDT/CNY',
    timestamp: 1558062945801,
    side: 'ask',
    price: '6.970',
  });
  expect(lastRequest().url).toBe('/api/v1/markets/ticker?symbol=USDT%2FCNY&side=ask');
  const other = { symbol: 'USDT/CNY', side: 'bid' } as const;
  await expect(answered(ask, () => client.getTicker(other))).rejects.toMatchObject(
    refusal('unexpectedShape'),
  );
  const otherPair = { symbol: 'BTC/CNY', side: 'ask' } as const;
  await expect(answered(ask, () => client.getTicker(otherPair))).rejects.toThrow('at symbol');
});

test('orders', async () => {
  const order = {
    symbol: 'USDT/CNY',
    side: 'sell',
    amount: '200.10',
    price: '6.970',
    externalOrderId: 'x',
  } as const;
  expect(await answered(ORDER, () => client.createOrder(order))).toMatchObject({
    id: 'o1',
    status: 'filled',
    amount: '200',
    price: '6.97',
    quoteAmount: '1394',
    fee: '0',
  });
  expect(lastRequest()).toMatchObject({
    method: 'POST',
    url: '/api/v1/orders',
    body: '{"symbol":"USDT/CNY","side":"sell","amount":200.10,"price":6.970,"externalOrderId":"x"}',
  });
  expect((await answered(ORDER, () => client.getOrder('o1'))).id).toBe('o1');
  const filter = { externalOrderId: 'x' };
  const page = await answered(listOf(ORDER), () => client.readOrdersPage(undefined, filter));
  expect(page).toMatchObject([{ kind: 'readable', object: { id: 'o1' } }]);
  expect(lastRequest().url).toBe('/api/v1/orders?externalOrderId=x&limit=100');
});

test('payouts: the amount goes out as a bare number with the same digits', async () => {
  for (const amount of ['98.10', '0.000001', '123456789012345678', '123456789012345678.12345678']) {
    const payout = { amount, currency: 'USD', destination: DESTINATION, externalOrderId: 'pay~2' };
    await answered(PAYOUT, () => client.createPayout(payout));
    expect(lastRequest().body).toBe(
      `{"amount":${amount},"currency":"USD","destination":${JSON.stringify(DESTINATION)},"externalOrderId":"pay~2"}`,
    );
  }
  expect(lastRequest().headers).toMatchObject({ 'content-type': 'application/json', connection: 'close' });
});

test('payouts: the answer keeps its digits, its words and what is new', async () => {
  const text = PAYOUT.replace('98.1,', '98.10,')
    .replace('"pending"', '"onTheMoon"')
    .replace('"type"', '"trade":{"id":"tr","price":6.970},"type"');
  const payout = await answered(text, () => client.getPayout('p1'));
  expect(payout).toMatchObject({
    id: 'p1',
    amount: '98.10',
    fee: '1.9',
    status: 'unknown',
    statusText: 'onTheMoon',
    externalOrderId: 'ba126aa385cd5580',
    trade: { id: 'tr', price: '6.970' },
    destination: { id: 'm1', payerName: 'user name', typeLabel: { en: 'Bank account', zh: '银行转账' } },
  });
  expect(await answered(PAYOUT, () => client.getPayout('p1'))).not.toHaveProperty('trade');
});

test('payouts: of where it goes the ending of its account is kept, and a currency in lower case is that currency', async () => {
  const shown = PAYOUT.replace('"USD"', '"usd"').replace(
    '"payerName"',
    '"bankAccountNum":444444444444111,"payerName"',
  );
  expect(await answered(shown, () => client.getPayout('p1'))).toMatchObject({
    currency: 'USD',
    accountEnding: '4111',
  });
  expect(await answered(PAYOUT, () => client.getPayout('p1'))).toMatchObject({ accountEnding: null });
});

test('an amount that is no plain decimal never leaves', async () => {
  for (const amount of ['1e3', '-5', '']) {
    const payout = { amount, currency: 'USD', destination: DESTINATION };
    await expect(client.createPayout(payout)).rejects.toThrow(RangeError);
    const order = { symbol: 'USDT/CNY', side: 'sell', amount: '1', price: amount } as const;
    await expect(client.createOrder(order)).rejects.toThrow(RangeError);
  }
  expect(server.requests).toHaveLength(0);
});

test('ids are escaped; those that would change the path are refused', async () => {
  const id = 'a/b?c=d e~f%2e';
  const text = PAYOUT.replace('"p1"', JSON.stringify(id));
  expect((await answered(text, () => client.getPayout(id))).id).toBe(id);
  expect(lastRequest().url).toBe('/api/v1/payouts/a%2Fb%3Fc%3Dd%20e~f%252e');
  const before = server.requests.length;
  for (const impossible of ['', '.', '..']) {
    await expect(client.getPayout(impossible)).rejects.toThrow(RangeError);
  }
  expect(server.requests).toHaveLength(before);
});

test('another object than the one asked for is refused', async () => {
  const call = answered(PAYOUT, () => client.getPayout('p2'));
  await expect(call).rejects.toMatchObject({ ...refusal('unexpectedShape'), operation: 'getPayout' });
});

test.each([
  ['a missing amount', PAYOUT.replace('"amount":98.1,', ''), 'amount'],
  ['an amount in words', PAYOUT.replace('98.1,', '"98,10",'), 'amount'],
  ['an absurd amount', PAYOUT.replace('98.1,', '1e999,'), 'amount'],
  ['a missing status', PAYOUT.replace('"status":"pending",', ''), 'status'],
  ['an empty id', PAYOUT.replace('"p1"', '""'), 'id'],
  ['a list', listOf(PAYOUT), 'id, createdAt, amount, fee, currency'],
  ['a string', '"p1"', 'body'],
])('%s is refused by path, without a value', async (_name, text, paths) => {
  const error: unknown = await answered(text, () => client.getPayout('p1')).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(QbitPayResponseError);
  expect(error).toMatchObject({
    ...refusal('unexpectedShape'),
    message: `Unusable answer from QbitPay (HTTP 200): not the contract's at ${paths}`,
  });
});

test('a base URL may have a path prefix and a slash at its end', async () => {
  const behindProxy = createQbitPayClient({
    baseUrl: `${server.baseUrl}/qbitpay/`,
    apiKey: createStaticApiKey('sk_test'),
  });
  await answered(PAYOUT, () => behindProxy.getPayout('p1'));
  expect(lastRequest().url).toBe('/qbitpay/api/v1/payouts/p1');
  behindProxy.close();
});

test('K16: an answer that is compressed although nobody asked is read', async () => {
  server.respond = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    response.end(gzipSync(PAYOUT));
  };
  expect(await client.getPayout('p1')).toMatchObject({ id: 'p1' });
  expect(server.requests[0]?.headers).not.toHaveProperty('accept-encoding');
});

test("QbitPay's clock is measured by its answers", async () => {
  server.respond = (_request, response) => {
    response.setHeader('date', new Date(Date.now() - 660_000).toUTCString());
    response.writeHead(200, { 'content-type': 'application/json' }).end(PAYOUT);
  };
  expect(client.observed.clockSkewMs).toBeNull();
  await client.getPayout('p1');
  expect(Math.abs((client.observed.clockSkewMs ?? 0) + 660_000)).toBeLessThan(3_000);
  expect(client.observed.requests).toEqual([{ reason: 'step', operation: 'getPayout', requests: 1 }]);
});

test('a request rate spaces the requests', async () => {
  const slow = createQbitPayClient({
    baseUrl: server.baseUrl,
    apiKey: createStaticApiKey('sk_test'),
    maxRequestsPerSecond: 20,
  });
  server.respond = json(PAYOUT);
  const startMs = performance.now();
  await Promise.all([slow.getPayout('p1'), slow.getPayout('p1'), slow.getPayout('p1')]);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(95);
  slow.close();
});
