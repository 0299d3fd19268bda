import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Book } from '../../src/book/book.js';
import {
  FAILURE_KIND,
  FAILURES,
  failureTypesOfKind,
  type FailureType,
} from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../src/domain/money.js';
import type { OperatorAction } from '../../src/domain/operator-action.js';
import { balanceIn, expectBooksToBalance, freeIn, freeMoney } from '../support/books.js';
import { CANARY_API_KEY, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import {
  currentDetailsOf,
  endDepositTime,
  resetToFirstUpdate,
  startDirectly,
  untilAnswer,
  untilHoldReasonShown,
} from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import { detailsOf, openAndFund, ORDERS, PAYOUTS, requestsTo, TICKER } from '../support/provider-requests.js';
import { attachTestBook } from '../support/test-book.js';

/** Every reason to be held, and every way out of it, on a whole engine. */

let engine: TestEngine;
let proxy: ProviderProxy;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({
    env: {
      ON_FAILED_ATTEMPT: 'hold',
      SETTLE_WINDOW_SECONDS: '0',
      CLEAN_SCANS: '1',
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

const REASON = 'as agreed with QbitPay on the phone';
const ALWAYS = 100_000;
const OTHER_DESTINATION = { type: 'Alipay', payerName: 'Another Trading Ltd', bankAccountNum: '13800000000' };

const newId = (): string => `p-${randomUUID()}`;
const setPrice = (bid: string): Promise<Json> =>
  engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });
const fault = (kind: string, endpoint: string, externalOrderId: string, more: Json = {}): Promise<Json> =>
  engine.control('POST', '/faults', { kind, endpoint, externalOrderId, ...more });
const endAs = (outcome: string, externalOrderId: string): Promise<Json> =>
  engine.control('POST', '/outcomes', { outcome, externalOrderId });
const adjust = (currency: string, amount: string): Promise<Json> =>
  engine.control('POST', '/balances/adjust', { currency, amount });
const operate = (payoutId: string, operation: string, more: Json = {}) =>
  engine.api('POST', `/v1/payouts/${payoutId}/${operation}`, { reason: REASON, ...more });

/** The operation is carried out, and the timeline says by whom and why. */
async function decide(payoutId: string, operation: string, more: Json = {}): Promise<Json> {
  const answer = await operate(payoutId, operation, more);
  expect(answer).toMatchObject({ status: 200, body: { payoutId } });
  const { timeline } = await read(payoutId);
  expect(JSON.stringify(timeline)).toContain(`local: ${REASON}`);
  return answer.body;
}

async function expectRefused(payoutId: string, operation: string, why: RegExp, more?: Json): Promise<void> {
  const answer = await operate(payoutId, operation, more);
  expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
  expect(answer.body.detail).toMatch(why);
}

const read = async (payoutId: string): Promise<Json> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body;

/** Held for this reason, in the book and in the Temporal UI, with what a person can do. */
async function untilHeld(payoutId: string, reason: FailureType): Promise<Json> {
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
async function livePayouts(payoutId: string): Promise<Json[]> {
  const ours = (await allPayouts()).filter(
    ({ externalOrderId = '' }: Json) => externalOrderId.split('~')[0] === payoutId,
  );
  return ours.filter(({ status }) => status !== 'failed' && status !== 'cancelled');
}

const callProvider = async (method: string, path: string, body?: Json): Promise<Json> => {
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

async function expectPaidOnce(payoutId: string): Promise<void> {
  await engine.untilStatus(payoutId, 'paid');
  expect((await livePayouts(payoutId)).map(({ status }) => status)).toEqual(['paid']);
}

/** Cancelled: what it had in this currency is free, and QbitPay has nothing of it. */
async function cancelFreeing(payoutId: string, currency: string): Promise<void> {
  const before = await freeIn(engine, currency);
  expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(200);
  await engine.untilStatus(payoutId, 'cancelled');
  await untilAnswer(
    () => freeIn(engine, currency),
    (free) => compareAmounts(free, before) > 0,
    `money of ${payoutId} free in ${currency}`,
  );
  expect(await livePayouts(payoutId)).toEqual([]);
}

const isOrderOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'order' && body.externalOrderId === payoutId;
const isPayoutOf = (payoutId: string, body: Json): boolean =>
  body?.object === 'payout' && body.externalOrderId === payoutId;

/** Changes what the provider answers about an order or a payout of its own. */
const answerWith = (payoutId: string, isOne: typeof isOrderOf, change: Json): void =>
  proxy.rewrite((_request, body) => (isOne(payoutId, body) ? { ...body, ...change } : undefined));

/** Opened, funded, and held because of what was prepared. */
async function openHeld(
  reason: FailureType,
  prepare: (payoutId: string) => unknown,
  changes: Json = {},
): Promise<Json> {
  const payoutId = newId();
  await prepare(payoutId);
  await openAndFund(engine, { payoutId, ...changes });
  return untilHeld(payoutId, reason);
}

/** Its list hides what it has of this payout, and no event tells of it. */
async function hideFromLists(payoutId: string): Promise<void> {
  for (const word of ['pending', 'inTransition', 'paid']) {
    await engine.control('POST', '/faults', { kind: 'webhookLost', eventType: `payout.${word}` });
  }
  proxy.rewrite((request, body) =>
    request.startsWith('GET') && body?.object === 'list'
      ? { ...body, data: body.data.filter((one: Json) => one.externalOrderId !== payoutId) }
      : undefined,
  );
}

/** QbitPay ends the order with as much of it sold. */
const openUnfilled =
  (status: 'cancelled' | 'failed', filled = '0') =>
  async (): Promise<Json> => {
    const held = await openHeld('ORDER_NOT_FILLED', (externalOrderId) =>
      engine.control('POST', '/orders/outcomes', { status, filled, externalOrderId }),
    );
    expect(held.order.status).toBe(status);
    expect(compareAmounts(held.order.amount, filled)).toBe(0);
    return held;
  };

async function freedInBoth({ payoutId, deposit, order }: Json): Promise<void> {
  const before = { USDT: await freeIn(engine, 'USDT'), CNY: await freeIn(engine, 'CNY') };
  await cancelFreeing(payoutId, 'USDT');
  const freed = subtractAmounts(await freeIn(engine, 'USDT'), before.USDT);
  expect(freed).toBe(subtractAmounts(deposit.amount, order.amount));
  expect(subtractAmounts(await freeIn(engine, 'CNY'), before.CNY)).toBe(addAmounts(order.quoteAmount));
}

async function openShort(): Promise<Json> {
  const payoutId = newId();
  answerWith(payoutId, isOrderOf, { quoteAmount: 4_000 });
  await openAndFund(engine, { payoutId });
  const held = await untilHeld(payoutId, 'SHORT_AFTER_ORDER');
  const order = (await callProvider('GET', '/api/v1/orders?limit=1')).data[0];
  proxy.rewrite(undefined);
  const { quoteAmount } = await callProvider('GET', `/api/v1/orders/${order.id}`);
  await adjust('CNY', subtractAmounts('4000', String(quoteAmount)));
  return held;
}

const openUnsent = (endpoint: string) => () =>
  openHeld('UNKNOWN_OUTCOME', (payoutId) => fault('resetBeforeEffect', endpoint, payoutId));
const openRefused = (endpoint: string) => () =>
  openHeld('PROVIDER_REFUSED', (payoutId) => fault('api_error', endpoint, payoutId, { status: 402 }));
const openHidden = (endpoint: string) => () =>
  openHeld('UNKNOWN_OUTCOME', async (payoutId) => {
    await hideFromLists(payoutId);
    await fault('resetAfterEffect', endpoint, payoutId);
  });
const openRefusedDestination = () =>
  openHeld('DESTINATION_REFUSED', (payoutId) => fault('invalid_request_error', PAYOUTS, payoutId));
const openFailed = (outcome: string) => () =>
  openHeld('ATTEMPT_FAILED', (payoutId) => endAs(outcome, payoutId));
const openMoved = () => openHeld('PRICE_MOVED', movePriceAfterOpening);

/** The estimate is made at the opening; the price moves when it is asked for again. */
function movePriceAfterOpening(): void {
  let readings = 0;
  proxy.rewrite((request, body) =>
    request.startsWith(TICKER) && (readings += 1) > 1 ? { ...body, bid: 6.5 } : undefined,
  );
}

function agePriceAfterOpening(): void {
  let readings = 0;
  proxy.rewrite((request, body) =>
    request.startsWith(TICKER) && (readings += 1) > 1
      ? { ...body, timestamp: body.timestamp - 26_000 }
      : undefined,
  );
}

const openUnpriced = () => openHeld('NO_USABLE_PRICE', () => agePriceAfterOpening());

async function openUnderfunded(): Promise<Json> {
  const { payoutId } = await engine.open();
  const txHash = randomUUID().replaceAll('-', '').repeat(2);
  await engine.api('POST', `/v1/payouts/${payoutId}/deposit`, { txHash });
  await engine.control('POST', '/deposits', { currency: 'USDT', amount: '700', txHash });
  await engine.until(payoutId, ({ deposit }) => deposit.received === '700.000000', 'part of its deposit');
  await endDepositTime(engine, payoutId);
  return untilHeld(payoutId, 'UNDERFUNDED');
}

/** A second payout under the same id, of whoever made it. */
async function openDuplicated(): Promise<Json> {
  await freeMoney(engine, 'CNY', '6000');
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

const openConvertedByProvider = () =>
  openHeld('CONVERTED_BY_PROVIDER', async (payoutId) => {
    await endAs('stuck', payoutId);
    answerWith(payoutId, isPayoutOf, { trade: { id: 'tr_1', status: 'done' } });
  });
const openWithUnknownStatus = () =>
  openHeld('STATUS_NOT_KNOWN', (payoutId) =>
    answerWith(payoutId, isPayoutOf, { status: 'inReview 6222020200112233445' }),
  );

async function openHeldByOperator(): Promise<Json> {
  const { payoutId } = await engine.open();
  await decide(payoutId, 'hold');
  return untilHeld(payoutId, 'HELD_BY_OPERATOR');
}

interface WayOut {
  readonly reason: FailureType;
  readonly action: OperatorAction;
  readonly how: string;
  readonly make: () => Promise<Json>;
  readonly leave: (held: Json) => Promise<void>;
}

const paidAfter =
  (operation: string, more?: Json) =>
  async ({ payoutId }: Json): Promise<void> => {
    proxy.rewrite(undefined);
    await decide(payoutId, operation, more);
    await expectPaidOnce(payoutId);
  };
async function paidInTransit({ payoutId }: Json): Promise<void> {
  await decide(payoutId, 'resume');
  await advance(await engine.untilStatus(payoutId, 'in_transit'), 'paid');
  await expectPaidOnce(payoutId);
}

const freed =
  (currency: string) =>
  ({ payoutId }: Json): Promise<void> =>
    cancelFreeing(payoutId, currency);

const way = (
  reason: FailureType,
  action: OperatorAction,
  how: string,
  make: WayOut['make'],
  leave: WayOut['leave'],
): WayOut => ({ reason, action, how, make, leave });

async function closeUnsent({ payoutId }: Json): Promise<void> {
  await decide(payoutId, 'resolve', { action: 'close' });
  const failed = await engine.untilStatus(payoutId, 'failed');
  expect(failed.failure.type).toBe('CLOSED_BY_OPERATOR');
  expect(await livePayouts(payoutId)).toEqual([]);
  expect(failed.postings.at(-1)).toMatchObject({ cause: 'release', account: 'free' });
}

async function adoptHidden({ payoutId, order }: Json): Promise<void> {
  const [sent] = await requestsTo(engine, order === null ? ORDERS : PAYOUTS, payoutId);
  await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: sent.effects[0] });
  await engine.untilStatus(payoutId, 'paid');
  proxy.rewrite(undefined);
  await expectPaidOnce(payoutId);
  expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
}

async function adoptOneOfTwo({ payoutId }: Json): Promise<void> {
  const [own, other] = await livePayouts(payoutId);
  await expectRefused(payoutId, 'resolve', /has .* as .*: have it cancelled first/, {
    action: 'adopt',
    providerPayoutId: own.id,
  });
  await engine.control('POST', `/payouts/${other.id}/advance`, { status: 'cancelled' });
  await expectRefused(payoutId, 'resolve', /neither be sent again/, { action: 'resend' });
  await expectRefused(payoutId, 'resolve', /neither be sent again/, { action: 'close' });
  await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: own.id });
  await advance({ providerPayoutId: own.id }, 'paid');
  await expectPaidOnce(payoutId);
}

async function retryOrder({ payoutId }: Json): Promise<void> {
  proxy.rewrite(undefined);
  await decide(payoutId, 'retry');
  await expectPaidOnce(payoutId);
  expect(await requestsTo(engine, ORDERS, `${payoutId}~o2`)).toHaveLength(1);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
}

const retryPayout =
  (destination?: Json) =>
  async ({ payoutId }: Json): Promise<void> => {
    if (destination !== undefined) await endAs('stuck', `${payoutId}~2`);
    await untilRetried(payoutId, destination === undefined ? {} : { destination });
    const [sent] = await untilAnswer(
      () => requestsTo(engine, PAYOUTS, `${payoutId}~2`),
      (requests) => requests.length === 1,
      'a second attempt',
    );
    if (destination !== undefined) {
      expect(sent.body.destination).toEqual(destination);
      await advance(await engine.untilStatus(payoutId, 'in_transit'), 'paid');
    }
    await expectPaidOnce(payoutId);
    // The event of the second attempt carries its number and is the payout's all the same.
    const [{ id }] = await livePayouts(payoutId);
    const { data } = await engine.control('GET', `/events?type=payout.paid&subject=${id}`);
    expect(data[0].body.data.externalOrderId).toBe(`${payoutId}~2`);
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
  };

async function untilMoneyBack(payoutId: string): Promise<void> {
  await engine.until(
    payoutId,
    ({ postings }) => postings.some(({ cause }: Json) => cause === 'return'),
    'the money back',
  );
}

/** A failed attempt is refused until its money is back, and then taken. */
async function untilRetried(payoutId: string, more: Json): Promise<void> {
  const answer = await untilAnswer(
    () => operate(payoutId, 'retry', more),
    ({ status, body }) => status !== 409 || !/money has not come back/.test(body.detail),
    'the money back',
  );
  expect(answer).toMatchObject({ status: 200 });
  const { timeline } = await read(payoutId);
  expect(detailsOf({ timeline }).join('\n')).toMatch(new RegExp(`another attempt.*local: ${REASON}`));
}

const WAYS_OUT: readonly WayOut[] = [
  way(
    'UNKNOWN_OUTCOME',
    'resolve',
    'resend of the order',
    openUnsent(ORDERS),
    paidAfter('resolve', { action: 'resend' }),
  ),
  way(
    'UNKNOWN_OUTCOME',
    'resolve',
    'resend of the payout',
    openUnsent(PAYOUTS),
    paidAfter('resolve', { action: 'resend' }),
  ),
  way('UNKNOWN_OUTCOME', 'resolve', 'close at the order', openUnsent(ORDERS), closeUnsent),
  way('UNKNOWN_OUTCOME', 'resolve', 'close at the payout', openUnsent(PAYOUTS), closeUnsent),
  way('UNKNOWN_OUTCOME', 'resolve', 'adoption of the order', openHidden(ORDERS), adoptHidden),
  way('UNKNOWN_OUTCOME', 'resolve', 'adoption of the payout', openHidden(PAYOUTS), adoptHidden),
  way('DUPLICATE_AT_PROVIDER', 'resolve', 'adoption of one', openDuplicated, adoptOneOfTwo),
  way('DUPLICATE_AT_PROVIDER', 'resolve', 'both were paid', openDuplicated, adoptOneOfTwoPaid),
  way('PRICE_MOVED', 'resume', 'the price is back', openMoved, paidAfter('resume')),
  way('PRICE_MOVED', 'cancel', 'deposit free', openMoved, freed('USDT')),
  way('NO_USABLE_PRICE', 'resume', 'prices are fresh', openUnpriced, paidAfter('resume')),
  way('NO_USABLE_PRICE', 'cancel', 'deposit free', openUnpriced, freed('USDT')),
  way('ORDER_NOT_FILLED', 'retry', 'after a cancelled order', openUnfilled('cancelled'), retryOrder),
  way('ORDER_NOT_FILLED', 'retry', 'after a failed order', openUnfilled('failed'), retryOrder),
  way('ORDER_NOT_FILLED', 'retry', 'filled in part', openUnfilled('cancelled', '300'), retryOrder),
  way('ORDER_NOT_FILLED', 'cancel', 'deposit free', openUnfilled('cancelled'), freed('USDT')),
  way('ORDER_NOT_FILLED', 'cancel', 'both currencies free', openUnfilled('failed', '300'), freedInBoth),
  way('ORDER_UNCLEAR', 'resume', 'it shows what was sold', openUnclear, async (held) => {
    proxy.rewrite(undefined);
    await decide(held.payoutId, 'resume');
    await retryOrder(await untilHeld(held.payoutId, 'ORDER_NOT_FILLED'));
  }),
  way('ORDER_UNCLEAR', 'resolve', 'what shows is all', openUnclear, async ({ payoutId }) => {
    const before = await freeIn(engine, 'CNY');
    await closeAsOver(payoutId, () => proxy.rewrite(undefined));
    expect(addAmounts(await freeIn(engine, 'CNY'), `-${before}`)).toBe('2091');
  }),
  way('SHORT_AFTER_ORDER', 'cancel', 'converted money free', openShort, freed('CNY')),
  way('DESTINATION_REFUSED', 'retry', 'the same again', openRefusedDestination, retryPayout()),
  way('DESTINATION_REFUSED', 'retry', 'elsewhere', openRefusedDestination, retryPayout(OTHER_DESTINATION)),
  way('DESTINATION_REFUSED', 'cancel', 'converted money free', openRefusedDestination, freed('CNY')),
  way('PROVIDER_REFUSED', 'retry', 'of the order', openRefused(ORDERS), retryOrder),
  way('PROVIDER_REFUSED', 'retry', 'of the payout', openRefused(PAYOUTS), retryPayout()),
  way('PROVIDER_REFUSED', 'cancel', 'at the order', openRefused(ORDERS), freed('USDT')),
  way('PROVIDER_REFUSED', 'cancel', 'at the payout', openRefused(PAYOUTS), freed('CNY')),
  way('UNDERFUNDED', 'cancel', 'deposit free', openUnderfunded, freed('USDT')),
  way('CONVERTED_BY_PROVIDER', 'resume', 'paid', openConvertedByProvider, paidInTransit),
  way('STATUS_NOT_KNOWN', 'resume', 'the word is known', openWithUnknownStatus, paidAfter('resume')),
  way('STATUS_NOT_KNOWN', 'resolve', 'the word is an end', openEndedInOtherWords, closeReturned),
  way('STATUS_NOT_KNOWN', 'resolve', 'the order has ended', openOrderEndedInOtherWords, async (held) => {
    await closeAsOver(held.payoutId);
    expect(addAmounts(await freeIn(engine, 'CNY'), `-${held.freeBefore}`)).toBe('2091');
  }),
  way('ATTEMPT_FAILED', 'retry', 'after a failed attempt', openFailed('failed'), retryPayout()),
  way('ATTEMPT_FAILED', 'retry', 'elsewhere', openFailed('cancelled'), retryPayout(OTHER_DESTINATION)),
  way('ATTEMPT_FAILED', 'cancel', 'money free', openFailed('failed'), freed('CNY')),
  way('ATTEMPT_FAILED', 'resolve', 'paid after all', openFailedForNow, adoptPaid),
  way('HELD_BY_OPERATOR', 'resume', 'still unfunded', openHeldByOperator, async ({ payoutId, deposit }) => {
    await decide(payoutId, 'resume');
    await engine.untilStatus(payoutId, 'awaiting_deposit');
    await engine.fund({ deposit });
    await expectPaidOnce(payoutId);
  }),
  way('HELD_BY_OPERATOR', 'cancel', 'before the deposit', openHeldByOperator, async ({ payoutId }) => {
    expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(200);
    await engine.untilStatus(payoutId, 'cancelled');
  }),
  way('ORDER_DIFFERS', 'resume', 'it was an error', openOtherOrder, paidAfter('resume')),
  // Last: what QbitPay took in the other currency is a shortfall there from then on.
  way('CURRENCY_DIFFERS', 'resume', 'paid as it is', openInOtherCurrency, async ({ payoutId }) => {
    await decide(payoutId, 'resume');
    await advance(await engine.untilStatus(payoutId, 'in_transit'), 'paid');
    await engine.untilStatus(payoutId, 'paid');
  }),
  way('TAKEN_BEYOND_LEDGER', 'resume', 'not before it is booked', openTakenBeyond, payWhenCovered),
];

/** Nobody cancelled one of them in time: the recipient has got the money twice, and that is seen. */
async function adoptOneOfTwoPaid({ payoutId }: Json): Promise<void> {
  const [own, other] = await livePayouts(payoutId);
  for (const { id } of [own, other]) await advance({ providerPayoutId: id }, 'paid');
  await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: own.id });
  const paid = await engine.untilStatus(payoutId, 'paid');
  expect(paid).toMatchObject({ providerPayoutId: own.id, flags: ['SURPLUS_ACCEPTANCE'] });
  expect(detailsOf(paid).join('\n')).toContain(`QbitPay paid ${other.id} as well`);
  await adjust('CNY', '5025');
}

