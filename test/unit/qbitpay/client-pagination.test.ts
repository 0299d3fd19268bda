import { createStaticApiKey } from '../../../src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../../src/qbitpay/client.js';
import { json, startRecordingServer } from './recording-server.js';

test('every list is read a page at a time, under its own operation, with its own filter', async () => {
  const server = await startRecordingServer();
  const client = createQbitPayClient({ baseUrl: server.baseUrl, apiKey: createStaticApiKey('sk_test') });
  server.respond = json('{"object":"something"}');
  const pages = {
    listBalanceTransactions: client.readBalanceTransactionsPage(undefined, { type: 'payout' }),
    listOrders: client.readOrdersPage('o1', { externalOrderId: 'x' }),
    listPayouts: client.readPayoutsPage('p1', { status: 'pending' }),
  };
  for (const [operation, page] of Object.entries(pages)) {
    await expect(page).rejects.toMatchObject({ operation, reason: 'unexpectedShape' });
  }
  expect(server.requests.map(({ url }) => url).sort()).toEqual([
    '/api/v1/balanceTransactions?type=payout&limit=100',
    '/api/v1/orders?externalOrderId=x&limit=100&starting_after=o1',
    '/api/v1/payouts?status=pending&limit=100&starting_after=p1',
  ]);
  client.close();
  await server.close();
});
