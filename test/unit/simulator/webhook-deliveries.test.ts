import { createHash } from 'node:crypto';
import {
  ALIPAY,
  API_KEY,
  closeEverything,
  eventDelivered,
  type ListOf,
  type ReceivedEvent,
  startClient,
  startReceiver,
} from './simulator-fixture.js';

afterEach(closeEverything);

/** The contract's rule, written down once more for the test. */
function md5Signature(text: string, key: string): string {
  const event = JSON.parse(text) as Record<string, unknown>;
  const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const parts = Object.keys(event)
    .sort()
    .map((name) => `${name}=${shown(event[name])}`);
  return createHash('md5')
    .update([...parts, `key=${key}`].join('&'))
    .digest('hex')
    .toUpperCase();
}

const types = (received: readonly ReceivedEvent[]): string[] => received.map((one) => one.event.type);

describe('events', () => {
  test('every status change is announced, signed, with the status of its moment', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url, settleAfterMs: 1 }, {});
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000, { description: '租金', externalOrderId: 'p-1' })).body;
    const received = await receiver.count(4);
    expect(types(received).sort()).toEqual([
      'deposit.confirmed',
      'payout.inTransition',
      'payout.paid',
      'payout.pending',
    ]);
    const statusOf = new Map(received.map((one) => [one.event.type, one.event.data.status]));
    expect(statusOf.get('payout.pending')).toBe('pending');
    expect(statusOf.get('payout.inTransition')).toBe('inTransit');
    expect(statusOf.get('payout.paid')).toBe('paid');
    for (const one of received) {
      expect(one.headers['qbitpay-signature']).toBe(md5Signature(one.text, API_KEY));
      expect(one.event).toMatchObject({ object: 'event', pendingWebhooks: 0, livemode: true });
    }
    const payout = await client.api('GET', `/payouts/${id}`);
    const paid = received.find((one) => one.event.type === 'payout.paid')!;
    expect(paid.event.data).toEqual(payout.body);
  });

  test('a deposit notice has the shape of the contract', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url, livemode: false });
    const deposit = await client.deposit('USDT', 250.5, { txHash: '0xabc' });
    const [received] = await receiver.type('deposit.confirmed');
    expect(received!.event.livemode).toBe(false);
    expect(received!.event.data).toEqual({
      id: deposit.id,
      object: 'deposit',
      currency: 'USDT',
      amount: 250.5,
      addr: '0x31C27642169B61ceD340Ba99643CC3EAd729321F',
      txHash: '0xabc',
      confirmations: 12,
      status: 'confirmed',
      createdAt: expect.any(String) as string,
    });
  });

  test('notices can lie, and money can come without one', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.deposit('USDT', 11, { notify: false });
    await client.deposit('USDT', 500, { money: false });
    await client.deposit('USDT', 20, { announcedAmount: 2000 });
    const received = await receiver.count(2);
    expect(received.map((one) => one.event.data.amount).sort()).toEqual([2000, 500]);
    expect(await client.balance('USDT')).toEqual({ available: 31, pending: 0 });
    expect((await client.control<ListOf<unknown>>('GET', '/events')).body.data.length).toBe(2);
  });

  test('an unconfirmed deposit is announced at its confirmation', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    const deposit = await client.deposit('USDT', 11, { confirm: false });
    expect((await client.control<ListOf<unknown>>('GET', '/events')).body.data).toEqual([]);
    await client.control('POST', `/deposits/${deposit.id}/confirm`);
    expect((await receiver.count(1))[0]!.event.data.id).toBe(deposit.id);
  });

  test('without a URL events are kept, and delivered in order once there is one', async () => {
    const receiver = await startReceiver();
    const client = await startClient();
    const first = await client.deposit('USDT', 1);
    const second = await client.deposit('USDT', 2);
    const kept = await client.control<ListOf<{ delivery: string }>>('GET', '/events?delivery=waiting');
    expect(kept.body.data.length).toBe(2);
    await client.control('PATCH', '/settings', { webhookUrl: receiver.url });
    const received = await receiver.count(2);
    expect(received.map((one) => one.event.data.id).sort()).toEqual([first.id, second.id].sort());
  });

  test('HMAC-SHA256 is the other algorithm, and a rotated key signs what follows', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url, webhookAlgorithm: 'hmac-sha256' });
    await client.deposit('USDT', 1);
    expect((await receiver.count(1))[0]!.headers['qbitpay-signature']).toMatch(/^[0-9A-F]{64}$/);
    await client.control('PATCH', '/settings', { webhookAlgorithm: 'md5', apiKey: 'rotated' });
    await client.deposit('USDT', 2);
    const [, second] = await receiver.count(2);
    expect(second!.headers['qbitpay-signature']).toBe(md5Signature(second!.text, 'rotated'));
  });
});

