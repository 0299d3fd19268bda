import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { expectBooksToBalance } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { advancePayout, untilHoldReasonShown } from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { detailsOf, openAndFund, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** What QbitPay's API says counts, whatever its events say, and whenever; an end is an end. */

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({}));
  database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await engine.stop();
});
afterEach(async () => {
  proxy.rewrite(undefined);
  for (const path of ['/faults', '/outcomes']) await engine.control('DELETE', path);
  await expectBooksToBalance(engine);
});

const READINGS = 'GET /api/v1/payouts/{id}';
const ENDS = ['paid', 'failed', 'cancelled'] as const;

/** Accepted, and moved by {@link advance} only. */
async function openInTransit(): Promise<Json> {
  const payoutId = `p-${randomUUID()}`;
  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
  await openAndFund(engine, { payoutId });
  return engine.untilStatus(payoutId, 'in_transit');
}

async function advance({ providerPayoutId }: Json, status: string): Promise<void> {
  await advancePayout(engine, providerPayoutId, status);
}

/** Also of a payout that has ended: its event is authentic, and its end may be another one. */
async function forge(payout: Json, type: string, status: string): Promise<void> {
  const data = {
    id: payout.providerPayoutId,
    object: 'payout',
    status,
    amount: 5000,
    fee: 25,
    currency: 'CNY',
    externalOrderId: payout.payoutId,
  };
  const { attempt } = await engine.control('POST', '/events/forge', { type, data, signature: 'valid' });
  expect(attempt).not.toBeNull();
}

const readingsOf = async ({ providerPayoutId }: Json): Promise<number> =>
  (await requestsTo(engine, READINGS)).filter(({ path }) => path.endsWith(providerPayoutId)).length;

/** The API was asked again since. */
async function untilReadAgain(payout: Json, before: number): Promise<void> {
  await untilAnswer(
    () => readingsOf(payout),
    (readings) => readings > before + 1,
    'another reading',
  );
}

async function expectUnchanged(payout: Json, status: string): Promise<void> {
  const { body } = await engine.api('GET', `/v1/payouts/${payout.payoutId}`);
  expect(body.status).toBe(status);
}

async function expectEnded(payout: Json, status: string): Promise<void> {
  await engine.untilStatus(payout.payoutId, status);
  const result = await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.payoutId)).result();
  expect(result).toMatchObject({ status });
  expect(await requestsTo(engine, PAYOUTS, payout.payoutId)).toHaveLength(1);
}

/** Changes what the API says of this payout. */
function say(payout: Json, change: Json): void {
  proxy.rewrite((_request, body) =>
    body?.object === 'payout' && body.id === payout.providerPayoutId ? { ...body, ...change } : undefined,
  );
}

describe('an event that the API does not confirm', () => {
  test('whatever it says, the payout stays in transit', async () => {
    const payout = await openInTransit();
    for (const [type, status] of [
      ['payout.paid', 'paid'],
      ['payout.paid', 'pending'],
      ['payout.failed', 'failed'],
      ['payout.cancelled', 'cancelled'],
      ['payout.unheardOf', 'paid'],
    ] as const) {
      const before = await readingsOf(payout);
      await forge(payout, type, status);
      await untilReadAgain(payout, before);
      await expectUnchanged(payout, 'in_transit');
    }
    await advance(payout, 'paid');
    await expectEnded(payout, 'paid');
  });

  test('of another kind than its object: the API decides', async () => {
    await engine.control('POST', '/faults', { kind: 'webhookStale', eventType: 'payout.paid', times: 1 });
    const payout = await openInTransit();
    await advance(payout, 'paid');
    await expectEnded(payout, 'paid');
  });
});

describe('events in disorder', () => {
  test.each(['oldestFirst', 'newestFirst'])('all held back and released %s', async (order) => {
    for (const word of ['pending', 'inTransition', 'paid']) {
      await engine.control('POST', '/faults', { kind: 'webhookHeld', eventType: `payout.${word}` });
    }
    const payout = await openInTransit();
    await advance(payout, 'paid');
    await engine.control('POST', '/events/release', { order });
    await expectEnded(payout, 'paid');
  });

  test('each of them twice', async () => {
    await engine.control('POST', '/faults', { kind: 'webhookDoubled', times: 10 });
    const payout = await openInTransit();
    await advance(payout, 'paid');
    await expectEnded(payout, 'paid');
    const { timeline } = await engine.untilStatus(payout.payoutId, 'paid');
    expect(timeline.filter(({ status }: Json) => status === 'paid')).toHaveLength(1);
  });

  test('none of them at all: the payout is read all the same', async () => {
    await engine.control('POST', '/faults', { kind: 'webhookLost', eventType: 'payout.paid' });
    const payout = await openInTransit();
    await advance(payout, 'paid');
    await expectEnded(payout, 'paid');
  });
});

describe.each(ENDS)('a payout that ended as %s', (end) => {
  test('stays so, whatever is announced or said afterwards', async () => {
    const payout = await openInTransit();
    await advance(payout, end);
    await expectEnded(payout, end);
    const { timeline } = await engine.untilStatus(payout.payoutId, end);
    for (const other of ENDS.filter((one) => one !== end)) {
      say(payout, { status: other });
      await forge(payout, `payout.${other}`, other);
    }
    for (const word of ['pending', 'inTransit']) {
      say(payout, { status: word });
      await forge(payout, `payout.${end}`, word);
    }
    await untilNothingPends(payout);
    const { body } = await engine.api('GET', `/v1/payouts/${payout.payoutId}`);
    expect(body.status).toBe(end);
    const ends = ({ status }: Json): boolean => ENDS.includes(status);
    expect(body.timeline.filter(ends)).toEqual(timeline.filter(ends));
  });
});

