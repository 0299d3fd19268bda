import { randomUUID } from 'node:crypto';
import type { Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { expectConvertedAndPaidOnce, orderFault, requestsTo, TICKER } from '../support/provider-requests.js';
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

test('a rate limit: each further request waits as long as the provider asked for', async () => {
  const before = (await requestsTo(engine, TICKER)).length;
  await fault('rate_limit_error', TICKER, { times: 3, retryAfterSeconds: 1 });
  const payoutId = newId();
  const opening = engine.open({ payoutId });
  await engine.until(payoutId, ({ holdReason }) => holdReason === 'RATE_LIMITED');
  expect((await opening).status).toBe('awaiting_deposit');

  // After the activity's own attempts it is the workflow that waits, as long.
  const times = (await requestsTo(engine, TICKER)).slice(before).map(({ at }) => Date.parse(at));
  expect(times).toHaveLength(4);
  for (const [index, time] of times.slice(1).entries()) {
    expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(990);
  }
});

test('faults of the provider and of proxies before it delay a payout and change nothing else', async () => {
  await fault('api_error', 'GET /api/v1/accounts/show');
  const { payoutId, ...opened } = await engine.open();
  await fault('status', 'GET /api/v1/balanceTransactions', { status: 502 });
  await fault('api_error', TICKER, { status: 503, wrapped: true });
  await fault('notJson', 'GET /api/v1/orders');
  await fault('truncated', 'GET /api/v1/payouts');
  // Of these the sync may save some.
  await fault('notJson', 'GET /api/v1/orders/{id}');
  await fault('truncated', 'GET /api/v1/payouts/{id}');
  await fault('invalid_request_error', 'GET /api/v1/payouts/{id}', { status: 404 });
  await engine.fund(opened);
  await engine.untilStatus(payoutId, 'paid');
  const { data } = await engine.control('GET', '/faults');
  expect(data.filter(({ endpoint }: Json) => !endpoint.endsWith('/{id}'))).toEqual([]);
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('an outage while the payout opens, and another one while it is on its way', async () => {
  proxy.cutOff();
  const payoutId = newId();
  const opening = engine.open({ payoutId });
  await engine.until(payoutId, ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE');
  await proxy.letThrough();

  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
  await engine.fund(await opening);
  const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
  proxy.cutOff();
  // It asks for nothing itself: that it cannot be read stands with the mirror.
  await untilAnswer(
    () => engine.api('GET', '/v1/provider'),
    ({ body }) => /QbitPayConnectionError/.test(body.problem),
    'the sync cut off',
  );
  await proxy.letThrough();
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
  expect((await engine.untilStatus(payoutId, 'paid')).holdReason).toBeNull();
  await expectConvertedAndPaidOnce(engine, payoutId);
});
