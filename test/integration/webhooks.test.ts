import { randomUUID } from 'node:crypto';
import { noticeOf } from '../support/deposits.js';
import type { Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { historyOf } from '../support/histories.js';
import { untilAnswer } from '../support/until-answer.js';
import { deliver, newEvent, paidEvent, query, stored, storedAs } from '../support/webhook-deliveries.js';

const FORMER_KEY = 'the-key-before-the-rotation';

let engine: TestEngine;
beforeAll(async () => {
  // The sync is out of the way: what a payout does here, it does because of an event.
  engine = await startTestEngine({
    worker: false,
    env: {
      PROVIDER_SYNC_INTERVAL_MS: '3600000',
      QBITPAY_WEBHOOK_EXTRA_KEYS: FORMER_KEY,
    },
  });
  // Its payouts are paid from what was there before.
  await engine.control('POST', '/deposits', { currency: 'USDT', amount: '100000', notify: false });
  await engine.startWorker();
});
afterAll(() => engine.stop());
afterEach(() => engine.control('DELETE', '/faults'));

const newId = (): string => randomUUID();

const wishesFor = (providerPayoutId: string): Promise<Json[]> =>
  query(engine.databaseUrl, 'select reason from sync_wishes where provider_id = $1', [providerPayoutId]);

const hintsOf = (payoutId: string): Promise<Json[]> =>
  query(engine.databaseUrl, 'select signal from workflow_hints where payout_id = $1', [payoutId]);

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

const untilSignalled = (payoutId: string): Promise<number> =>
  untilAnswer(
    () => countSignals(payoutId),
    (count) => count > 0,
    'signalled',
  );

/** QbitPay pays it, and tells nobody. */
async function settleUnannounced(providerPayoutId: string): Promise<void> {
  await engine.control('POST', '/faults', { kind: 'webhookLost', eventType: 'payout.paid' });
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
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

  test('a second time: 200, one row, and nothing more follows', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const event = paidEvent(payoutId, providerPayoutId);
    // While the first one is being dealt with, and after that.
    const together = await Promise.all([1, 2, 3, 4].map(() => deliver(engine, event)));
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await untilSignalled(payoutId);
    for (let repetition = 1; repetition <= 3; repetition += 1) {
      expect((await deliver(engine, event)).status).toBe(200);
    }
    expect(await wishesFor(providerPayoutId)).toEqual([]);
    // Another one that says so just after, and QbitPay did not: it has the next sync look, and the workflow sleep on.
    await deliver(engine, paidEvent(payoutId, providerPayoutId));
    expect(await wishesFor(providerPayoutId)).toEqual([{ reason: 'a webhook named it' }]);
    expect(await storedAs(engine, event)).toMatchObject([{ state: 'taken', state_detail: null }]);
    expect(await statusOf(payoutId)).toBe('in_transit');
    expect(await countSignals(payoutId)).toBe(1);
  });

  test('K36: one id with two contents is two events, and that is logged', async () => {
    const [one, other] = [await inTransit(), await inTransit()];
    for (const { providerPayoutId } of [one, other]) await settleUnannounced(providerPayoutId);
    const first = paidEvent(one.payoutId, one.providerPayoutId);
    const second = { ...paidEvent(other.payoutId, other.providerPayoutId), id: first.id };
    const conflicts = () => engine.logLines.filter((line) => line.includes(first.id)).length;
    expect((await deliver(engine, first)).status).toBe(200);
    expect(conflicts()).toBe(0);
    expect((await deliver(engine, second)).status).toBe(200);
    await engine.untilStatus(one.payoutId, 'paid');
    await engine.untilStatus(other.payoutId, 'paid');
    expect(await storedAs(engine, first)).toHaveLength(2);
    expect(conflicts()).toBe(1);
  });

  test('while no worker runs: what follows is stored with it, once for each payout', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    await engine.stopWorker();
    try {
      await settleUnannounced(providerPayoutId);
      for (let event = 0; event < 5; event += 1) await deliver(engine, paidEvent(payoutId, providerPayoutId));
      expect(await hintsOf(payoutId)).toEqual([{ signal: 'payoutEvent' }]);
    } finally {
      await engine.startWorker();
    }
    await engine.untilStatus(payoutId, 'paid');
  });

  test('a deposit: its notice is stored, and a sync wished for', async () => {
    const depositId = newId();
    const data = { id: depositId, object: 'deposit', currency: 'USDT', amount: 722, txHash: 'e'.repeat(64) };
    const event = newEvent('deposit.confirmed', data);
    const wishes = "select from sync_wishes where reason = 'a notice of a deposit'";
    const before = await query(engine.databaseUrl, wishes);
    expect((await deliver(engine, event)).status).toBe(200);
    expect(await stored(engine, event)).toMatchObject({ state: 'taken', provider_object_id: depositId });
    expect(await noticeOf(engine, depositId)).toBeDefined();
    expect(await query(engine.databaseUrl, wishes)).toHaveLength(before.length + 1);
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

  test('an end that is known already, of a payout that is named by its provider id alone', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
    await engine.untilStatus(payoutId, 'paid');
    const event = newEvent('payout.paid', { id: providerPayoutId });
    await deliver(engine, event);
    expect(await stored(engine, event)).toMatchObject({
      state: 'ignored',
      state_detail: 'announces what is known',
      payout_id: payoutId,
    });
    expect(await wishesFor(providerPayoutId)).toEqual([]);
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
    expect(await stored(engine, event)).toMatchObject({
      state: 'kept',
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
    const { payoutId, providerPayoutId } = await inTransit();
    await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
    const paid = await engine.untilStatus(payoutId, 'paid');
    await engine.temporal.client.workflow.getHandle(`payout/${payoutId}`).result();
    const { length } = await historyOf(engine, payoutId);
    const replayed = { ...paidEvent(payoutId, providerPayoutId), type: 'payout.failed' };
    expect((await deliver(engine, replayed)).status).toBe(200);
    expect(await stored(engine, replayed)).toMatchObject({
      state: 'kept',
      state_detail: 'the payout has ended',
    });
    // The next sync looks whether it is true.
    expect(await wishesFor(providerPayoutId)).toHaveLength(1);
    expect(await historyOf(engine, payoutId)).toHaveLength(length);
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toEqual(paid);
  });

  test.each([
    ['an externalOrderId of nobody', { externalOrderId: 'nobody' }],
    ['one that cannot be ours', { externalOrderId: '../nobody' }],
    ['no externalOrderId', {}],
  ])('about a payout with %s', async (_name, more) => {
    const event = newEvent('payout.paid', { id: newId(), object: 'payout', status: 'paid', ...more });
    expect((await deliver(engine, event)).status).toBe(200);
    const detail = 'names no payout of this engine';
    expect(await stored(engine, event)).toMatchObject({ state: 'kept', state_detail: detail });
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

test('not acknowledged while it cannot be stored; delivered again, it counts', async () => {
  const { payoutId, providerPayoutId } = await inTransit();
  await settleUnannounced(providerPayoutId);
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
