import { MockActivityEnvironment } from '@temporalio/testing';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient } from '../../src/qbitpay/client.js';
import { openStore } from '../../src/store/store.js';
import { withCrashPoints } from './with-crash-points.js';
import type { OrderRecord, ProviderPayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** The engine's own parts: nothing of them is called before it is replaced. */
const store = openStore({ url: 'postgres://nobody@127.0.0.1:1/none', onIdleError: () => undefined });
const qbitpay = createQbitPayClient({
  baseUrl: 'http://127.0.0.1:1',
  apiKey: createStaticApiKey('sk_test_none'),
});
const parts = { store, qbitpay };

afterAll(async () => {
  qbitpay.close();
  await store.close();
});

const nothing = (): Promise<void> => Promise.resolve();

/** The same parts, whose call answers so; and what happened, in order. */
function watch<Group extends 'requests' | 'payouts'>(
  group: Group,
  call: keyof (typeof store)[Group],
  answer: unknown,
) {
  const happened: string[] = [];
  const answered = (): Promise<unknown> => {
    happened.push('call');
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const watched = { ...parts, store: { ...store, [group]: { ...store[group], [call]: answered } } };
  const note = (point: string): Promise<void> => Promise.resolve(void happened.push(point));
  return { happened, ...withCrashPoints(watched, 'worker', note) };
}

const ORDER = { operation: 'order', externalOrderId: 'p-1' } as const;
const PAYOUT = { operation: 'payout', externalOrderId: 'p-1' } as const;
const ASKED = { amount: '1', currency: 'CNY' };
const SENDER = { runId: 'run-1', seen: { startWish: '0', place: undefined } };

test('each crash point is at a call that the engine makes', () => {
  expect(() => withCrashPoints(parts, 'worker', nothing)).not.toThrow();
  expect(() => withCrashPoints({ store }, 'api', nothing)).not.toThrow();
});

test('parts that have no such call are refused', () => {
  const { reserveFunds, ...payouts } = store.payouts;
  expect(reserveFunds).toBeDefined();
  const without = { ...parts, store: { ...store, payouts } as typeof store };
  expect(() => withCrashPoints(without, 'worker', nothing)).toThrow(
    /store\.payouts\.reserveFunds: no such call/,
  );
});

test('a process comes before a call, or after it, as its operation says', async () => {
  const guard = watch('requests', 'claim', 1);
  await guard.store.requests.claim(ORDER, SENDER, ASKED);
  await guard.store.requests.claim(PAYOUT, SENDER, ASKED);
  expect(guard.happened).toEqual(['call', 'orderAfterGuard', 'call', 'payoutAfterGuard']);

  const entered = watch('requests', 'prepare', false);
  await entered.store.requests.prepare('p-1', PAYOUT, 'sending');
  expect(entered.happened).toEqual(['payoutBeforeGuard', 'call']);
});

const SOLD: OrderRecord = {
  externalOrderId: 'p-1',
  providerOrderId: 'o-1',
  symbol: 'USDT/CNY',
  ...{ amount: '1', price: '7', quoteAmount: '7', fee: '0', status: 'filled' },
};
const SENT: ProviderPayoutRecord = {
  externalOrderId: 'p-1',
  providerPayoutId: 'pp-1',
  currency: 'CNY',
  ...{ postAmount: '7', recipientAmount: '7', fee: '0', status: 'pending' },
};

test.each([
  ['placeOrder', 'an order', SOLD, ['call', 'orderRecorded']],
  ['createPayout', 'a payout', SENT, ['call', 'payoutRecorded']],
  ['resolveOutcome', 'an order', SOLD, ['outcomeFound', 'call', 'orderRecorded']],
  ['resolveOutcome', 'a payout', SENT, ['outcomeFound', 'call', 'payoutRecorded']],
])('%s writes %s that was accepted', async (activityType, _what, accepted, points) => {
  const { store, happened } = watch('requests', 'accept', 'in_transit');
  await new MockActivityEnvironment({ activityType }).run(() => store.requests.accept('p-1', accepted));
  expect(happened).toEqual(points);
});

test('a call that came to nothing is no crash point', async () => {
  const refused = watch('requests', 'claim', undefined);
  await refused.store.requests.claim(PAYOUT, SENDER, ASKED);
  expect(refused.happened).toEqual(['call']);

  const waiting = watch('payouts', 'reserveFunds', 'awaiting_balance');
  await waiting.store.payouts.reserveFunds('p-1');
  expect(waiting.happened).toEqual(['call']);

  const failed = watch('payouts', 'reserveFunds', new Error('no database'));
  await expect(failed.store.payouts.reserveFunds('p-1')).rejects.toThrow('no database');
  expect(failed.happened).toEqual(['call']);
});

test('each process has crash points of its own', async () => {
  const points: string[] = [];
  const note = (point: string): Promise<void> => Promise.resolve(void points.push(point));
  const storeWebhook: typeof store.webhooks.storeWebhook = () => Promise.resolve(undefined);
  const storing = { store: { ...store, webhooks: { ...store.webhooks, storeWebhook } } };
  const event = { webhookEventId: 'e-1', type: 'test', livemode: true, body: Buffer.from('{}') };
  const subject = { kind: 'none', state: 'ignored', detail: '' } as const;
  await withCrashPoints({ ...parts, ...storing }, 'worker', note).store.webhooks.storeWebhook(event, subject);
  expect(points).toEqual([]);
  await withCrashPoints(storing, 'api', note).store.webhooks.storeWebhook(event, subject);
  expect(points).toEqual(['webhookReceived', 'webhookStored']);
});