/** QbitPay ends the order filled in part, and does not show its balance transactions. */
function openUnclear(): Promise<Json> {
  return openHeld('ORDER_UNCLEAR', async (externalOrderId) => {
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled: '300', externalOrderId });
    proxy.rewrite((request, body) => (request.includes('type=order') ? { ...body, data: [] } : undefined));
  });
}

/** QbitPay sends the money back, and calls that something else. */
function openEndedInOtherWords(): Promise<Json> {
  return openHeld('STATUS_NOT_KNOWN', async (payoutId) => {
    await engine.control('PATCH', '/settings', { returns: 'manual' });
    await endAs('failed', payoutId);
    answerWith(payoutId, isPayoutOf, { status: 'bounced' });
  });
}

async function closeReturned({ payoutId, providerPayoutId }: Json): Promise<void> {
  await expectRefused(payoutId, 'resolve', /does not show its money/, { action: 'close' });
  const before = await freeIn(engine, 'CNY');
  await untilAnswer(
    () =>
      engine.control('POST', `/payouts/${providerPayoutId}/return`, {}).then(
        () => true,
        () => false,
      ),
    (taken) => taken,
    'its money back',
  );
  await closeAsOver(payoutId);
  expect(compareAmounts(await freeIn(engine, 'CNY'), before)).toBe(1);
}

