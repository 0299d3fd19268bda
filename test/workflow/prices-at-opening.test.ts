import { randomUUID } from 'node:crypto';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { TICKER } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** Prices that no deposit may be asked for by, and amounts that nobody means. */

let engine: TestEngine;
let proxy: ProviderProxy;

const startEngine = async (): Promise<void> => {
  ({ engine, proxy } = await startEngineBehindProxy({ env: { MAX_PAYOUT_AMOUNT: 'USDT:5000' } }));
};
beforeAll(startEngine);
afterAll(() => engine.stop());
afterEach(() => proxy.rewrite(undefined));

const quote = (change: (ticker: Json) => Json): void =>
  proxy.rewrite((path, body) => (path.startsWith(TICKER) ? change(body) : undefined));
async function create(changes: Json = {}): Promise<Json> {
  const { status, body } = await engine.create(payoutRequest(changes));
  return { status, code: body.code };
}
const untilWaitingFor = (payoutId: string, reason: string): Promise<Json> =>
  untilAnswer(
    async () => (await engine.api('GET', `/v1/payouts/${payoutId}`)).body,
    ({ holdReason }) => holdReason === reason,
    reason,
  );

test('K19: by a price of zero, below zero, of 1e-9 or a hundred times the last one no deposit is asked for', async () => {
  await engine.open();
  for (const bid of [0, -6.97, 1e-9, 697]) {
    quote((ticker) => ({ ...ticker, bid }));
    const payoutId = `p-${randomUUID()}`;
    const created = engine.create(payoutRequest({ payoutId }));
    expect(await untilWaitingFor(payoutId, 'PRICE_IMPLAUSIBLE')).toMatchObject({
      status: 'opening',
      deposit: null,
    });
    proxy.rewrite(undefined);
    expect((await created).status).toBeLessThan(300);
    expect(await engine.untilStatus(payoutId, 'awaiting_deposit')).toMatchObject({ holdReason: null });
  }
});

test.each([
  ['what is to be sent', { amountMode: 'send', amount: '5000.01' }],
  ['what the recipient gets', { currency: 'USDT', amount: '99999999999' }],
])('%s above the ceiling is refused', async (_what, changes) => {
  expect(await create(changes)).toEqual({ status: 422, code: 'ABOVE_MAXIMUM' });
});

test('K18: a payout that is funded while the price is 45 s old says so within 5 s, and goes on with a fresh one', async () => {
  const payout = await engine.open();
  quote((ticker) => ({ ...ticker, timestamp: ticker.timestamp - 45_000 }));
  await engine.fund(payout);
  const fundedAtMs = performance.now();
  await untilWaitingFor(payout.payoutId, 'PRICE_TOO_OLD');
  expect(performance.now() - fundedAtMs).toBeLessThan(5_000);
  proxy.rewrite(undefined);
  expect(await engine.untilStatus(payout.payoutId, 'paid')).toMatchObject({ holdReason: null });
});

describe('K19: the very first price', () => {
  beforeAll(async () => {
    await engine.stop();
    await startEngine();
  });

  test('is 1e-9: what it would ask for is above the ceiling', async () => {
    quote((ticker) => ({ ...ticker, bid: 1e-9 }));
    expect(await create()).toEqual({ status: 422, code: 'ABOVE_MAXIMUM' });
  });
});
