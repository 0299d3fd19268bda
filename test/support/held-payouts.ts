import { randomUUID } from 'node:crypto';
import { FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { expectBooksToBalance, availableIn, makeAvailable } from './balances.js';
import { CANARY_API_KEY, type TestEngine } from './engine.js';
import { payoutRequest, type Json } from './engine-client.js';
import { advancePayout, currentDetailsOf, untilHoldReasonShown } from './payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from './provider-proxy.js';
import { detailsOf, openAndFund, PAYOUTS } from './provider-requests.js';
import { untilAnswer } from './until-answer.js';

/** Payouts that are held, and what persons do about them, on a whole engine of the test file that says so. */

export let engine: TestEngine;
export let proxy: ProviderProxy;

/** Of the whole file: after each test the provider is as it was, and the books balance. */
export function useEngineThatHolds(): void {
  beforeAll(async () => {
    ({ engine, proxy } = await startEngineBehindProxy({
      env: {
        ON_FAILED_ATTEMPT: 'hold',
        UNKNOWN_OUTCOME_WAIT_SECONDS: '0',
        ABSENCE_CHECKS: '1',
        CONVERT_TIMEOUT_SECONDS: '1',
      },
    }));
  });
  afterAll(() => engine.stop());
  afterEach(async () => {
    proxy.rewrite(undefined);
    await engine.control('DELETE', '/faults');
    await engine.control('DELETE', '/outcomes');
    await engine.control('PATCH', '/settings', { returns: 'immediate', returnFees: true, payoutFee: null });
    await setPrice('6.97');
    await expectBooksToBalance(engine);
  });
}

export const REASON = 'as agreed with QbitPay on the phone';
export const ALWAYS = 100_000;

export const newId = (): string => `p-${randomUUID()}`;

const setPrice = (bid: string): Promise<Json> =>
  engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });

export const fault = (
  kind: string,
  endpoint: string,
  externalOrderId: string,
  more: Json = {},
): Promise<Json> => engine.control('POST', '/faults', { kind, endpoint, externalOrderId, ...more });

export const endAs = (outcome: string, externalOrderId: string): Promise<Json> =>
  engine.control('POST', '/outcomes', { outcome, externalOrderId });

export const adjust = (currency: string, amount: string): Promise<Json> =>
  engine.control('POST', '/balances/adjust', { currency, amount });

export const operate = (payoutId: string, operation: string, more: Json = {}) =>
  engine.api('POST', `/v1/payouts/${payoutId}/${operation}`, { reason: REASON, ...more });

/** The operation is carried out, and the timeline says by whom and why. */
export async function decide(payoutId: string, operation: string, more: Json = {}): Promise<Json> {
  const answer = await operate(payoutId, operation, more);
  expect(answer).toMatchObject({ status: 200, body: { payoutId } });
  const { timeline } = await read(payoutId);
  expect(JSON.stringify(timeline)).toContain(`local: ${REASON}`);
  return answer.body;
}

export async function expectRefused(
  payoutId: string,
  operation: string,
  why: RegExp,
  more?: Json,
): Promise<void> {
  const answer = await operate(payoutId, operation, more);
  expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
  expect(answer.body.detail).toMatch(why);
}

export const read = async (payoutId: string): Promise<Json> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body;

/** Held for this reason, in the store and in the Temporal UI, with what a person can do. */
export async function untilHeld(payoutId: string, reason: FailureType): Promise<Json> {
  const held = await engine.until(
    payoutId,
    ({ status, holdReason }) => status === 'held' && holdReason === reason,
    `held as ${reason}`,
  );
  const { meaning, action, actions } = FAILURES[reason];
  expect(held.hold).toEqual({ reason, meaning, action, actions });
  await untilHoldReasonShown(engine, payoutId, reason);
  const details = await currentDetailsOf(engine, payoutWorkflowId(payoutId));
  for (const words of [`**held**`, reason, meaning, action, `**Possible:** ${actions.join(', ')}`]) {
    expect(details).toContain(words);
  }
  return held;
}

/** What QbitPay has for a payout, whatever the attempt, and did not fail or cancel. */
export async function livePayouts(payoutId: string): Promise<Json[]> {
  const ours = (await allPayouts()).filter(
    ({ externalOrderId = '' }: Json) => externalOrderId.split('~')[0] === payoutId,
  );
  return ours.filter(({ status }) => status !== 'failed' && status !== 'cancelled');
}

