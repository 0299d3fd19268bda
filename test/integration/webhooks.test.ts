import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { openStore } from '../../src/store/store.js';
import { signWebhook, type WebhookAlgorithm } from '../../src/qbitpay/webhook-signature.js';
import { noticeOf } from '../support/deposits.js';
import type { Answer, Json } from '../support/engine-client.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { historyOf } from '../support/histories.js';
import { untilAnswer } from '../support/until-answer.js';

const FORMER_KEY = 'the-key-before-the-rotation';

let engine: TestEngine;
beforeAll(async () => {
  // The sync is out of the way: what a payout does here, it does because of an event.
  engine = await startTestEngine({
    worker: false,
    env: {
      PROVIDER_SYNC_INTERVAL_MS: '3600000',
      QBITPAY_WEBHOOK_EXTRA_KEYS: FORMER_KEY,
      WEBHOOK_SWEEP_INTERVAL_SECONDS: '1',
    },
  });
  // Its payouts are paid from what was there before.
  await engine.control('POST', '/deposits', { currency: 'USDT', amount: '100000', notify: false });
  await engine.startWorker();
});
afterAll(() => engine.stop());
afterEach(() => engine.control('DELETE', '/faults'));

const newId = (): string => randomUUID();

function newEvent(type: string, data: Json, changes: Json = {}): Json {
  const createdAt = new Date().toISOString();
  return {
    id: newId(),
    type,
    createdAt,
    object: 'event',
    pendingWebhooks: 0,
    livemode: true,
    data,
    ...changes,
  };
}

interface Signing {
  readonly key?: string;
  readonly algorithm?: WebhookAlgorithm;
  /** Instead of the right one; null for none. */
  readonly signature?: string | null;
}

async function deliver(event: Json, signing: Signing = {}, to = engine): Promise<Answer> {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const { key = CANARY_API_KEY, algorithm = 'md5' } = signing;
  const signature =
    signing.signature === undefined ? signWebhook({ body, key, algorithm }) : signing.signature;
  const headers: Record<string, string> = signature === null ? {} : { 'QbitPay-Signature': signature };
  return to.api('POST', '/webhooks/qbitpay', body, headers);
}

/** By a connection of its own each time: one test cuts them all. */
async function query(sql: string, values: unknown[] = [], url = engine.databaseUrl): Promise<Json[]> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

const stored = async (event: Json): Promise<Json> =>
  (await query('select * from webhook_inbox where webhook_event_id = $1', [event.id]))[0];

const untilState = (event: Json, state: string): Promise<Json> =>
  untilAnswer(
    () => stored(event),
    (row) => row?.state === state,
    `event ${state}`,
  );

async function inTransit(): Promise<{ payoutId: string; providerPayoutId: string }> {
  const payoutId = `p-${newId()}`;
  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
  await engine.open({ payoutId, funding: 'balance' });
  const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
  return { payoutId, providerPayoutId };
}

const paidEvent = (payoutId: string, providerPayoutId: string): Json =>
  newEvent('payout.paid', {
    id: providerPayoutId,
    object: 'payout',
    status: 'paid',
    externalOrderId: payoutId,
  });

async function countSignals(payoutId: string): Promise<number> {
  const events = await historyOf(engine, payoutId);
  return events.filter(
    ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === 'payoutEvent',
  ).length;
}

const statusOf = async (payoutId: string): Promise<string> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status;

describe('refused, and nothing of it is stored', () => {
  const event = newEvent('charge.closed', { id: 'c-1' });

  test.each<[string, Signing]>([
    ['without a signature', { signature: null }],
    ['with an empty signature', { signature: '' }],
    ['with another signature', { signature: '0'.repeat(32) }],
    ['signed with another key', { key: 'not-the-key' }],
    ['signed by the other algorithm', { algorithm: 'hmac-sha256' }],
    [
      'signed in lower case',
      {
        signature: signWebhook({
          body: JSON.stringify(event),
          key: CANARY_API_KEY,
          algorithm: 'md5',
        }).toLowerCase(),
      },
    ],
  ])('%s', async (_name, signing) => {
    const answer = await deliver(event, signing);
    expect(answer.status).toBe(401);
    expect(JSON.stringify(answer.body)).not.toContain(CANARY_API_KEY);
    expect(await stored(event)).toBeUndefined();
  });

  test('changed after it was signed', async () => {
    const signature = signWebhook({ body: JSON.stringify(event), key: CANARY_API_KEY, algorithm: 'md5' });
    expect((await deliver({ ...event, type: 'payout.paid' }, { signature })).status).toBe(401);
  });

  test('no JSON object: nothing that could carry a signature', async () => {
    for (const body of ['{"id": ', '[]', 'null']) {
      expect((await deliver(body, { signature: '0'.repeat(32) })).status).toBe(401);
    }
  });

  test('too large', async () => {
    const large = newEvent('charge.closed', { id: 'c-2', note: 'x'.repeat(300_000) });
    expect((await deliver(large)).status).toBe(413);
    expect(await stored(large)).toBeUndefined();
  });

  test.each([
    ['id', { id: '' }],
    ['type', { type: null }],
  ])('authentic and without its %s, which is named', async (field, change) => {
    const answer = await deliver({ ...event, ...change });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(field);
  });
});

