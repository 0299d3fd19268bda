import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { openAnotherWorker } from '../support/another-worker.js';
import { expectBooksToBalance } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { untilCaughtUp } from '../support/mirror-readings.js';
import { hideRequest, untilRead, type HiddenRequest, type Operation } from '../support/hidden-requests.js';
import { resetToFirstTask, startDirectly, untilHoldReasonShown } from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import {
  detailsOf,
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
  TICKER,
} from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** A payout that is held because nobody knows what became of its request: whatever is learnt of it takes it on. */

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({
    env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1', PROVIDER_SYNC_INTERVAL_MS: '200' },
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
  await expectBooksToBalance(engine);
});

const ALWAYS = 100_000;
/** Believed absent at once, and looked for again only when there is a reason to. */
const ONCE: Partial<PayoutPolicy> = { unknownOutcomeWaitSeconds: 0, absenceChecks: 1, retryMaxMs: 3_600_000 };
/** Believed absent by nobody who lives to see it. */
const PATIENT: Partial<PayoutPolicy> = { unknownOutcomeWaitSeconds: 3_600, absenceChecks: 1 };

const newId = (): string => `p-${randomUUID()}`;
const read = async (payoutId: string): Promise<Json> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body;

const providerRequestOf = async (operation: Operation, payoutId: string): Promise<Json> =>
  (
    await database.query(
      'select state, sends, resend_by from provider_requests where operation = $1 and external_order_id = $2',
      [operation, payoutId],
    )
  ).rows[0];

const untilAskedFor = (id: string): Promise<Json> =>
  untilAnswer(
    () => requestsTo(engine, 'GET /api/v1/payouts/{id}'),
    (requests) => requests.some(({ path }) => path.endsWith(id)),
    'asked for by its id',
  );

const hide = (payoutId: string, events?: 'webhookHeld'): Promise<HiddenRequest> =>
  hideRequest({ engine, proxy }, payoutId, { events });

async function untilHeldAsUnknown(payoutId: string): Promise<Json> {
  const held = await engine.untilStatus(payoutId, 'held');
  expect(held).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME', providerPayoutId: null });
  await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
  return held;
}

/** It took effect, nobody heard of it, and neither lists nor events show it. */
async function holdHidden(payoutId: string, events?: 'webhookHeld') {
  await orderFault(engine, 'resetAfterEffect', PAYOUTS, { externalOrderId: payoutId });
  const hidden = await hide(payoutId, events);
  await startDirectly(engine, payoutRequest({ payoutId }), ONCE);
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  await untilHeldAsUnknown(payoutId);
  // Before it was held, and once since.
  await untilRead(hidden, 2);
  return hidden;
}

test('an order that a list shows after all is adopted without a person', async () => {
  const payoutId = newId();
  await orderFault(engine, 'resetAfterEffect', ORDERS, { externalOrderId: payoutId });
  const hidden = await hide(payoutId);
  await openAndFund(engine, { payoutId });
  await untilHeldAsUnknown(payoutId);
  await untilRead(hidden, hidden.readings + 2);
  hidden.show();
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  expect(await providerRequestOf('order', payoutId)).toMatchObject({ state: 'accepted', sends: 1 });
});