/** Every event that came in has been looked at: it was answered before that. */
async function untilNothingPends({ payoutId }: Json): Promise<void> {
  const { data } = await engine.control('GET', '/events?limit=100');
  expect(data.length).toBeGreaterThan(0);
  await untilAnswer(
    async () => (await engine.control('GET', '/events?delivery=pending&limit=100')).data,
    (pending) => pending.length === 0,
    'every event delivered',
  );
  await untilAnswer(
    () => database.query(PENDING_EVENTS, [payoutId]),
    ({ rows }) => rows.length === 0,
    'every event looked at',
  );
}

const PENDING_EVENTS = `select from webhook_inbox where payout_id = $1 and state = 'pending'`;

test('a status that goes backwards takes nothing back', async () => {
  const payout = await openInTransit();
  say(payout, { status: 'pending' });
  const before = await readingsOf(payout);
  await untilReadAgain(payout, before);
  await expectUnchanged(payout, 'in_transit');
  proxy.rewrite(undefined);
  await engine.control('POST', `/payouts/${payout.providerPayoutId}/overwrite`, { status: 'pending' });
  await advance(payout, 'paid');
  await untilReadAgain(payout, await readingsOf(payout));
  // Its own event says that it was paid; the API does not.
  await expectUnchanged(payout, 'in_transit');
  await engine.control('POST', `/payouts/${payout.providerPayoutId}/overwrite`, { status: 'paid' });
  await expectEnded(payout, 'paid');
});

describe('a discrepancy that only a later reading shows', () => {
  test.each([
    ['CONVERTED_BY_PROVIDER', { trade: { id: 'tr_1', status: 'done' } }],
    ['CURRENCY_DIFFERS', { currency: 'USDT' }],
  ])('%s: held once, taken on by a person, and marked for ever', async (reason, change) => {
    const payout = await openInTransit();
    say(payout, change);
    const held = await engine.untilStatus(payout.payoutId, 'held');
    expect(held).toMatchObject({ holdReason: reason, flags: [reason], recipientAmount: '5000.00' });
    const resumed = await engine.api('POST', `/v1/payouts/${payout.payoutId}/resume`, { reason: 'settled' });
    expect(resumed.status).toBe(200);
    await untilReadAgain(payout, await readingsOf(payout));
    await expectUnchanged(payout, 'in_transit');
    await advance(payout, 'paid');
    await expectEnded(payout, 'paid');
    expect(await engine.untilStatus(payout.payoutId, 'paid')).toMatchObject({ flags: [reason] });
  });

  test('with the end: paid, and marked', async () => {
    const payout = await openInTransit();
    say(payout, { trade: { id: 'tr_1' }, status: 'paid' });
    await expectEnded(payout, 'paid');
    expect(await engine.untilStatus(payout.payoutId, 'paid')).toMatchObject({
      flags: ['CONVERTED_BY_PROVIDER'],
    });
    proxy.rewrite(undefined);
    await advance(payout, 'paid');
  });
});

describe('a word that nobody knows', () => {
  const WORD = 'in_review 6222020200112233445';

  async function openUnknown(): Promise<Json> {
    const payout = await openInTransit();
    say(payout, { status: WORD });
    return engine.untilStatus(payout.payoutId, 'held');
  }

  test('holds the payout, in the workflow too, and is shown without what could be an account', async () => {
    const held = await openUnknown();
    expect(held).toMatchObject({ holdReason: 'STATUS_NOT_KNOWN', failure: null });
    expect(detailsOf(held).at(-1)).toBe('QbitPay says "in_review ***"');
    await untilHoldReasonShown(engine, held.payoutId, 'STATUS_NOT_KNOWN');
    proxy.rewrite(undefined);
    await advance(held, 'paid');
    await expectEnded(held, 'paid');
  });

  test.each(ENDS)('and it ends by itself when the API says %s', async (end) => {
    const held = await openUnknown();
    await advance(held, end);
    await expectUnchanged(held, 'held');
    proxy.rewrite(undefined);
    await expectEnded(held, end);
  });

  test('is written once, however often it is read, and again when the payout was resumed', async () => {
    const held = await openUnknown();
    await untilReadAgain(held, await readingsOf(held));
    const said = async (): Promise<number> =>
      detailsOf((await engine.api('GET', `/v1/payouts/${held.payoutId}`)).body).filter((detail) =>
        detail.startsWith('QbitPay says'),
      ).length;
    expect(await said()).toBe(1);
    await untilHoldReasonShown(engine, held.payoutId, 'STATUS_NOT_KNOWN');
    const resumed = await engine.api('POST', `/v1/payouts/${held.payoutId}/resume`, { reason: 'to see' });
    expect(resumed.status).toBe(200);
    await untilAnswer(said, (count) => count === 2, 'held again');
    proxy.rewrite(undefined);
    await advance(held, 'paid');
    await expectEnded(held, 'paid');
  });
});