describe('the retry schedule', () => {
  test('a refused event is tried five times more with the same body, then never again', async () => {
    const receiver = await startReceiver();
    receiver.answer = () => 500;
    const client = await startClient({ webhookUrl: receiver.url, webhookTimeScale: 0.000001 });
    await client.deposit('USDT', 1);
    const received = await receiver.count(6);
    expect(new Set(received.map((one) => one.text)).size).toBe(1);
    const event = await eventDelivered(client, received[0]!.event.id, 'abandoned');
    expect(event.attempts.map((one) => one.status)).toEqual([500, 500, 500, 500, 500, 500]);
    expect(event.nextAttemptAt).toBeNull();
    expect(receiver.received.length).toBe(6);
  });

  test('an acknowledgement ends it', async () => {
    const receiver = await startReceiver();
    receiver.answer = () => (receiver.received.length < 3 ? 302 : 204);
    const client = await startClient({ webhookUrl: receiver.url, webhookTimeScale: 0.000001 });
    await client.deposit('USDT', 1);
    const received = await receiver.count(3);
    const event = await eventDelivered(client, received[0]!.event.id, 'acknowledged');
    expect(event.attempts.map((one) => one.status)).toEqual([302, 302, 204]);
  });

  test('the next try is 15 minutes later by default, also when nobody listens', async () => {
    const client = await startClient({ webhookUrl: 'http://127.0.0.1:9/closed' });
    await client.deposit('USDT', 1);
    const events = await client.control<ListOf<{ id: string }>>('GET', '/events');
    for (;;) {
      const event = await eventDelivered(client, events.body.data[0]!.id, 'scheduled');
      if (event.attempts.length === 0) continue;
      expect(event.attempts).toMatchObject([{ status: null, extra: false }]);
      const waitMs = Date.parse(event.nextAttemptAt!) - Date.parse(event.attempts[0]!.at);
      expect(waitMs).toBeGreaterThanOrEqual(15 * 60_000);
      // A re-send by hand is not part of the schedule.
      await client.control('POST', `/events/${event.id}/resend`);
      const later = await eventDelivered(client, event.id, 'scheduled');
      expect(later.attempts.map((one) => one.extra)).toEqual([false, true]);
      expect(later.nextAttemptAt).toBe(event.nextAttemptAt);
      return;
    }
  });
});

