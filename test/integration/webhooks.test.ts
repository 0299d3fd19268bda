import { randomUUID } from 'node:crypto';
import { openStore } from '../../src/store/store.js';
import { noticeOf } from '../support/deposits.js';
import type { Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { historyOf } from '../support/histories.js';
import { untilAnswer } from '../support/until-answer.js';
import { deliver, newEvent, paidEvent, query, stored } from '../support/webhook-deliveries.js';

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

const untilState = (event: Json, state: string): Promise<Json> =>
  untilAnswer(
    () => stored(engine, event),
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

async function countSignals(payoutId: string): Promise<number> {
  const events = await historyOf(engine, payoutId);
  return events.filter(
    ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === 'payoutEvent',
  ).length;
}

const statusOf = async (payoutId: string): Promise<string> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status;

describe('accepted', () => {
  test('under a key that is being rotated out', async () => {
    const event = newEvent('charge.closed', { id: 'c-3' });
    expect((await deliver(engine, event, { key: FORMER_KEY })).status).toBe(200);
    expect((await stored(engine, event)).state).toBe('ignored');
  });

  test('by HMAC where that is the setting, and then by nothing else', async () => {
    const other = await startTestEngine({
      worker: false,
      webhooks: false,
      env: { QBITPAY_WEBHOOK_ALGORITHM: 'hmac-sha256' },
    });
    const event = newEvent('charge.closed', { id: 'c-4' });
    expect((await deliver(other, event, { algorithm: 'md5' })).status).toBe(401);
    expect((await deliver(other, event, { algorithm: 'hmac-sha256' })).status).toBe(200);
    await other.stop();
  });

  test('a second time: 200, one row, and no event in the history of the payout', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const event = paidEvent(payoutId, providerPayoutId);
    // While the first one is being dealt with, and after that.
    const together = await Promise.all([1, 2, 3, 4].map(() => deliver(engine, event)));
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await untilState(event, 'handled');
    expect(await countSignals(payoutId)).toBe(1);
    for (let repetition = 1; repetition <= 3; repetition += 1) {
      expect((await deliver(engine, event)).status).toBe(200);
    }
    // A later event goes the whole way: had a repetition gone it too, it would be there by then.
    const later = paidEvent(payoutId, providerPayoutId);
    await deliver(engine, later);
    await untilState(later, 'handled');
    expect(await countSignals(payoutId)).toBe(2);
    expect(
      await query(engine.databaseUrl, 'select 1 from webhook_inbox where webhook_event_id = $1', [event.id]),
    ).toHaveLength(1);
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
      expect((await deliver(engine, event)).status).toBe(200);
      expect(await stored(engine, event)).toMatchObject({
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
      expect((await deliver(engine, event)).status).toBe(200);
      expect(await stored(engine, event)).toMatchObject({
        state: 'ignored',
        state_detail: 'of no concern to payouts',
      });
    },
  );

  test('an event that does not say its mode', async () => {
    const event = newEvent('payout.paid', { id: newId(), externalOrderId: 'nobody' }, { livemode: null });
    expect((await deliver(engine, event)).status).toBe(200);
    expect((await stored(engine, event)).state).toBe('ignored');
  });

  test('payout events that announce no end are kept as evidence', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const event = { ...paidEvent(payoutId, providerPayoutId), type: 'payout.inTransition' };
    await deliver(engine, event);
    expect(await stored(engine, event)).toMatchObject({
      state: 'ignored',
      payout_id: payoutId,
      provider_object_id: providerPayoutId,
    });
    expect(await countSignals(payoutId)).toBe(0);
  });

  test('an event about a payout that has sent nothing yet', async () => {
    const { payoutId } = await engine.open();
    const event = paidEvent(payoutId, newId());
    expect((await deliver(engine, event)).status).toBe(200);
    expect(await untilState(event, 'kept')).toMatchObject({
      state_detail: 'nothing was sent for the payout yet',
    });
    expect(await countSignals(payoutId)).toBe(0);
  });
});

describe('kept for a person to see', () => {
  test.each([
    ['payout.paid', null, 'field data.id cannot be used'],
    ['payout.paid', { object: 'payout' }, 'field data.id cannot be used'],
    ['deposit.confirmed', null, 'field data.currency cannot be used'],
  ])('%s without usable data', async (type, data, detail) => {
    const event = newEvent(type, data);
    expect((await deliver(engine, event)).status).toBe(200);
    expect(await stored(engine, event)).toMatchObject({ state: 'kept', state_detail: detail });
  });

  test('replayed under a new id after the payout has closed', async () => {
    const { payoutId } = await engine.open({ funding: 'balance' });
    const paid = await engine.untilStatus(payoutId, 'paid');
    await engine.temporal.client.workflow.getHandle(`payout/${payoutId}`).result();
    const { length } = await historyOf(engine, payoutId);
    const replayed = { ...paidEvent(payoutId, paid.providerPayoutId), type: 'payout.failed' };
    expect((await deliver(engine, replayed)).status).toBe(200);
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
    expect((await deliver(engine, event)).status).toBe(200);
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
    expect((await deliver(engine, event)).status).toBe(200);
    expect(await stored(engine, event)).toMatchObject({
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
  await query(
    engine.databaseUrl,
    'update webhook_inbox set next_dispatch_at = now() where webhook_event_id = $1',
    [event.id],
  );

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
  await query(admin, `alter database ${name} with allow_connections false`);
  await query(admin, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  try {
    expect((await deliver(engine, event)).status).toBeGreaterThanOrEqual(500);
  } finally {
    await query(admin, `alter database ${name} with allow_connections true`);
  }
  expect(await stored(engine, event)).toBeUndefined();
  expect((await deliver(engine, event)).status).toBe(200);
  await engine.untilStatus(payoutId, 'paid');
});
