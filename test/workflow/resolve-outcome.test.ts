import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { openAnotherWorker } from '../support/another-worker.js';
import { makeAvailable } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { CANARY_API_KEY, type TestEngine } from '../support/engine.js';
import { hideRequest, untilRead, type HiddenRequest, type Operation } from '../support/hidden-requests.js';
import {
  advancePayout,
  resetToFirstTask,
  startDirectly,
  untilHoldReasonShown,
} from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import {
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

beforeAll(async () => {
  // What is not found may be sent again: nothing but the outcome resolution keeps these payouts from being paid twice.
  ({ engine, proxy } = await startEngineBehindProxy({
    env: { PROVIDER_SYNC_INTERVAL_MS: '200', RESEND_MAX_AMOUNT: 'CNY:1000000,USDT:1000000' },
  }));
  database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await engine.stop();
});
afterEach(async () => {
  proxy.rewrite(undefined);
  await engine.control('DELETE', '/faults');
  await engine.control('PATCH', '/settings', { deliverLess: null, payoutFee: null, settlement: 'automatic' });
});

/** An engine that is slower than any test: what is not found is looked for on and on. */
const PATIENT: Partial<PayoutPolicy> = { unknownOutcomeWaitSeconds: 3_600, absenceChecks: 1 };

const ENDPOINTS = { order: ORDERS, payout: PAYOUTS } as const;

const hide = (operation: Operation, payoutId: string): Promise<HiddenRequest> =>
  hideRequest({ engine, proxy }, payoutId, { operations: [operation] });

/** Its request takes effect, and no answer comes. */
async function loseAnswer(
  operation: Operation,
  payoutId: string,
  policy: Partial<PayoutPolicy> = PATIENT,
): Promise<void> {
  await orderFault(engine, 'resetAfterEffect', ENDPOINTS[operation], { externalOrderId: payoutId });
  await startDirectly(engine, payoutRequest({ payoutId }), policy);
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  await untilSent(operation, payoutId);
}

/** The sync reads the lists as well: that they were read says nothing of the request. */
async function untilSent(operation: Operation, payoutId: string): Promise<void> {
  await untilAnswer(
    () =>
      database.query(
        `select 1 from provider_requests where state in ('unknown', 'accepted') and operation = $1 and external_order_id = $2`,
        [operation, payoutId],
      ),
    ({ rowCount }) => rowCount === 1,
    'the request sent, and its answer lost',
  );
}

async function expectPaidOnce(payoutId: string): Promise<Json> {
  const payout = await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  for (const endpoint of [ORDERS, PAYOUTS]) {
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(1);
  }
  return payout;
}

const newId = (): string => payoutRequest().payoutId;

/** What the provider has under this externalOrderId. */
async function idAtProvider(operation: Operation, payoutId: string): Promise<string> {
  const requests = await requestsTo(engine, ENDPOINTS[operation], payoutId);
  return requests.flatMap(({ effects }) => effects)[0];
}

/** The same request as somebody else with the same key sends it; answers with its id. */
async function sendAgain(operation: Operation, payoutId: string): Promise<string> {
  const [{ body }] = await requestsTo(engine, ENDPOINTS[operation], payoutId);
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}/api/v1/${operation}s`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  const made: Json = await response.json();
  expect([response.status, made.externalOrderId]).toEqual([200, payoutId]);
  return made.id;
}

describe('the list shows a new one late', () => {
  test.each(['order', 'payout'] as const)('the %s is found by a later reading', async (operation) => {
    const payoutId = newId();
    const hidden = await hide(operation, payoutId);
    await loseAnswer(operation, payoutId);
    await untilRead(hidden, 4);
    expect(await requestsTo(engine, ENDPOINTS[operation], payoutId)).toHaveLength(1);
    hidden.show();
    await expectPaidOnce(payoutId);
  });

  test('the readings before the wait for an unknown outcome count for nothing', async () => {
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 4);
    const { rows } = await database.query(
      `select state, absence_checks, resend_by from provider_requests where operation = 'payout' and external_order_id = $1`,
      [payoutId],
    );
    expect(rows).toEqual([{ state: 'unknown', absence_checks: 0, resend_by: null }]);
    hidden.show();
    await expectPaidOnce(payoutId);
  });
});

describe('two of them at QbitPay', () => {
  /** Held, with both of their ids in the timeline. */
  async function openTwo(operation: Operation, payoutId: string): Promise<{ first: string; second: string }> {
    const hidden = await hide(operation, payoutId);
    await loseAnswer(operation, payoutId);
    await untilRead(hidden, 1);
    // What the second one takes was in the account all along.
    await engine.control('POST', '/deposits', { currency: 'USDT', amount: 2_000, notify: false });
    await engine.control('POST', '/deposits', { currency: 'CNY', amount: 10_000, notify: false });
    const second = await sendAgain(operation, payoutId);
    hidden.show();
    const held = await engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'DUPLICATE_AT_PROVIDER' });
    const first = await idAtProvider(operation, payoutId);
    expect(held.timeline.at(-1).detail).toContain(first);
    expect(held.timeline.at(-1).detail).toContain(second);
    await untilHoldReasonShown(engine, payoutId, 'DUPLICATE_AT_PROVIDER');
    return { first, second };
  }
  const resolve = (payoutId: string, decision: Json) =>
    engine.api('POST', `/v1/payouts/${payoutId}/resolve`, { reason: 'asked QbitPay', ...decision });

  async function expectSentBesideIt(operation: Operation, payoutId: string): Promise<void> {
    const other = operation === 'order' ? PAYOUTS : ORDERS;
    expect(await requestsTo(engine, other, payoutId)).toHaveLength(1);
    // Ours, and the one that was sent beside it.
    expect(await requestsTo(engine, ENDPOINTS[operation], payoutId)).toHaveLength(2);
  }

  test('orders: both were filled; the one that is adopted goes on, and the other is named', async () => {
    const payoutId = newId();
    const { first, second } = await openTwo('order', payoutId);
    expect(await resolve(payoutId, { action: 'resend' })).toMatchObject({ status: 409 });
    for (const foreign of [randomUUID(), payoutId]) {
      const adoption = { action: 'adopt', providerPayoutId: foreign };
      expect(await resolve(payoutId, adoption)).toMatchObject({ status: 409 });
    }
    expect(await resolve(payoutId, { action: 'adopt', providerPayoutId: first })).toMatchObject({
      status: 200,
    });
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(paid).toMatchObject({ order: { providerOrderId: first }, flags: ['SURPLUS_AT_PROVIDER'] });
    const details = paid.timeline.map(({ detail }: Json) => detail);
    expect(details).toContain(`QbitPay filled ${second} as well: what that moved is not booked`);
    await expectSentBesideIt('order', payoutId);
  });

  test('orders: neither is adopted before QbitPay has ended the other one', async () => {
    const payoutId = newId();
    const { first, second } = await openTwo('order', payoutId);
    let secondIs = 'pending';
    const change = (one: Json): Json => (one?.id === second ? { ...one, status: secondIs } : one);
    proxy.rewrite((_request, body) =>
      Array.isArray(body?.data) ? { ...body, data: body.data.map(change) } : change(body),
    );
    for (const [one, why] of [
      [first, `has ${second} as pending: have it cancelled first`],
      [second, `has ${first} as filled: adopt that`],
    ] as const) {
      const answer = await resolve(payoutId, { action: 'adopt', providerPayoutId: one });
      expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
      expect(answer.body.detail).toContain(why);
    }
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toMatchObject({ order: null });
    secondIs = 'cancelled';
    expect(await resolve(payoutId, { action: 'adopt', providerPayoutId: first })).toMatchObject({
      status: 200,
    });
    expect(await engine.untilStatus(payoutId, 'paid')).toMatchObject({ flags: [] });
    await expectSentBesideIt('order', payoutId);
  });

  test('payouts: neither is adopted before QbitPay has ended the other one', async () => {
    const payoutId = newId();
    await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId, times: 2 });
    const { first, second } = await openTwo('payout', payoutId);
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const answer = await resolve(payoutId, { action: 'adopt', providerPayoutId: one });
      expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
      expect(answer.body.detail).toMatch(new RegExp(`has ${other} as .*: have it cancelled first`));
    }
    await engine.control('POST', `/payouts/${second}/advance`, { status: 'cancelled' });
    expect(await resolve(payoutId, { action: 'adopt', providerPayoutId: first })).toMatchObject({
      status: 200,
    });
    expect(await engine.untilStatus(payoutId, 'in_transit')).toMatchObject({ providerPayoutId: first });
    await advancePayout(engine, first, 'paid');
    await engine.untilStatus(payoutId, 'paid');
    await expectSentBesideIt('payout', payoutId);
  });
});

describe('what is found is not what was asked for', () => {
  /** Every answer of the provider shows the payout like this, but for the one that never came. */
  const showAs = (payoutId: string, changes: Json): void =>
    proxy.rewrite((_request, body) => {
      const change = (item: Json): Json =>
        item?.object === 'payout' && item.externalOrderId === payoutId ? { ...item, ...changes } : item;
      if (Array.isArray(body?.data)) return { ...body, data: body.data.map(change) };
      return change(body);
    });

  test('another amount and another fee: adopted, flagged, paid', async () => {
    const payoutId = newId();
    await makeAvailable(engine, 'CNY', '1000');
    await engine.control('PATCH', '/settings', { deliverLess: '1.5', payoutFee: '30' });
    await loseAnswer('payout', payoutId);
    const paid = await expectPaidOnce(payoutId);
    expect(paid.flags).toEqual(expect.arrayContaining(['AMOUNT_SHORT', 'FEE_DIFFERS']));
  });

  test('converted by QbitPay itself: held, and read on to its end', async () => {
    const payoutId = newId();
    const trade = {
      id: randomUUID(),
      ...{ baseCurrency: 'USDT', quoteCurrency: 'CNY', baseAmount: 728, price: 6.97 },
      ...{ totalCost: 5_000, fee: 0, status: 'filled' },
    };
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    showAs(payoutId, { trade });
    await loseAnswer('payout', payoutId);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({
      holdReason: 'CONVERTED_BY_PROVIDER',
      providerPayoutId: await idAtProvider('payout', payoutId),
    });
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
    await engine.control('POST', '/settle');
    await expectPaidOnce(payoutId);
  });

  test('another currency: held, and not taken for absent', async () => {
    const payoutId = newId();
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    showAs(payoutId, { currency: 'USD' });
    await loseAnswer('payout', payoutId);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({
      holdReason: 'CURRENCY_DIFFERS',
      providerPayoutId: await idAtProvider('payout', payoutId),
    });
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  });
});

describe('the order is not what was asked for', () => {
  /** Whatever shows it shows it like this. */
  const showOrderAs = (payoutId: string, change: (order: Json) => Json): void =>
    proxy.rewrite((_request, body) => {
      const changed = (item: Json): Json =>
        item?.object === 'order' && item.externalOrderId === payoutId ? { ...item, ...change(item) } : item;
      return Array.isArray(body?.data) ? { ...body, data: body.data.map(changed) } : changed(body);
    });

  test.each<[string, (order: Json) => Json, RegExp]>([
    ['another side', () => ({ side: 'buy' }), /as buy [\d.]+ USDT\/CNY, asked for was sell/],
    ['another pair', () => ({ symbol: 'USDT/USD' }), /as sell [\d.]+ USDT\/USD, asked for was sell/],
    [
      'another amount',
      ({ amount }) => ({ amount: Number(amount) + 0.5 }),
      /as sell [\d.]+ USDT\/CNY, asked for/,
    ],
  ])('%s: adopted, and held before anything is paid', async (_name, change, words) => {
    for (const isAnswered of [false, true]) {
      const payoutId = newId();
      showOrderAs(payoutId, change);
      if (isAnswered) await openAndFund(engine, { payoutId });
      else await loseAnswer('order', payoutId);
      const held = await engine.untilStatus(payoutId, 'held');
      expect(held).toMatchObject({ holdReason: 'ORDER_DIFFERS', flags: ['ORDER_DIFFERS'] });
      expect(held.timeline.at(-1).detail).toMatch(words);
      expect(held.order.providerOrderId).toBe(await idAtProvider('order', payoutId));
      expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(0);
      proxy.rewrite(undefined);
      const resumed = await engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'settled' });
      expect(resumed.status).toBe(200);
      await expectPaidOnce(payoutId);
    }
  });

  test('taken on by a person it is booked as QbitPay states it, and held no more', async () => {
    const payoutId = newId();
    showOrderAs(payoutId, ({ amount }) => ({ amount: amount - 0.5 }));
    await openAndFund(engine, { payoutId });
    const { order } = await engine.untilStatus(payoutId, 'held');
    const resumed = await engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'settled' });
    expect(resumed.status).toBe(200);
    const paid = await expectPaidOnce(payoutId);
    expect(paid.order.amount).toBe(order.amount);
    expect(paid.timeline.filter(({ status }: Json) => status === 'held')).toHaveLength(1);
  });
});

describe('a webhook about a payout that the list does not show', () => {
  /** An authentic event of the provider, which need not be true. */
  async function announce(payoutId: string, id: string, status: string): Promise<string> {
    const { amount, currency } = payoutRequest();
    const data = { id, object: 'payout', amount: Number(amount), fee: 25, currency, status };
    const { id: eventId } = await engine.control('POST', '/events/forge', {
      type: `payout.${status}`,
      data: { ...data, createdAt: new Date().toISOString(), externalOrderId: payoutId },
    });
    return eventId;
  }

  test.each(['pending', 'paid'])('is evidence: what "%s" names is read, and adopted', async (status) => {
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 1);
    await announce(payoutId, await idAtProvider('payout', payoutId), status);
    await expectPaidOnce(payoutId);
  });

  test('alone is no answer: what the API does not have, or has of another, is not adopted', async () => {
    const other = newId();
    await openAndFund(engine, { payoutId: other });
    const { providerPayoutId: foreign } = await engine.untilStatus(other, 'paid');
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 1);
    for (const id of [randomUUID(), foreign]) {
      const eventId = await announce(payoutId, id, 'paid');
      await untilAnswer(
        async () =>
          (await database.query('select state from webhook_inbox where webhook_event_id = $1', [eventId]))
            .rows,
        ([row]) => row !== undefined,
        'the event stored',
      );
    }
    await untilRead(hidden, hidden.readings + 3);
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toMatchObject({
      status: 'paying',
      providerPayoutId: null,
    });
    hidden.show();
    await expectPaidOnce(payoutId);
  });
});

describe('a webhook that names what cannot be read', () => {
  /** QbitPay fails at the one id, whatever it has; the other two are none. */
  async function announceUnreadable(payoutId: string): Promise<string> {
    const unreadableId = randomUUID();
    for (const id of [unreadableId, '.', '..']) {
      const data = { id, object: 'payout', status: 'pending', externalOrderId: payoutId };
      await engine.control('POST', '/events/forge', { type: 'payout.pending', data });
    }
    return unreadableId;
  }
  const fails = (id: string) => (request: string) =>
    request.endsWith(id) ? { type: 'api_error', message: 'out of order' } : undefined;

  test('does not keep what the list shows from being found', async () => {
    const payoutId = newId();
    proxy.rewrite(fails(await announceUnreadable(payoutId)));
    await loseAnswer('payout', payoutId);
    await expectPaidOnce(payoutId);
  });

  test('proves nothing absent: a person decides, and nothing is sent again', async () => {
    const payoutId = newId();
    proxy.rewrite(fails(await announceUnreadable(payoutId)));
    await orderFault(engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
    const hasty = { unknownOutcomeWaitSeconds: 0, absenceChecks: 1 };
    await startDirectly(engine, payoutRequest({ payoutId }), hasty);
    await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
    // What cannot be read may be it.
    const close = { action: 'close', reason: 'it never arrived' };
    expect(await engine.api('POST', `/v1/payouts/${payoutId}/resolve`, close)).toMatchObject({ status: 409 });
    proxy.rewrite(undefined);
    expect(await engine.api('POST', `/v1/payouts/${payoutId}/resolve`, close)).toMatchObject({ status: 200 });
    await engine.untilStatus(payoutId, 'failed');
  });
});

describe('nothing is sent twice while an outcome is not known', () => {
  test.each(['order', 'payout'] as const)('of the %s: by a reset', async (operation) => {
    const payoutId = newId();
    const hidden = await hide(operation, payoutId);
    await loseAnswer(operation, payoutId);
    await untilRead(hidden, 1);
    await resetToFirstTask(engine, payoutId);
    await untilRead(hidden, hidden.readings + 3);
    expect(await requestsTo(engine, ENDPOINTS[operation], payoutId)).toHaveLength(1);
    hidden.show();
    await expectPaidOnce(payoutId);
  });

  test.each(['order', 'payout'] as const)(
    'of the %s: by a second start, after the first was forgotten',
    async (operation) => {
      const payoutId = newId();
      const hidden = await hide(operation, payoutId);
      await loseAnswer(operation, payoutId);
      await untilRead(hidden, 1);
      await forgetWorkflow(payoutId);
      // Without any patience, which the store does not take over: what could be sent again would be.
      await startDirectly(engine, payoutRequest({ payoutId }), {
        unknownOutcomeWaitSeconds: 0,
        absenceChecks: 1,
      });
      await untilRead(hidden, hidden.readings + 3);
      expect(await requestsTo(engine, ENDPOINTS[operation], payoutId)).toHaveLength(1);
      hidden.show();
      await expectPaidOnce(payoutId);
    },
  );

  test('by two workers and a step that is dispatched again and again', async () => {
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 1);
    const other = openAnotherWorker(engine);
    try {
      const run = () => other.createPayout(payoutId);
      const answers = await Promise.all(Array.from({ length: 8 }, run));
      expect(answers.map(({ next }) => next)).toEqual(answers.map(() => ({ kind: 'resolveOutcome' })));
    } finally {
      await other.close();
    }
    hidden.show();
    await expectPaidOnce(payoutId);
  });

  test('by many who may send it again at once: one of them does, at most', async () => {
    const payoutId = newId();
    await orderFault(engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
    const hidden = await hide('payout', payoutId);
    await startDirectly(engine, payoutRequest({ payoutId }), PATIENT);
    await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
    await engine.until(payoutId, ({ holdReason }) => holdReason === 'OUTCOME_LOOKED_UP');
    await engine.stopWorker();
    const other = openAnotherWorker(engine, { keepsMirror: true });
    const providerRequest = { operation: 'payout', externalOrderId: payoutId } as const;
    try {
      expect(await other.store.requests.authoriseResend(providerRequest, 1, 'tester')).toBe(true);
      const run = () => other.createPayout(payoutId);
      await Promise.all(Array.from({ length: 8 }, run));
      // Whoever finds the lock taken takes the permission back: it is given again, and to one alone.
      if (await other.store.requests.authoriseResend(providerRequest, 1, 'tester')) await run();
    } finally {
      await other.close();
    }
    const requests = await requestsTo(engine, PAYOUTS, payoutId);
    expect(requests.map(({ effects }) => effects.length)).toEqual([0, 1]);
    hidden.show();
    await engine.startWorker();
    await engine.untilStatus(payoutId, 'paid');
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(2);
  });
});

/** As its namespace's retention does in the end: nothing of the workflow is left. */
async function forgetWorkflow(payoutId: string): Promise<void> {
  const { client, namespace } = engine.temporal;
  const workflowId = payoutWorkflowId(payoutId);
  await client.workflowService.deleteWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
  });
  await untilAnswer(
    () =>
      client.workflow
        .getHandle(workflowId)
        .describe()
        .then(
          () => false,
          () => true,
        ),
    (isGone) => isGone,
    'the workflow gone',
  );
}