describe('webhook faults and control', () => {
  test('a lost event is never sent, unless asked for by hand', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.control('POST', '/faults', { kind: 'webhookLost', eventType: 'deposit.confirmed' });
    const lost = await client.deposit('USDT', 1);
    const sent = await client.deposit('USDT', 2);
    expect((await receiver.count(1)).map((one) => one.event.data.id)).toEqual([sent.id]);
    const events = await client.control<ListOf<{ id: string }>>('GET', `/events?subject=${lost.id}`);
    const { id } = events.body.data[0]!;
    expect((await eventDelivered(client, id, 'lost')).attempts).toEqual([]);
    const resent = await client.control('POST', `/events/${id}/resend`);
    expect(resent.body).toMatchObject({ id, attempt: { status: 200, extra: true } });
    expect(receiver.received.length).toBe(2);
  });

  test('a doubled event arrives twice with one id', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.control('POST', '/faults', { kind: 'webhookDoubled' });
    await client.deposit('USDT', 1);
    const received = await receiver.count(2);
    expect(received[0]!.text).toBe(received[1]!.text);
  });

  test('held events come when released, in the order asked for', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.control('POST', '/faults', { kind: 'webhookHeld', times: 2 });
    const ids = [];
    for (const amount of [1, 2, 3]) ids.push((await client.deposit('USDT', amount)).id);
    expect((await receiver.count(1)).map((one) => one.event.data.id)).toEqual([ids[2]]);
    const released = await client.control('POST', '/events/release', { order: 'newestFirst' });
    expect(released.body).toEqual({ released: 2 });
    const received = await receiver.count(3);
    expect(new Set(received.map((one) => one.event.data.id))).toEqual(new Set(ids));
    expect((await client.control('POST', '/events/release')).body).toEqual({ released: 0 });
  });

  test('a delayed event comes later than those after it, a stale one shows a pending payout', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    await client.control('POST', '/faults', { kind: 'webhookDelayed', delayMs: 600_000 });
    await client.deposit('CNY', 10_000);
    const { id } = (await client.pay(2000)).body;
    await client.control('POST', '/faults', { kind: 'webhookStale', eventType: 'payout.paid' });
    await client.control('POST', `/payouts/${id}/advance`, { status: 'paid' });
    const [paid] = await receiver.type('payout.paid');
    expect(paid!.event.data.status).toBe('pending');
    expect(types(receiver.received)).not.toContain('deposit.confirmed');
    const delayed = await client.control<ListOf<{ delivery: string; nextAttemptAt: string }>>(
      'GET',
      '/events?type=deposit.confirmed',
    );
    expect(delayed.body.data[0]).toMatchObject({ delivery: 'scheduled', attempts: [] });
  });

  test.each([
    ['valid', true],
    ['wrong', false],
  ])('a forged event with a %s signature', async (signature, verifies) => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    const forged = {
      type: 'payout.paid',
      data: { id: 'x', amount: 1.5 },
      signature,
      id: 'evt-1',
      livemode: false,
    };
    const answer = await client.control('POST', '/events/forge', forged);
    expect(answer.body).toMatchObject({ id: 'evt-1', attempt: { status: 200 } });
    const [received] = receiver.received;
    expect(received!.event).toMatchObject({ id: 'evt-1', livemode: false, data: { id: 'x', amount: 1.5 } });
    expect(received!.headers['qbitpay-signature'] === md5Signature(received!.text, API_KEY)).toBe(verifies);
  });

  test('a forged event can be unsigned; its id must be new', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url });
    const forged = { type: 'payout.paid', data: {}, signature: 'none', id: 'evt-1' };
    await client.control('POST', '/events/forge', forged);
    expect(receiver.received[0]!.headers).not.toHaveProperty('qbitpay-signature');
    expect((await client.control('POST', '/events/forge', forged)).status).toBe(400);
  });

  test('the test event goes to its own URL, not live and not retried', async () => {
    const receiver = await startReceiver();
    receiver.answer = () => 500;
    const client = await startClient({ webhookTimeScale: 0 });
    const cbUrl = encodeURIComponent(receiver.url);
    const answer = await client.api<{ id: string }>('GET', `/events/test?cbUrl=${cbUrl}`);
    expect(answer.status).toBe(200);
    const [received] = await receiver.count(1);
    expect(received!.event).toMatchObject({ id: answer.body.id, livemode: false });
    expect((await eventDelivered(client, answer.body.id, 'abandoned')).attempts.length).toBe(1);
    expect((await client.api('GET', '/events/test?cbUrl=file:///etc')).status).toBe(400);
    expect((await client.api('GET', '/events/test')).status).toBe(400);
  });

  test('a payout to a failing end announces payout.failed and no payout.paid', async () => {
    const receiver = await startReceiver();
    const client = await startClient({ webhookUrl: receiver.url, settleAfterMs: 1 }, {});
    await client.deposit('CNY', 10_000);
    await client.pay(2000, { destination: { ...ALIPAY, payerName: 'SIMULATE FAILED' } });
    await receiver.type('payout.failed');
    expect(types(await receiver.count(4))).not.toContain('payout.paid');
  });
});