async function openOrderEndedInOtherWords(): Promise<Json> {
  const freeBefore = await freeIn(engine, 'CNY');
  const held = await openHeld('STATUS_NOT_KNOWN', async (externalOrderId) => {
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled: '300', externalOrderId });
    answerWith(externalOrderId, isOrderOf, { status: 'expired' });
  });
  return { ...held, freeBefore };
}

async function closeAsOver(payoutId: string, prepare = (): void => undefined): Promise<void> {
  prepare();
  await decide(payoutId, 'resolve', { action: 'close' });
  proxy.rewrite(undefined);
  const failed = await engine.untilStatus(payoutId, 'failed');
  expect(failed.failure.type).toBe('CLOSED_BY_OPERATOR');
  expect(await livePayouts(payoutId)).toEqual([]);
}

/** QbitPay calls it failed, and its money does not come back. */
async function openFailedForNow(): Promise<Json> {
  await engine.control('PATCH', '/settings', { returns: 'manual' });
  return openFailed('failed')();
}

async function adoptPaid({ payoutId, providerPayoutId }: Json): Promise<void> {
  const adoption = { action: 'adopt', providerPayoutId };
  await expectRefused(payoutId, 'resolve', /does not say that it was paid/, adoption);
  for (const action of ['resend', 'close']) {
    await expectRefused(payoutId, 'resolve', /neither be sent again/, { action });
  }
  await engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { status: 'paid' });
  await decide(payoutId, 'resolve', adoption);
  await expectPaidOnce(payoutId);
  const { postings } = await read(payoutId);
  const causes = new Set(postings.map(({ cause }: Json) => cause));
  expect([...causes].slice(-3)).toEqual(['payout_failure', 'payout_failure_reversed', 'release']);
  await handleOf(payoutId).result();
}