describe('accepted', () => {
  test('under a key that is being rotated out', async () => {
    const event = newEvent('charge.closed', { id: 'c-3' });
    expect((await deliver(event, { key: FORMER_KEY })).status).toBe(200);
    expect((await stored(event)).state).toBe('ignored');
  });

  test('by HMAC where that is the setting, and then by nothing else', async () => {
    const other = await startTestEngine({
      worker: false,
      webhooks: false,
      env: { QBITPAY_WEBHOOK_ALGORITHM: 'hmac-sha256' },
    });
    const event = newEvent('charge.closed', { id: 'c-4' });
    expect((await deliver(event, { algorithm: 'md5' }, other)).status).toBe(401);
    expect((await deliver(event, { algorithm: 'hmac-sha256' }, other)).status).toBe(200);
    await other.stop();
  });

  test('a second time: 200, one row, and no event in the history of the payout', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const event = paidEvent(payoutId, providerPayoutId);
    // While the first one is being dealt with, and after that.
    const together = await Promise.all([1, 2, 3, 4].map(() => deliver(event)));
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await untilState(event, 'handled');
    expect(await countSignals(payoutId)).toBe(1);
    for (let repetition = 1; repetition <= 3; repetition += 1) {
      expect((await deliver(event)).status).toBe(200);
    }
    // A later event goes the whole way: had a repetition gone it too, it would be there by then.
    const later = paidEvent(payoutId, providerPayoutId);
    await deliver(later);
    await untilState(later, 'handled');
    expect(await countSignals(payoutId)).toBe(2);
    expect(await query('select 1 from webhook_inbox where webhook_event_id = $1', [event.id])).toHaveLength(
      1,
    );
    expect(await statusOf(payoutId)).toBe('in_transit');
  });
});

describe('stored, and nothing follows', () => {
  test('events of the other mode', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const payout = { ...paidEvent(payoutId, providerPayoutId), livemode: false };
    const depositId = newId();
    const data = { id: depositId, object: 'deposit', currency: 'USDT', amount: 721, txHash: 'f'.repeat(64) };
    const deposit = newEvent('deposit.confirmed', data, { livemode: false });
    for (const event of [payout, deposit]) {
      expect((await deliver(event)).status).toBe(200);
      expect(await stored(event)).toMatchObject({
        state: 'ignored',
        state_detail: 'livemode is false',
        dispatches: 0,
      });
    }
    expect(await countSignals(payoutId)).toBe(0);
    expect(await noticeOf(engine, depositId)).toBeUndefined();
  });

  test.each(['charge.closed', 'charge.dispute', 'event.test', 'transfer.invented', 'payoutish'])(
    'of no concern to payouts: %s',
    async (type) => {
      const event = newEvent(type, { id: 'x-1', status: 'paid' });
      expect((await deliver(event)).status).toBe(200);
      expect(await stored(event)).toMatchObject({
        state: 'ignored',
        state_detail: 'of no concern to payouts',
      });
    },
  );

  test('an event that does not say its mode', async () => {
    const event = newEvent('payout.paid', { id: newId(), externalOrderId: 'nobody' }, { livemode: 'yes' });
    expect((await deliver(event)).status).toBe(200);
    expect((await stored(event)).state).toBe('ignored');
  });

  test('payout events that announce no end are kept as evidence', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const event = { ...paidEvent(payoutId, providerPayoutId), type: 'payout.inTransition' };
    await deliver(event);
    expect(await stored(event)).toMatchObject({
      state: 'ignored',
      payout_id: payoutId,
      provider_object_id: providerPayoutId,
    });
    expect(await countSignals(payoutId)).toBe(0);
  });

  test('an event about a payout that has sent nothing yet', async () => {
    const { payoutId } = await engine.open();
    const event = paidEvent(payoutId, newId());
    expect((await deliver(event)).status).toBe(200);
    expect(await untilState(event, 'kept')).toMatchObject({
      state_detail: 'nothing was sent for the payout yet',
    });
    expect(await countSignals(payoutId)).toBe(0);
  });
});

