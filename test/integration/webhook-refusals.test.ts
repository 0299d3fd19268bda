import { request, type IncomingMessage } from 'node:http';
import { signEvent } from '../../src/simulator/webhook-signer.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { deliver, newEvent, stored, storedAs, type Signing } from '../support/webhook-deliveries.js';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startTestEngine({ worker: false, webhooks: false });
});
afterAll(() => engine.stop());

describe('refused, and nothing of it is stored', () => {
  const event = newEvent('charge.closed', { id: 'c-1' });

  test.each<[string, Signing]>([
    ['without a signature', { signature: null }],
    ['with an empty signature', { signature: '' }],
    ['with another signature', { signature: '0'.repeat(32) }],
    ['signed with another key', { key: 'not-the-key' }],
    ['signed by the other algorithm', { algorithm: 'hmac-sha256' }],
    ['signed in lower case', { signature: signEvent(event, CANARY_API_KEY, 'md5').toLowerCase() }],
  ])('%s', async (_name, signing) => {
    const answer = await deliver(engine, event, signing);
    expect(answer.status).toBe(401);
    expect(JSON.stringify(answer.body)).not.toContain(CANARY_API_KEY);
    expect(await stored(engine, event)).toBeUndefined();
  });

  test('changed after it was signed', async () => {
    const signature = signEvent(event, CANARY_API_KEY, 'md5');
    const changed = { ...event, type: 'payout.paid' };
    expect((await deliver(engine, changed, { signature })).status).toBe(401);
  });

  test('no JSON object: nothing that could carry a signature', async () => {
    for (const body of ['{"id": ', '[]', 'null']) {
      expect((await deliver(engine, body, { signature: '0'.repeat(32) })).status).toBe(401);
    }
  });

  test('too large', async () => {
    const large = newEvent('charge.closed', { id: 'c-2', note: 'x'.repeat(300_000) });
    expect((await deliver(engine, large)).status).toBe(413);
    expect(await stored(engine, large)).toBeUndefined();
  });

  test.each([
    ['id', { id: '' }],
    ['id', { id: 7 }],
    ['type', { type: null }],
    ['type', { type: true }],
    ['livemode', { livemode: 'true' }],
    ['data', { data: '{"id":"c-1"}' }],
    ['data', { data: ['c-1'] }],
  ])('authentic, and its %s is no such thing: it is named', async (field, change) => {
    const answer = await deliver(engine, { ...event, ...change });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(field);
    expect(await stored(engine, event)).toBeUndefined();
  });

  test('authentic, and a member is there twice', async () => {
    const whole = JSON.stringify(event);
    const data = '{"id":"c-2","id":"c-1"}';
    const twice = [
      [whole.replace('{', '{"id":"other",'), { ...event, id: `other&id=${event.id}` }],
      [whole.replace('{"id":"c-1"}', data), { ...event, data }],
    ] as const;
    for (const [body, signed] of twice) {
      const signature = signEvent(signed, CANARY_API_KEY, 'md5');
      expect((await deliver(engine, body, { signature })).status).toBe(400);
    }
    expect(await stored(engine, event)).toBeUndefined();
  });
});

test('K34: signed over the text as received, with names that look like integers', async () => {
  const event = newEvent('payout.pending', '{"id":"po_1","b":1,"10":2,"2":3}');
  const body = JSON.stringify(event).replace(JSON.stringify(event.data), event.data);
  const signature = signEvent(event, CANARY_API_KEY, 'md5');
  expect((await deliver(engine, body, { signature })).status).toBe(200);
});

test('K35: a captured event with a text for its livemode, sent first, does not keep out the true one', async () => {
  const event = newEvent('payout.pending', { id: 'po_1' });
  const signature = signEvent(event, CANARY_API_KEY, 'md5');
  expect((await deliver(engine, { ...event, livemode: 'true' }, { signature })).status).toBe(400);
  expect(await storedAs(engine, event)).toEqual([]);
  expect((await deliver(engine, event, { signature })).status).toBe(200);
  expect(await storedAs(engine, event)).toHaveLength(1);
});

describe('K38: refused before the body is read', () => {
  /** Announces a body and sends none of it: whoever wants to read it first waits for ever. */
  function announce(bytes: number, headers: Record<string, string | string[]>): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const upload = request(`${engine.apiUrl}/webhooks/qbitpay`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': bytes, ...headers },
      });
      upload.on('response', (response) => {
        resolve(response);
        upload.destroy();
      });
      upload.on('error', reject);
      upload.flushHeaders();
    });
  }
  const SIGNATURE = 'A'.repeat(32);

  test.each<[string, Record<string, string | string[]>]>([
    ['no signature', {}],
    ['an empty one', { 'QbitPay-Signature': '' }],
    ['one of another algorithm', { 'QbitPay-Signature': 'A'.repeat(64) }],
    ['one in lower case', { 'QbitPay-Signature': 'a'.repeat(32) }],
    ['two', { 'QbitPay-Signature': [SIGNATURE, SIGNATURE] }],
  ])('255 KiB with %s', async (_name, headers) => {
    const { statusCode } = await announce(255 * 1024, headers);
    expect(statusCode).toBe(401);
  });

  test('larger than is accepted', async () => {
    expect((await announce(256 * 1024 + 1, { 'QbitPay-Signature': SIGNATURE })).statusCode).toBe(413);
  });

  test('who sends all of it all the same gets the answer', async () => {
    const large = newEvent('charge.closed', { note: 'x'.repeat(255 * 1_000) });
    for (let upload = 0; upload < 20; upload += 1) {
      expect((await deliver(engine, large, { signature: null })).status).toBe(401);
    }
  });
});