test('an event about a payout that is looked for on hold is followed at once, and what it names is adopted', async () => {
  const payoutId = newId();
  await holdHidden(payoutId, 'webhookHeld');
  await engine.control('POST', '/events/release', { order: 'oldestFirst' });
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('a refusal of what was sent again says nothing of the first one: it is looked for on', async () => {
  const payoutId = newId();
  await orderFault(engine, 'resetAfterEffect', PAYOUTS, { externalOrderId: payoutId });
  const hidden = await hide(payoutId);
  await openAndFund(engine, { payoutId });
  await untilHeldAsUnknown(payoutId);
  await orderFault(engine, 'invalid_request_error', PAYOUTS, { externalOrderId: payoutId });
  const answer = await engine.api('POST', `/v1/payouts/${payoutId}/resolve`, {
    action: 'resend',
    reason: 'QbitPay never had it, they say',
  });
  expect(answer.status).toBe(200);
  await untilAnswer(
    () => providerRequestOf('payout', payoutId),
    (providerRequest) => providerRequest.sends === 2 && providerRequest.state !== 'sending',
    'the second answer',
  );
  expect(await providerRequestOf('payout', payoutId)).toMatchObject({ state: 'unknown', sends: 2 });
  const held = await untilHeldAsUnknown(payoutId);
  expect(detailsOf(held).join('\n')).not.toContain('refused');
  hidden.show();
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('what appears before the decision to send it again is adopted, not paid twice', async () => {
  const payoutId = newId();
  const hidden = await holdHidden(payoutId);
  hidden.show();
  const answer = await engine.api('POST', `/v1/payouts/${payoutId}/resolve`, {
    action: 'resend',
    reason: 'QbitPay never had it, they say',
  });
  expect(answer.status).toBe(409);
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
});

test('as long as its sender may live the engine allows nobody to send it again', async () => {
  const payoutId = newId();
  await orderFault(engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
  const hidden = await hide(payoutId);
  await startDirectly(engine, payoutRequest({ payoutId }), PATIENT);
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  await untilAnswer(
    () => providerRequestOf('payout', payoutId),
    (providerRequest) => providerRequest?.state === 'unknown',
    'an outcome that nobody knows',
  );
  await untilRead(hidden, 1);
  await engine.stopWorker();
  const other = openAnotherWorker(engine, { resendLimits: { CNY: '1000000' }, keepsMirror: true });
  const resolveOutcome = () =>
    other.resolveOutcome({
      payoutId,
      unknownOutcomeWaitSeconds: 0,
      refusalWaitSeconds: 0,
      absenceChecks: 1,
    });
  const providerRequest = { operation: 'payout', externalOrderId: payoutId } as const;
  try {
    await other.store.requests.whileSending(providerRequest, async () => {
      expect((await resolveOutcome()).next).toEqual({ kind: 'outcomeOpen', reason: 'OUTCOME_LOOKED_UP' });
      expect((await providerRequestOf('payout', payoutId)).resend_by).toBeNull();
    });
    await untilAnswer(resolveOutcome, ({ next }) => next === undefined, 'absence checks enough');
    expect((await providerRequestOf('payout', payoutId)).resend_by).toBe('engine');
    expect(await other.createPayout(payoutId)).toMatchObject({ status: 'in_transit' });
  } finally {
    await other.close();
  }
  await engine.startWorker();
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('an order of which nobody knows is looked for although its market is gone', async () => {
  const payoutId = newId();
  await orderFault(engine, 'resetAfterEffect', ORDERS, { externalOrderId: payoutId });
  const hidden = await hide(payoutId);
  await startDirectly(engine, payoutRequest({ payoutId }), { ...PATIENT, convertTimeoutSeconds: 1 });
  await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
  const isLookedFor = async (): Promise<boolean> => (await read(payoutId)).holdReason === 'OUTCOME_LOOKED_UP';
  await untilAnswer(isLookedFor, (now) => now, 'looked for');
  await orderFault(engine, 'invalid_request_error', TICKER, { times: ALWAYS });
  const tickers = (await requestsTo(engine, TICKER)).length;
  // A reset takes the step from its beginning, which is the price.
  await resetToFirstTask(engine, payoutId);
  await untilAnswer(
    () => requestsTo(engine, TICKER),
    (requests) => requests.length > tickers,
    'no price',
  );
  await untilAnswer(isLookedFor, (now) => now, 'looked for');
  await untilRead(hidden, hidden.readings + 3);
  expect(await read(payoutId)).toMatchObject({ status: 'converting', holdReason: 'OUTCOME_LOOKED_UP' });
  hidden.show();
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
});

test('events about what QbitPay does not show, or that cannot be read, do not keep a payout from its end', async () => {
  const payoutId = newId();
  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
  await openAndFund(engine, { payoutId });
  const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
  const [unseenId, unreadableId] = [randomUUID(), randomUUID()];
  proxy.rewrite((request) =>
    request.endsWith(unreadableId) ? { type: 'api_error', message: 'out of order' } : undefined,
  );
  for (const id of [unreadableId, '.', '..', unseenId]) {
    const data = { id, object: 'payout', status: 'paid', externalOrderId: payoutId };
    await engine.control('POST', '/events/forge', { type: 'payout.paid', data, signature: 'valid' });
  }
  for (const id of [unreadableId, unseenId]) await untilAskedFor(id);
  await untilCaughtUp(engine, payoutId);
  expect((await read(payoutId)).status).toBe('in_transit');
  await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
  expect(await engine.untilStatus(payoutId, 'paid')).toMatchObject({ providerPayoutId, flags: [] });
  // A look for the outcome that a reset brings back is answered by the store.
  const worker = openAnotherWorker(engine);
  const found = await worker.resolveOutcome({
    payoutId,
    unknownOutcomeWaitSeconds: 0,
    refusalWaitSeconds: 0,
    absenceChecks: 1,
  });
  await worker.close();
  expect(found).toMatchObject({ status: 'paid' });
});
