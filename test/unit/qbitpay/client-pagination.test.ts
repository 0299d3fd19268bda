import type { ServerResponse } from 'node:http';
import { createStaticApiKey } from '../../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../../src/qbitpay/client.js';
import {
  json,
  startRecordingServer,
  type RecordedRequest,
  type RecordingServer,
} from './recording-server.js';

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

/** Charges c1 (oldest) to c<count>, newest first, cut as the contract says (section Lists). */
function listing(count: number) {
  const ids = Array.from({ length: count }, (_, index) => `c${count - index}`);
  return (request: RecordedRequest, response: ServerResponse) => {
    const query = new URL(request.url, 'http://x').searchParams;
    const limit = Number(query.get('limit') ?? 10);
    const after = query.get('starting_after');
    const before = query.get('ending_before');
    const older = after === null ? ids : ids.slice(ids.indexOf(after) + 1);
    const page = before === null ? older.slice(0, limit) : ids.slice(0, ids.indexOf(before)).slice(-limit);
    json(listOf(page))(request, response);
  };
}
const listOf = (ids: readonly string[]) => {
  const data = ids.map((id) => ({ id, object: 'charge', status: 'closed', amount: 1, currency: 'USD' }));
  return JSON.stringify({ object: 'list', url: '/api/v1/charges', data });
};

async function collect(charges: AsyncIterable<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const charge of charges) ids.push(charge.id);
  return ids;
}
const upwards = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `c${from + index}`);

test.each([
  [0, 1],
  [1, 1],
  [99, 1],
  [100, 2],
  [101, 2],
  [250, 3],
])('%d items are walked from new to old in %d pages', async (count, pages) => {
  server.respond = listing(count);
  expect(await collect(client.iterateCharges())).toEqual(upwards(1, count).reverse());
  expect(server.requests).toHaveLength(pages);
  expect(server.requests[0]?.url).toBe('/api/v1/charges?limit=100');
});

test('a walk may start after an item and keeps its filter', async () => {
  server.respond = listing(250);
  const walk = client.iterateCharges({ externalOrderId: 'x' }, { startingAfter: 'c201' });
  expect(await collect(walk)).toEqual(upwards(1, 200).reverse());
  expect(server.requests.map(({ url }) => url)).toEqual([
    '/api/v1/charges?externalOrderId=x&limit=100&starting_after=c201',
    '/api/v1/charges?externalOrderId=x&limit=100&starting_after=c101',
    '/api/v1/charges?externalOrderId=x&limit=100&starting_after=c1',
  ]);
});

test('towards newer items the walk goes on from old to new without a gap', async () => {
  server.respond = listing(250);
  expect(await collect(client.iterateCharges({}, { endingBefore: 'c7' }))).toEqual(upwards(8, 250));
  expect(server.requests.map(({ url }) => url)).toEqual([
    '/api/v1/charges?limit=100&ending_before=c7',
    '/api/v1/charges?limit=100&ending_before=c107',
    '/api/v1/charges?limit=100&ending_before=c207',
  ]);
});

test('a walk that is left early asks for no further page', async () => {
  server.respond = listing(250);
  for await (const charge of client.iterateCharges()) if (charge.id === 'c200') break;
  expect(server.requests).toHaveLength(1);
});

test.each([{ startingAfter: 'c200' }, { endingBefore: 'c200' }, {}])(
  'a provider that repeats the page for %j is noticed',
  async (cursor) => {
    server.respond = json(listOf(upwards(101, 200).reverse()));
    await expect(collect(client.iterateCharges({}, cursor))).rejects.toMatchObject({
      name: 'QbitPayResponseError',
      reason: 'unexpectedShape',
      operation: 'listCharges',
    });
    expect(server.requests.length).toBeLessThanOrEqual(3);
  },
);

test('a page says whether it is the last', async () => {
  server.respond = listing(12);
  const first = await client.listCharges({ limit: 10 });
  expect(first).toMatchObject({ isLast: false });
  expect(first.data).toHaveLength(10);
  const rest = await client.listCharges({ limit: 10, startingAfter: 'c3' });
  expect(rest).toMatchObject({ isLast: true, data: [{ id: 'c2' }, { id: 'c1' }] });
  const newer = await client.listCharges({ limit: 2, endingBefore: 'c3' });
  expect(newer.data.map(({ id }) => id)).toEqual(['c5', 'c4']);
});

test('impossible pages are not asked for', async () => {
  for (const limit of [0, 101, 1.5, Number.NaN]) {
    await expect(client.listCharges({ limit })).rejects.toThrow(RangeError);
  }
  const both = { startingAfter: 'c1', endingBefore: 'c2' };
  await expect(client.listCharges(both)).rejects.toThrow('exclude each other');
  await expect(collect(client.iterateCharges({}, both))).rejects.toThrow('exclude each other');
  expect(server.requests).toHaveLength(0);
});

test('every list can be walked under its own operation', async () => {
  server.respond = json('{"object":"list","data":[{}]}');
  const walks = {
    listBalanceTransactions: client.iterateBalanceTransactions(),
    listOrders: client.iterateOrders(),
    listPayouts: client.iteratePayouts({ status: 'pending', destination: 'm1' }),
    listCharges: client.iterateCharges(),
  };
  for (const [operation, walk] of Object.entries(walks)) {
    await expect(collect(walk)).rejects.toMatchObject({ operation, reason: 'unexpectedShape' });
  }
  expect(server.requests.map(({ url }) => url)).toEqual([
    '/api/v1/balanceTransactions?limit=100',
    '/api/v1/orders?limit=100',
    '/api/v1/payouts?destination=m1&status=pending&limit=100',
    '/api/v1/charges?limit=100',
  ]);
});