function openOtherOrder(): Promise<Json> {
  return openHeld('ORDER_DIFFERS', (payoutId) => answerWith(payoutId, isOrderOf, { side: 'buy' }));
}

/** QbitPay took the payout out of another currency than the one asked for. */
async function openInOtherCurrency(): Promise<Json> {
  await freeMoney(engine, 'USDT', '6001');
  const held = await openHeld('CURRENCY_DIFFERS', async (payoutId) => {
    await endAs('stuck', payoutId);
    answerWith(payoutId, isPayoutOf, { currency: 'USDT' });
  });
  await adjust('USDT', '-5025');
  await adjust('CNY', '5025');
  return held;
}

/** QbitPay takes all that the ledger knows of, and then some of what came in without its knowing. */
async function openTakenBeyond(): Promise<Json> {
  const known = (await balanceIn(engine, 'CNY')).ledger;
  const covering = await engine.control('POST', '/deposits', {
    currency: 'CNY',
    amount: addAmounts(known, UNKNOWN_DEPOSIT),
    notify: false,
  });
  await engine.control('PATCH', '/settings', { payoutFee: addAmounts(known, '1000') });
  const held = await openHeld('TAKEN_BEYOND_LEDGER', () => undefined);
  expect(held.postings.filter(({ cause }: Json) => cause === 'payout')).toEqual([]);
  return { ...held, covering };
}
const UNKNOWN_DEPOSIT = '6000';

async function payWhenCovered({ payoutId, covering }: Json): Promise<void> {
  await decide(payoutId, 'resume');
  await untilHeld(payoutId, 'TAKEN_BEYOND_LEDGER');
  const { id, currency, amount } = covering;
  const data = { id, object: 'deposit', currency, amount, status: 'confirmed' };
  await engine.control('POST', '/events/forge', { type: 'deposit.confirmed', data });
  await expectPaidOnce(payoutId);
}

/** A payout that QbitPay received a moment ago cannot end as paid yet. */
async function advance({ providerPayoutId }: Json, status: string): Promise<void> {
  await untilAnswer(
    () =>
      engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status }).then(
        () => true,
        () => false,
      ),
    (taken) => taken,
    `${status} at QbitPay`,
  );
}

test('every hold, and every action that is offered for it, is tried below', () => {
  const offered = failureTypesOfKind(FAILURE_KIND.HELD).flatMap((reason) =>
    FAILURES[reason].actions.map((action) => `${reason} ${action}`),
  );
  const tried = new Set(WAYS_OUT.map(({ reason, action }) => `${reason} ${action}`));
  expect([...tried].sort()).toEqual(offered.sort());
});