export const callProvider = async (method: string, path: string, body?: Json): Promise<Json> => {
  const response = await fetch(`${engine.env['QBITPAY_BASE_URL'] ?? ''}${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
};

const allPayouts = async (): Promise<Json[]> => (await callProvider('GET', '/api/v1/payouts?limit=100')).data;

export async function expectPaidOnce(payoutId: string): Promise<void> {
  await engine.untilStatus(payoutId, 'paid');
  expect((await livePayouts(payoutId)).map(({ status }) => status)).toEqual(['paid']);
}

/** Cancelled: what it had in this currency is available, and QbitPay has nothing of it. */
export async function cancelReleasing(payoutId: string, currency: string): Promise<void> {
  const before = await availableIn(engine, currency);
  expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(200);
  await engine.untilStatus(payoutId, 'cancelled');
  await untilAnswer(
    () => availableIn(engine, currency),
    (free) => compareAmounts(free, before) > 0,
    `money of ${payoutId} available in ${currency}`,
  );
  expect(await livePayouts(payoutId)).toEqual([]);
}

export const isOrderOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'order' && body.externalOrderId === payoutId;

export const isPayoutOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'payout' && body.externalOrderId === payoutId;

/** Changes what the provider answers about an order or a payout of its own. */
export const answerWith = (payoutId: string, isOne: typeof isOrderOf, change: Json): void =>
  proxy.rewrite((_request, body) => (isOne(payoutId, body) ? { ...body, ...change } : undefined));

/** Opened, funded, and held because of what was prepared. */
export async function openHeld(
  reason: FailureType,
  prepare: (payoutId: string) => unknown,
  changes: Json = {},
): Promise<Json> {
  const payoutId = newId();
  await prepare(payoutId);
  await openAndFund(engine, { payoutId, ...changes });
  return untilHeld(payoutId, reason);
}

/** Its list hides what it has of this payout, and no event tells of it; of other lists, all, where that is said. */
export async function hideFromLists(
  payoutId: string,
  isHidden: (request: string) => boolean = () => false,
): Promise<void> {
  for (const word of ['pending', 'inTransition', 'paid']) {
    await engine.control('POST', '/faults', { kind: 'webhookLost', eventType: `payout.${word}` });
  }
  proxy.rewrite((request, body) => {
    if (!request.startsWith('GET') || body?.object !== 'list') return undefined;
    const isShown = (one: Json): boolean => one.externalOrderId !== payoutId && !isHidden(request);
    return { ...body, data: body.data.filter(isShown) };
  });
}

export const openUnsent = (endpoint: string) => () =>
  openHeld('UNKNOWN_OUTCOME', (payoutId) => fault('resetBeforeEffect', endpoint, payoutId));

export const openRefused = (endpoint: string) => () =>
  openHeld('PROVIDER_REFUSED', (payoutId) => fault('api_error', endpoint, payoutId, { status: 402 }));

export const openHidden = (endpoint: string) => () =>
  openHeld('UNKNOWN_OUTCOME', async (payoutId) => {
    await hideFromLists(payoutId);
    await fault('resetAfterEffect', endpoint, payoutId);
  });

export const openRefusedDestination = () =>
  openHeld('DESTINATION_REFUSED', (payoutId) => fault('invalid_request_error', PAYOUTS, payoutId));

export const openFailed = (outcome: string) => () =>
  openHeld('ATTEMPT_FAILED', (payoutId) => endAs(outcome, payoutId));

/** QbitPay calls it failed, and its money does not come back. */
export async function openFailedForNow(): Promise<Json> {
  await engine.control('PATCH', '/settings', { returns: 'manual' });
  return openFailed('failed')();
}

/** QbitPay ends the order filled in part, and does not show its balance transactions. */
export function openUnclear(): Promise<Json> {
  return openHeld('ORDER_UNCLEAR', async (externalOrderId) => {
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled: '300', externalOrderId });
    proxy.rewrite((request, body) => (request.includes('type=order') ? { ...body, data: [] } : undefined));
  });
}

/** A second payout under the same id, of whoever made it. */
export async function openDuplicated(): Promise<Json> {
  await makeAvailable(engine, 'CNY', '6000');
  const payoutId = newId();
  const { destination } = payoutRequest();
  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId, times: 2 });
  await callProvider('POST', '/api/v1/payouts', {
    amount: 5000,
    currency: 'CNY',
    externalOrderId: payoutId,
    destination,
  });
  await fault('resetAfterEffect', PAYOUTS, payoutId);
  await openAndFund(engine, { payoutId });
  return untilHeld(payoutId, 'DUPLICATE_AT_PROVIDER');
}

export async function openHeldByOperator(): Promise<Json> {
  const { payoutId } = await engine.open();
  await decide(payoutId, 'hold');
  return untilHeld(payoutId, 'HELD_BY_OPERATOR');
}

export async function closeUnsent({ payoutId }: Json): Promise<void> {
  await decide(payoutId, 'resolve', { action: 'close' });
  const failed = await engine.untilStatus(payoutId, 'failed');
  expect(failed.failure.type).toBe('CLOSED_BY_OPERATOR');
  expect(await livePayouts(payoutId)).toEqual([]);
  expect(failed.postings.at(-1)).toMatchObject({ cause: 'release', account: 'available' });
}

export async function closeAsOver(payoutId: string, prepare = (): void => undefined): Promise<void> {
  prepare();
  await decide(payoutId, 'resolve', { action: 'close' });
  proxy.rewrite(undefined);
  const failed = await engine.untilStatus(payoutId, 'failed');
  expect(failed.failure.type).toBe('CLOSED_BY_OPERATOR');
  expect(await livePayouts(payoutId)).toEqual([]);
}

export async function untilMoneyBack(payoutId: string): Promise<void> {
  await engine.until(
    payoutId,
    ({ postings }) => postings.some(({ cause }: Json) => cause === 'return'),
    'the money back',
  );
}

/** A failed attempt is refused until its money is back, and then taken. */
export async function untilRetried(payoutId: string, more: Json): Promise<void> {
  const answer = await untilAnswer(
    () => operate(payoutId, 'retry', more),
    ({ status, body }) => status !== 409 || !/money has not come back/.test(body.detail),
    'the money back',
  );
  expect(answer).toMatchObject({ status: 200 });
  const { timeline } = await read(payoutId);
  expect(detailsOf({ timeline }).join('\n')).toMatch(new RegExp(`another attempt.*local: ${REASON}`));
}

export async function advance({ providerPayoutId }: Json, status: string): Promise<void> {
  await advancePayout(engine, providerPayoutId, status);
}

export const timesHeld = (timeline: readonly Json[]): number =>
  timeline.filter(({ status }) => status === 'held').length;

export const handleOf = (payoutId: string) =>
  engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId));