describe('kept for a person to see', () => {
  test.each([
    ['payout.paid', 'none', 'field data.id cannot be used'],
    ['payout.paid', { object: 'payout' }, 'field data.id cannot be used'],
    ['deposit.confirmed', null, 'field data.currency cannot be used'],
  ])('%s without usable data', async (type, data, detail) => {
    const event = newEvent(type, data);
    expect((await deliver(event)).status).toBe(200);
    expect(await stored(event)).toMatchObject({ state: 'kept', state_detail: detail });
  });

  test('replayed under a new id after the payout has closed', async () => {
    const { payoutId } = await engine.open({ funding: 'balance' });
    const paid = await engine.untilStatus(payoutId, 'paid');
    await engine.temporal.client.workflow.getHandle(`payout/${payoutId}`).result();
    const { length } = await historyOf(engine, payoutId);
    const replayed = { ...paidEvent(payoutId, paid.providerPayoutId), type: 'payout.failed' };
    expect((await deliver(replayed)).status).toBe(200);
    expect(await untilState(replayed, 'kept')).toMatchObject({ state_detail: 'no such payout is open' });
    expect(await historyOf(engine, payoutId)).toHaveLength(length);
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toEqual(paid);
  });

  test.each([
    ['an externalOrderId of nobody', { externalOrderId: 'nobody' }, 'no such payout is open'],
    ['one that cannot be ours', { externalOrderId: '../nobody' }, 'names no payout of this engine'],
    ['no externalOrderId', {}, 'names no payout of this engine'],
  ])('about a payout with %s', async (_name, more, detail) => {
    const event = newEvent('payout.paid', { id: newId(), object: 'payout', status: 'paid', ...more });
    expect((await deliver(event)).status).toBe(200);
    expect(await untilState(event, 'kept')).toMatchObject({ state_detail: detail });
  });

  test.each([
    ['data.amount', { amount: 'much' }],
    ['data.amount', { amount: -5 }],
    ['data.currency', { currency: 'usdt' }],
    ['data.id', { id: '' }],
  ])('a deposit whose %s cannot be used', async (field, change) => {
    const data = { id: newId(), object: 'deposit', currency: 'USDT', amount: 500, ...change };
    const event = newEvent('deposit.confirmed', data);
    expect((await deliver(event)).status).toBe(200);
    expect(await stored(event)).toMatchObject({
      state: 'kept',
      state_detail: `field ${field} cannot be used`,
    });
  });
});

test('stored and never dispatched: the sweeper does it, and the payout settles', async () => {
  const { payoutId, providerPayoutId } = await inTransit();
  await loseNext('payout.paid');
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
  const event = paidEvent(payoutId, providerPayoutId);
  const store = openStore({ url: engine.databaseUrl, onIdleError: () => undefined });
  await store.webhooks.storeWebhook({
    webhookEventId: event.id,
    type: event.type,
    livemode: true,
    providerObjectId: providerPayoutId,
    payoutId,
    body: Buffer.from(JSON.stringify(event)),
    state: 'pending',
    stateDetail: null,
  });
  await store.close();
  expect(await statusOf(payoutId)).toBe('in_transit');
  await query('update webhook_inbox set next_dispatch_at = now() where webhook_event_id = $1', [event.id]);

  await engine.untilStatus(payoutId, 'paid');
  expect(await untilState(event, 'handled')).toMatchObject({ dispatches: 1 });
});

const loseNext = (eventType: string): Promise<Json> =>
  engine.control('POST', '/faults', { kind: 'webhookLost', eventType });

test('not acknowledged while it cannot be stored; delivered again, it counts', async () => {
  const { payoutId, providerPayoutId } = await inTransit();
  await loseNext('payout.paid');
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
  const event = paidEvent(payoutId, providerPayoutId);
  const name = new URL(engine.databaseUrl).pathname.slice(1);
  const admin = sharedServer('TEST_POSTGRES_URL');
  await query(`alter database ${name} with allow_connections false`, [], admin);
  await query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name], admin);
  try {
    expect((await deliver(event)).status).toBeGreaterThanOrEqual(500);
  } finally {
    await query(`alter database ${name} with allow_connections true`, [], admin);
  }
  expect(await stored(event)).toBeUndefined();
  expect((await deliver(event)).status).toBe(200);
  await engine.untilStatus(payoutId, 'paid');
});