describe('on hold by an operator', () => {
  test("a deposit that comes in meanwhile is the payout's own, and waits with it", async () => {
    const { payoutId, deposit } = await openHeldByOperator();
    await engine.fund({ deposit });
    await engine.until(payoutId, (payout) => payout.deposit.missing === '0.000000', 'its deposit');
    expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'HELD_BY_OPERATOR' });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(0);
    await decide(payoutId, 'resume');
    await expectPaidOnce(payoutId);
  });

  test('while it waits for the free balance: what becomes free is not its own until it goes on', async () => {
    const { payoutId } = await engine.open({ funding: 'balance', amount: '90000.00' });
    await engine.untilStatus(payoutId, 'awaiting_balance');
    await decide(payoutId, 'hold');
    await freeMoney(engine, 'CNY', '90450');
    await untilHeld(payoutId, 'HELD_BY_OPERATOR');
    await decide(payoutId, 'resume');
    await expectPaidOnce(payoutId);
  });

  test.each([
    ['converting', ORDERS],
    ['paying', PAYOUTS],
  ])('while it is %s: nothing is sent until it goes on', async (status, endpoint) => {
    const payoutId = newId();
    await fault('rate_limit_error', endpoint, payoutId, { times: ALWAYS });
    await openAndFund(engine, { payoutId });
    await engine.untilStatus(payoutId, status);
    await decide(payoutId, 'hold');
    await untilHeld(payoutId, 'HELD_BY_OPERATOR');
    await engine.control('DELETE', '/faults');
    expect((await requestsTo(engine, endpoint, payoutId)).flatMap(({ effects }) => effects)).toEqual([]);
    await decide(payoutId, 'resume');
    await expectPaidOnce(payoutId);
  });

  test.each([
    ['converting', ORDERS, 'USDT'],
    ['paying', PAYOUTS, 'CNY'],
  ])(
    'while it is %s: cancelled, its money is free in the currency that it is in',
    async (status, endpoint, currency) => {
      const payoutId = newId();
      await fault('rate_limit_error', endpoint, payoutId, { times: ALWAYS });
      await openAndFund(engine, { payoutId });
      await engine.untilStatus(payoutId, status);
      await decide(payoutId, 'hold');
      await cancelFreeing(payoutId, currency);
    },
  );

  async function holdInTransit(): Promise<Json> {
    const payoutId = newId();
    await endAs('stuck', payoutId);
    await openAndFund(engine, { payoutId });
    await engine.untilStatus(payoutId, 'in_transit');
    await decide(payoutId, 'hold');
    return untilHeld(payoutId, 'HELD_BY_OPERATOR');
  }
  test('in transit: paid wins', async () => {
    const held = await holdInTransit();
    await advance(held, 'paid');
    await expectPaidOnce(held.payoutId);
  });

  test('in transit: it cannot be cancelled, and goes on where it was', async () => {
    const held = await holdInTransit();
    expect(await engine.api('POST', `/v1/payouts/${held.payoutId}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'CANCEL_REFUSED' },
    });
    await decide(held.payoutId, 'resume');
    await engine.untilStatus(held.payoutId, 'in_transit');
    await advance(held, 'paid');
    await expectPaidOnce(held.payoutId);
  });

  test('in transit, and the attempt fails: that is then what it is held for', async () => {
    const held = await holdInTransit();
    await advance(held, 'failed');
    await untilHeld(held.payoutId, 'ATTEMPT_FAILED');
    await untilRetried(held.payoutId, {});
    await expectPaidOnce(held.payoutId);
  });
});

describe('an order that is to be closed as over', () => {
  /** In a word that is not known. */
  async function openExpired(filled: string): Promise<Json> {
    return openHeld('STATUS_NOT_KNOWN', async (externalOrderId) => {
      await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled, externalOrderId });
      answerWith(externalOrderId, isOrderOf, { status: 'expired' });
    });
  }
  const showAs = (payoutId: string, change: Json, isShown = true): void =>
    proxy.rewrite((request, body) => {
      if (!isShown && request.includes('type=order')) return { ...body, data: [] };
      return isOrderOf(payoutId, body) ? { ...body, ...change } : undefined;
    });
  const close = { action: 'close' };

  test.each(['pending', 'filled'])(
    'is not while QbitPay calls it %s: its money is not free',
    async (status) => {
      const { payoutId } = await openUnclear();
      showAs(payoutId, { status });
      const why = new RegExp(`calls the order ${status}: resume`);
      await expectRefused(payoutId, 'resolve', why, close);
      expect(await read(payoutId)).toMatchObject({ status: 'held', holdReason: 'ORDER_UNCLEAR' });
      proxy.rewrite(undefined);
      await closeAsOver(payoutId);
    },
  );

  test('is not in an unknown word before what it moved shows', async () => {
    const { payoutId } = await openExpired('300');
    for (const quoteAmount of [undefined, 2_091]) {
      showAs(payoutId, { status: 'expired', quoteAmount }, false);
      await expectRefused(payoutId, 'resolve', /does not show all that the order moved/, close);
    }
    showAs(payoutId, { status: 'expired' });
    await closeAsOver(payoutId);
  });

  test('is in an unknown word where the order itself says that it moved nothing', async () => {
    const { payoutId } = await openExpired('0');
    await closeAsOver(payoutId);
  });
});

describe('an attempt that failed', () => {
  test('is not made again while QbitPay says that it was paid after all', async () => {
    const { payoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    answerWith(payoutId, isPayoutOf, { status: 'paid' });
    await expectRefused(payoutId, 'retry', /has .* as paid/);
    expect(await requestsTo(engine, PAYOUTS, `${payoutId}~2`)).toHaveLength(0);
    proxy.rewrite(undefined);
    await decide(payoutId, 'retry');
    await expectPaidOnce(payoutId);
  });

  test('and was paid after all, for a higher fee than was booked: what is beyond its money is a shortfall', async () => {
    const { payoutId, providerPayoutId } = await openFailedForNow();
    answerWith(payoutId, isPayoutOf, { status: 'paid', fee: 26 });
    await freeMoney(engine, 'CNY', '10');
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId });
    await engine.untilStatus(payoutId, 'paid');
    await adjust('CNY', '-1');
  });

  test('is not adopted as paid when its money is back', async () => {
    const { payoutId, providerPayoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    answerWith(payoutId, isPayoutOf, { status: 'paid' });
    await expectRefused(payoutId, 'resolve', /its money is back/, { action: 'adopt', providerPayoutId });
    proxy.rewrite(undefined);
    await cancelFreeing(payoutId, 'CNY');
  });

  test('and lives after all beside the one after it: held for a person, whose adoption of the last one ends it', async () => {
    const { payoutId, providerPayoutId } = await openFailed('failed')();
    const announce = async (status: string): Promise<void> => {
      const data = { id: providerPayoutId, object: 'payout', status, externalOrderId: payoutId };
      await engine.control('POST', '/events/forge', { type: `payout.${status}`, data });
    };
    await endAs('stuck', `${payoutId}~2`);
    await untilRetried(payoutId, {});
    const second = await engine.untilStatus(payoutId, 'in_transit');
    const readings = async (): Promise<number> =>
      (await requestsTo(engine, 'GET /api/v1/payouts/{id}')).filter(({ path }) =>
        path.endsWith(providerPayoutId),
      ).length;
    const before = await readings();
    await announce('failed');
    await untilAnswer(readings, (count) => count > before, 'the first one read');
    await engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { status: 'paid' });
    expect((await read(payoutId)).status).toBe('in_transit');
    await announce('paid');
    const held = await untilHeld(payoutId, 'DUPLICATE_AT_PROVIDER');
    expect(detailsOf(held).at(-1)).toBe(
      `QbitPay has payout ${providerPayoutId} as paid of the attempt before, beside ${payoutId}~2`,
    );
    expect(second.providerPayoutId).not.toBe(providerPayoutId);
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: second.providerPayoutId });
    await advance(second, 'paid');
    await engine.untilStatus(payoutId, 'paid');
  });

  test('is not made again when its fee is lost: the rest does not suffice', async () => {
    await engine.control('PATCH', '/settings', { returnFees: false });
    const { payoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    await expectRefused(payoutId, 'retry', /does not suffice for another attempt and its fee/);
    expect(await requestsTo(engine, PAYOUTS, `${payoutId}~2`)).toHaveLength(0);
    await cancelFreeing(payoutId, 'CNY');
  });

  test('is not made again before its money is back', async () => {
    await engine.control('PATCH', '/settings', { returns: 'manual' });
    const { payoutId, providerPayoutId } = await openFailed('failed')();
    await expectRefused(payoutId, 'retry', /money has not come back/);
    expect(await requestsTo(engine, PAYOUTS, `${payoutId}~2`)).toHaveLength(0);
    await engine.control('POST', `/payouts/${providerPayoutId}/return`, {});
    await untilRetried(payoutId, {});
    await expectPaidOnce(payoutId);
  });
});

describe('sent again, because its answer was lost', () => {
  const named = (payoutId: string, operation: string, key: string) =>
    engine.api(
      'POST',
      `/v1/payouts/${payoutId}/${operation}`,
      { reason: REASON },
      { 'idempotency-key': key },
    );

  test('what was carried out under its name stays as it is, whatever came after it', async () => {
    const { payoutId } = await engine.open();
    expect(await named(payoutId, 'hold', 'night-1')).toMatchObject({ status: 200, body: { status: 'held' } });
    expect(await named(payoutId, 'hold', 'night-1')).toMatchObject({ status: 200, body: { status: 'held' } });
    await decide(payoutId, 'resume');
    expect(await named(payoutId, 'hold', 'night-1')).toMatchObject({ body: { status: 'awaiting_deposit' } });
    expect(timesHeld((await read(payoutId)).timeline)).toBe(1);
    // Another decision under the same name is another one.
    expect(await named(payoutId, 'resume', 'night-1')).toMatchObject({ status: 409 });
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test('another attempt that has failed by now: its money is still awaited', async () => {
    await engine.control('PATCH', '/settings', { returns: 'manual' });
    const { payoutId } = await openRefusedDestination();
    await endAs('failed', `${payoutId}~2`);
    expect(await named(payoutId, 'retry', 'night-3')).toMatchObject({ status: 200 });
    const { providerPayoutId } = await untilHeld(payoutId, 'ATTEMPT_FAILED');
    expect(await named(payoutId, 'retry', 'night-3')).toMatchObject({ status: 200 });
    await engine.control('POST', `/payouts/${providerPayoutId}/return`, {});
    await untilMoneyBack(payoutId);
    await cancelFreeing(payoutId, 'CNY');
  });

  test('of a payout that is not open yet: refused at once, as without a name', async () => {
    const endpoint = 'GET /api/v1/accounts/show';
    await engine.control('POST', '/faults', { kind: 'api_error', endpoint, times: ALWAYS });
    const request = payoutRequest();
    const { payoutId } = request;
    await startDirectly(engine, request, {});
    for (const operation of ['hold', 'resume']) {
      expect(await named(payoutId, operation, 'night-4')).toMatchObject({
        status: 409,
        body: { code: 'OPERATION_REFUSED', detail: expect.stringMatching(/the payout is opening/) },
      });
    }
    await engine.control('DELETE', '/faults');
    await engine.untilStatus(payoutId, 'awaiting_deposit');
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test('what was refused is decided anew', async () => {
    const { payoutId, deposit } = await engine.open();
    expect(await named(payoutId, 'resume', 'night-2')).toMatchObject({ status: 409 });
    await decide(payoutId, 'hold');
    expect(await named(payoutId, 'resume', 'night-2')).toMatchObject({ status: 200 });
    await engine.fund({ deposit });
    await expectPaidOnce(payoutId);
  });
});

describe('the settle window of a request whose outcome is not known', () => {
  test('begins anew with its last sending: it is not sent again by a person before that is over', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await fault('resetBeforeEffect', PAYOUTS, payoutId);
    await startDirectly(engine, request, { settleWindowSeconds: 3, cleanScans: 1, pollIntervalMs: 100 });
    await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
    await untilHeld(payoutId, 'UNKNOWN_OUTCOME');
    const { book, close } = attachTestBook(engine.databaseUrl);
    const id = { operation: 'payout', externalOrderId: payoutId } as const;
    await book.attempts.endUnknown(id, 1).finally(close);
    await expectRefused(payoutId, 'resolve', /QbitPay may show it late: not before 2\d/, {
      action: 'resend',
    });
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
    await untilAnswer(
      () => operate(payoutId, 'resolve', { action: 'resend' }),
      ({ status }) => status === 200,
      'to be sent again',
    );
    await expectPaidOnce(payoutId);
  });
});

describe('a workflow that the book is ahead of', () => {
  const toBook = async (change: (book: Book, payoutId: string) => Promise<unknown>): Promise<Json> => {
    const { payoutId } = await engine.open();
    const { book, close } = attachTestBook(engine.databaseUrl);
    await change(book, payoutId).finally(close);
    return read(payoutId);
  };
  const heldInBook = (): Promise<Json> =>
    toBook((book, payoutId) =>
      book.operations.hold({ payoutId, operationId: 'elsewhere', actor: 'local', reason: REASON }),
    );

  test('takes what the book makes possible: whoever decides has read it there', async () => {
    const { payoutId, status, hold } = await heldInBook();
    expect({ status, actions: hold.actions }).toEqual({ status: 'held', actions: ['resume', 'cancel'] });
    expect(await handleOf(payoutId).query('getStatus')).toBe('awaiting_deposit');
    expect(await decide(payoutId, 'resume')).toMatchObject({ status: 'awaiting_deposit' });
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test('refuses what the book makes senseless', async () => {
    const { payoutId } = await heldInBook();
    await expectRefused(payoutId, 'hold', /the payout is held/);
    await expectRefused(payoutId, 'retry', /held as HELD_BY_OPERATOR: possible are resume, cancel/);
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });
});

describe('what QbitPay has', () => {
  /** Another payout under the same id, of whoever made it; it is not paid by itself. */
  async function makeAnother(payoutId: string): Promise<Json> {
    await freeMoney(engine, 'CNY', '6000');
    await endAs('stuck', payoutId);
    const { destination } = payoutRequest();
    const payout = { amount: 5000, currency: 'CNY', externalOrderId: payoutId, destination };
    return callProvider('POST', '/api/v1/payouts', payout);
  }

  test('although it said that it refused: there is no second attempt beside it', async () => {
    const { payoutId } = await openRefusedDestination();
    const { id } = await makeAnother(payoutId);
    await expectRefused(payoutId, 'retry', new RegExp(`has ${id} as .*: have it cancelled first`));
    await advance({ providerPayoutId: id }, 'cancelled');
    await decide(payoutId, 'retry');
    await expectPaidOnce(payoutId);
  });

  const cancel = (payoutId: string) => engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  async function expectNotCancelled(payoutId: string, why: RegExp): Promise<void> {
    const answer = await cancel(payoutId);
    expect(answer).toMatchObject({ status: 409, body: { code: 'CANCEL_REFUSED' } });
    expect(answer.body.detail).toMatch(why);
    expect(await read(payoutId)).toMatchObject({ status: 'held' });
  }

  test('although it said that it refused: it is not cancelled, and its money not free', async () => {
    const { payoutId } = await openRefusedDestination();
    const { id } = await makeAnother(payoutId);
    await expectNotCancelled(payoutId, new RegExp(`has ${id} as .*: have it cancelled first`));
    await advance({ providerPayoutId: id }, 'cancelled');
    await cancelFreeing(payoutId, 'CNY');
  });

  test('although it said that it refused the order: it is not cancelled either', async () => {
    const { payoutId } = await openRefused(ORDERS)();
    const order = { id: 'ord-1', object: 'order', symbol: 'USDT/CNY', side: 'sell', amount: 700 };
    const data = [{ ...order, quoteAmount: 4_879, fee: 0, status: 'filled', externalOrderId: payoutId }];
    proxy.rewrite((request, body) =>
      request.startsWith('GET /api/v1/orders?') ? { ...body, data } : undefined,
    );
    await expectNotCancelled(payoutId, /has ord-1 as filled/);
    proxy.rewrite(undefined);
    await cancelFreeing(payoutId, 'USDT');
  });

  test('as paid after all, when its money is back: it is not cancelled', async () => {
    const { payoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    answerWith(payoutId, isPayoutOf, { status: 'paid' });
    await expectNotCancelled(payoutId, /has .* as paid/);
    proxy.rewrite(undefined);
    await cancelFreeing(payoutId, 'CNY');
  });

  test('is not known while it does not answer: what was sent is not cancelled, what never was is', async () => {
    const { payoutId } = await openRefusedDestination();
    const unsent = await openHeldByOperator();
    for (const endpoint of [ORDERS, PAYOUTS]) {
      const list = endpoint.replace('POST', 'GET');
      await engine.control('POST', '/faults', { kind: 'api_error', endpoint: list, times: ALWAYS });
    }
    expect(await cancel(payoutId)).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    expect(await read(payoutId)).toMatchObject({ status: 'held' });
    expect(await cancel(unsent.payoutId)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    await handleOf(payoutId).cancel();
    await untilAnswer(
      () => currentDetailsOf(engine, payoutWorkflowId(payoutId)),
      (details) => details.includes(`it was not cancelled: ${FAILURES.PROVIDER_UNAVAILABLE.meaning}`),
      'not cancelled',
    );
    await engine.control('DELETE', '/faults');
    await cancelFreeing(payoutId, 'CNY');
  });

  test('twice, found by the search that goes on while a person decides: that is then what it is held for', async () => {
    const { payoutId } = await openHidden(PAYOUTS)();
    const { id } = await makeAnother(payoutId);
    proxy.rewrite(undefined);
    await untilHeld(payoutId, 'DUPLICATE_AT_PROVIDER');
    await engine.control('POST', `/payouts/${id}/advance`, { status: 'cancelled' });
    const own = (await livePayouts(payoutId)).find((one) => one.id !== id);
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: own?.id });
    await expectPaidOnce(payoutId);
  });

  test('beside what failed: adopted it is another attempt, and is paid as one', async () => {
    const { payoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    const { id } = await makeAnother(payoutId);
    await expectRefused(payoutId, 'retry', new RegExp(`has ${id} as .*: have it cancelled first`));
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: id });
    await advance({ providerPayoutId: id }, 'paid');
    await expectPaidOnce(payoutId);
  });

  test('and gave up as it was asked to: hearing of it late changes nothing', async () => {
    await engine.control('POST', '/faults', { kind: 'webhookHeld', eventType: 'payout.cancelled' });
    const { payoutId } = await openDuplicated();
    const [own, other] = await livePayouts(payoutId);
    await engine.control('POST', `/payouts/${other?.id}/advance`, { status: 'cancelled' });
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: own?.id });
    await engine.untilStatus(payoutId, 'in_transit');
    const readings = async (): Promise<number> =>
      (await requestsTo(engine, 'GET /api/v1/payouts/{id}')).filter(({ path }) => path.endsWith(other?.id))
        .length;
    const before = await readings();
    await engine.control('POST', '/events/release', { order: 'oldestFirst' });
    await untilAnswer(readings, (count) => count > before, 'the other one read');
    await advance({ providerPayoutId: own?.id }, 'paid');
    const { timeline } = await engine.untilStatus(payoutId, 'paid');
    expect(timeline.filter(({ status }: Json) => status === 'held')).toHaveLength(1);
  });

  test('an order that does not say whose it is: only its adoption is taken', async () => {
    const isNamed = (body: Json): boolean => body?.object === 'order' && body.externalOrderId !== undefined;
    const unnamed = (body: Json): Json => ({ ...body, externalOrderId: undefined });
    const { payoutId } = await openHeld('UNKNOWN_OUTCOME', async (externalOrderId) => {
      proxy.rewrite((_request, body) =>
        isNamed(body)
          ? unnamed(body)
          : body?.object === 'list'
            ? { ...body, data: body.data.map((one: Json) => (isNamed(one) ? unnamed(one) : one)) }
            : undefined,
      );
      await fault('resetAfterEffect', ORDERS, externalOrderId);
    });
    await expectRefused(payoutId, 'resolve', /does not say whose it is/, { action: 'close' });
    // Sent again by a person's word: the last look before it finds what may be his.
    await decide(payoutId, 'resolve', { action: 'resend' });
    await engine.until(payoutId, ({ timeline }) => timesHeld(timeline) === 2, 'held again');
    await untilHeld(payoutId, 'UNKNOWN_OUTCOME');
    const [sent, ...others] = await requestsTo(engine, ORDERS, payoutId);
    expect(others).toEqual([]);
    await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: sent.effects[0] });
    await expectPaidOnce(payoutId);
  });

  test("is adopted only if it is there and the payout's own", async () => {
    const other = newId();
    await openAndFund(engine, { payoutId: other });
    const { providerPayoutId } = await engine.untilStatus(other, 'paid');
    const { payoutId } = await openUnsent(PAYOUTS)();
    for (const foreign of [providerPayoutId, randomUUID(), '../balances/show', 'a?b']) {
      await expectRefused(payoutId, 'resolve', /shows no .* with the externalOrderId/, {
        action: 'adopt',
        providerPayoutId: foreign,
      });
    }
    expect(await read(payoutId)).toMatchObject({ status: 'held', providerPayoutId: null });
    await closeUnsent({ payoutId });
  });
});

describe('without sense', () => {
  const AFTER_HOLD: readonly [string, Json?][] = [['resume'], ['resolve', { action: 'resend' }], ['retry']];

  async function expectNotHeld(payoutId: string, status: string): Promise<void> {
    for (const [operation, more] of AFTER_HOLD) {
      await expectRefused(payoutId, operation, /the payout is [a-z_]+, not held/, more);
    }
    expect(await read(payoutId)).toMatchObject({ status });
  }

  test('are resume, resolve and retry as long as nobody has to decide', async () => {
    const waiting = await engine.open();
    await expectNotHeld(waiting.payoutId, 'awaiting_deposit');
    const poor = await engine.open({ funding: 'balance', amount: '90000000.00' });
    await expectNotHeld(poor.payoutId, 'awaiting_balance');
    for (const [status, endpoint] of [
      ['converting', ORDERS],
      ['paying', PAYOUTS],
    ] as const) {
      const payoutId = newId();
      await fault('rate_limit_error', endpoint, payoutId, { times: ALWAYS });
      await openAndFund(engine, { payoutId });
      await engine.untilStatus(payoutId, status);
      await expectNotHeld(payoutId, status);
      await engine.control('DELETE', '/faults');
      await expectPaidOnce(payoutId);
    }
    const payoutId = newId();
    await endAs('stuck', payoutId);
    await openAndFund(engine, { payoutId });
    await engine.untilStatus(payoutId, 'in_transit');
    await expectNotHeld(payoutId, 'in_transit');
    for (const { payoutId: idle } of [waiting, poor]) await engine.api('POST', `/v1/payouts/${idle}/cancel`);
  });

  test('is everything for a payout that has ended', async () => {
    const paid = await openAndFund(engine);
    await engine.untilStatus(paid.payoutId, 'paid');
    const cancelled = await engine.open();
    await engine.api('POST', `/v1/payouts/${cancelled.payoutId}/cancel`);
    for (const [payoutId, status] of [
      [paid.payoutId, 'paid'],
      [cancelled.payoutId, 'cancelled'],
    ]) {
      for (const [operation, more] of [['hold'] as const, ...AFTER_HOLD]) {
        await expectRefused(payoutId, operation, new RegExp(status), more);
      }
    }
  });

  test('are actions that another hold needs', async () => {
    const { payoutId } = await openHeldByOperator();
    await expectRefused(payoutId, 'hold', /held/);
    await expectRefused(payoutId, 'retry', /held as HELD_BY_OPERATOR: possible are resume, cancel/);
    for (const action of ['resend', 'close'] as const) {
      await expectRefused(payoutId, 'resolve', /possible are resume, cancel/, { action });
    }
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });
});

const timesHeld = (timeline: readonly Json[]): number =>
  timeline.filter(({ status }) => status === 'held').length;

const handleOf = (payoutId: string) => engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId));

/** The workflow has taken over what the book says. */
const currentDetailsShow = (payoutId: string, status: string): Promise<string> =>
  untilAnswer(
    () => currentDetailsOf(engine, payoutWorkflowId(payoutId)),
    (details) => details.startsWith(`**${status}**`),
    status,
  );

describe('carried out again', () => {
  const decidedBy = (payout: Json): string[] =>
    detailsOf(payout).filter((detail) => detail.includes('night shift'));

  test('by a reset of its workflow: what was decided stays decided, once', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    // Without the API, whose opening is an update too.
    await startDirectly(engine, request, {});
    const { deposit } = await engine.untilStatus(payoutId, 'awaiting_deposit');
    await currentDetailsShow(payoutId, 'awaiting_deposit');
    for (const update of ['holdPayout', 'resumePayout']) {
      await handleOf(payoutId).executeUpdate(update, { args: [{ actor: 'night shift', reason: REASON }] });
    }
    await resetToFirstUpdate(engine, payoutId);
    await engine.fund({ deposit });
    await expectPaidOnce(payoutId);
    expect(decidedBy(await read(payoutId))).toEqual([
      `held by night shift: ${REASON}`,
      `resumed by night shift: ${REASON}`,
    ]);
  });
});

describe('by a Temporal client', () => {
  const DECISION = { actor: 'night shift', reason: REASON };
  const updatesOf = async (payoutId: string): Promise<number> =>
    ((await handleOf(payoutId).fetchHistory()).events ?? []).filter(
      ({ workflowExecutionUpdateAcceptedEventAttributes: accepted }) => Boolean(accepted),
    ).length;

  test('the same updates are taken, with their actor', async () => {
    const { payoutId } = await engine.open();
    await handleOf(payoutId).executeUpdate('holdPayout', { args: [DECISION] });
    const held = await untilHeld(payoutId, 'HELD_BY_OPERATOR');
    expect(detailsOf(held).at(-1)).toBe(`held by night shift: ${REASON}`);
    expect(await handleOf(payoutId).executeUpdate('resumePayout', { args: [DECISION] })).toEqual({
      status: 'awaiting_deposit',
    });
    expect(detailsOf(await read(payoutId)).at(-1)).toBe(`resumed by night shift: ${REASON}`);
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test('what makes no sense is refused at once and leaves no event', async () => {
    const { payoutId } = await openHeldByOperator();
    const before = await updatesOf(payoutId);
    for (const [update, argument] of [
      ['holdPayout', DECISION],
      ['retryPayout', DECISION],
      ['resolvePayout', { ...DECISION, action: 'resend' }],
      ['resumePayout', { actor: 'night shift' }],
      ['resumePayout', { reason: REASON }],
      ['resumePayout', { ...DECISION, reason: ' ' }],
      ['resumePayout', { ...DECISION, reason: 'as agreed\u0000' }],
      ['resumePayout', { ...DECISION, reason: 'x'.repeat(257) }],
      ['resumePayout', undefined],
    ] as const) {
      const refused = handleOf(payoutId).executeUpdate(update, { args: [argument] });
      await expect(refused).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
      await expect(refused).rejects.toMatchObject({ cause: { type: 'OPERATION_REFUSED' } });
    }
    expect(await updatesOf(payoutId)).toBe(before);
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test.each<[string, Json]>([
    ['an action that there is not', { action: 'pay' }],
    ['an adoption of nothing', { action: 'adopt' }],
    ['an adoption of what cannot be an id', { action: 'adopt', providerPayoutId: '..' }],
  ])('%s is refused at once and leaves no event', async (_name, resolution) => {
    const { payoutId } = await openUnsent(PAYOUTS)();
    const before = await updatesOf(payoutId);
    await expect(
      handleOf(payoutId).executeUpdate('resolvePayout', { args: [{ ...DECISION, ...resolution }] }),
    ).rejects.toMatchObject({ cause: { type: 'OPERATION_REFUSED' } });
    expect(await updatesOf(payoutId)).toBe(before);
    await closeUnsent({ payoutId });
  });

  test('so is another attempt to a destination that cannot be one', async () => {
    const { payoutId } = await openRefusedDestination();
    const before = await updatesOf(payoutId);
    for (const destination of [{}, { type: 'Alipay' }, 'nowhere']) {
      await expect(
        handleOf(payoutId).executeUpdate('retryPayout', { args: [{ ...DECISION, destination }] }),
      ).rejects.toMatchObject({ cause: { type: 'OPERATION_REFUSED' } });
    }
    expect(await updatesOf(payoutId)).toBe(before);
    await cancelFreeing(payoutId, 'CNY');
  });
});

describe('the ways out', () => {
  test.each(WAYS_OUT)('$reason: $action ($how)', async ({ make, leave }) => leave(await make()));
});
