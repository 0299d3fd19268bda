import { randomUUID } from 'node:crypto';
import {
  FAILURE_KIND,
  FAILURES,
  failureTypesOfKind,
  type FailureType,
} from '../../src/domain/failure-type.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../src/domain/money.js';
import type { OperatorAction } from '../../src/domain/operator-action.js';
import { balanceIn, availableIn, makeAvailable } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import {
  adjust,
  ALWAYS,
  advance,
  answerWith,
  callProvider,
  cancelReleasing,
  closeAsOver,
  closeUnsent,
  decide,
  endAs,
  engine,
  expectPaidOnce,
  expectRefused,
  handleOf,
  hideFromLists,
  isOrderOf,
  isPayoutOf,
  livePayouts,
  newId,
  openDuplicated,
  openFailed,
  openFailedForNow,
  openHeld,
  openHeldByOperator,
  openHidden,
  openRefused,
  openRefusedDestination,
  openUnclear,
  openUnsent,
  proxy,
  read,
  untilHeld,
  untilRetried,
  useEngineThatHolds,
} from '../support/held-payouts.js';
import { endDepositTime, untilTaken } from '../support/payout-workflows.js';
import { detailsOf, openAndFund, ORDERS, PAYOUTS, requestsTo, TICKER } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** Every reason to be held, and every way out of it, on a whole engine. */

useEngineThatHolds();

const OTHER_DESTINATION = { type: 'Alipay', payerName: 'Another Trading Ltd', bankAccountNum: '13800000000' };

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

async function releasedInBoth({ payoutId, deposit, order }: Json): Promise<void> {
  const before = { USDT: await availableIn(engine, 'USDT'), CNY: await availableIn(engine, 'CNY') };
  await cancelReleasing(payoutId, 'USDT');
  const freed = subtractAmounts(await availableIn(engine, 'USDT'), before.USDT);
  expect(freed).toBe(subtractAmounts(deposit.amount, order.amount));
  expect(subtractAmounts(await availableIn(engine, 'CNY'), before.CNY)).toBe(addAmounts(order.quoteAmount));
}

async function openShort(): Promise<Json> {
  const payoutId = newId();
  answerWith(payoutId, isOrderOf, { quoteAmount: 5_000 });
  await openAndFund(engine, { payoutId });
  const held = await untilHeld(payoutId, 'SHORT_AFTER_ORDER');
  const order = (await callProvider('GET', '/api/v1/orders?limit=1')).data[0];
  proxy.rewrite(undefined);
  const { quoteAmount } = await callProvider('GET', `/api/v1/orders/${order.id}`);
  await adjust('CNY', subtractAmounts('5000', String(quoteAmount)));
  return held;
}

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

const openConvertedByProvider = () =>
  openHeld('CONVERTED_BY_PROVIDER', async (payoutId) => {
    await endAs('stuck', payoutId);
    answerWith(payoutId, isPayoutOf, { trade: { id: 'tr_1', status: 'done' } });
  });

const openWithUnknownStatus = () =>
  openHeld('STATUS_NOT_KNOWN', (payoutId) =>
    answerWith(payoutId, isPayoutOf, { status: 'inReview 6222020200112233445' }),
  );

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
    cancelReleasing(payoutId, currency);

const way = (
  reason: FailureType,
  action: OperatorAction,
  how: string,
  make: WayOut['make'],
  leave: WayOut['leave'],
): WayOut => ({ reason, action, how, make, leave });

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

/** Nobody cancelled one of them in time: the recipient has got the money twice, and that is seen. */
async function adoptOneOfTwoPaid({ payoutId }: Json): Promise<void> {
  const [own, other] = await livePayouts(payoutId);
  for (const { id } of [own, other]) await advance({ providerPayoutId: id }, 'paid');
  await decide(payoutId, 'resolve', { action: 'adopt', providerPayoutId: own.id });
  const paid = await engine.untilStatus(payoutId, 'paid');
  expect(paid).toMatchObject({ providerPayoutId: own.id, flags: ['SURPLUS_AT_PROVIDER'] });
  expect(detailsOf(paid).join('\n')).toContain(`QbitPay paid ${other.id} as well`);
  await adjust('CNY', '5025');
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
  way('PRICE_MOVED', 'cancel', 'deposit available', openMoved, freed('USDT')),
  way('NO_USABLE_PRICE', 'resume', 'prices are fresh', openUnpriced, paidAfter('resume')),
  way('NO_USABLE_PRICE', 'cancel', 'deposit available', openUnpriced, freed('USDT')),
  way('ORDER_NOT_FILLED', 'retry', 'after a cancelled order', openUnfilled('cancelled'), retryOrder),
  way('ORDER_NOT_FILLED', 'retry', 'after a failed order', openUnfilled('failed'), retryOrder),
  way('ORDER_NOT_FILLED', 'retry', 'filled in part', openUnfilled('cancelled', '300'), retryOrder),
  way('ORDER_NOT_FILLED', 'cancel', 'deposit available', openUnfilled('cancelled'), freed('USDT')),
  way(
    'ORDER_NOT_FILLED',
    'cancel',
    'both currencies available',
    openUnfilled('failed', '300'),
    releasedInBoth,
  ),
  way('ORDER_UNCLEAR', 'resume', 'it shows what was sold', openUnclear, async (held) => {
    proxy.rewrite(undefined);
    await decide(held.payoutId, 'resume');
    await retryOrder(await untilHeld(held.payoutId, 'ORDER_NOT_FILLED'));
  }),
  way('ORDER_UNCLEAR', 'resolve', 'what shows is all', openUnclear, async ({ payoutId }) => {
    const before = await availableIn(engine, 'CNY');
    await closeAsOver(payoutId, () => proxy.rewrite(undefined));
    expect(addAmounts(await availableIn(engine, 'CNY'), `-${before}`)).toBe('2091');
  }),
  way('ORDER_UNCLEAR', 'resume', 'it is shown again', openUnshownOrder, async ({ payoutId }) => {
    await decide(payoutId, 'resume');
    await untilHeld(payoutId, 'ORDER_UNCLEAR');
    await engine.control('DELETE', '/faults');
    await decide(payoutId, 'resume');
    await retryOrder(await untilHeld(payoutId, 'ORDER_NOT_FILLED'));
  }),
  way(
    'ORDER_UNCLEAR',
    'resolve',
    'it is not shown',
    openUnshownOrder,
    async ({ payoutId, availableBefore }) => {
      const close = { action: 'close' };
      await expectRefused(payoutId, 'resolve', /has the order as \S+: resume/, close);
      await hideFromLists(payoutId, (request) => request.includes('type=order'));
      await expectRefused(payoutId, 'resolve', /does not show all that the order moved/, close);
      await hideFromLists(payoutId);
      await closeAsOver(payoutId);
      expect(addAmounts(await availableIn(engine, 'CNY'), `-${availableBefore}`)).toBe('2091');
    },
  ),
  way('SHORT_AFTER_ORDER', 'cancel', 'converted money available', openShort, freed('CNY')),
  way('DESTINATION_REFUSED', 'retry', 'the same again', openRefusedDestination, retryPayout()),
  way('DESTINATION_REFUSED', 'retry', 'elsewhere', openRefusedDestination, retryPayout(OTHER_DESTINATION)),
  way('DESTINATION_REFUSED', 'cancel', 'converted money available', openRefusedDestination, freed('CNY')),
  way('PROVIDER_REFUSED', 'retry', 'of the order', openRefused(ORDERS), retryOrder),
  way('PROVIDER_REFUSED', 'retry', 'of the payout', openRefused(PAYOUTS), retryPayout()),
  way('PROVIDER_REFUSED', 'cancel', 'at the order', openRefused(ORDERS), freed('USDT')),
  way('PROVIDER_REFUSED', 'cancel', 'at the payout', openRefused(PAYOUTS), freed('CNY')),
  way('UNDERFUNDED', 'cancel', 'deposit available', openUnderfunded, freed('USDT')),
  way('CONVERTED_BY_PROVIDER', 'resume', 'paid', openConvertedByProvider, paidInTransit),
  way('STATUS_NOT_KNOWN', 'resume', 'the word is known', openWithUnknownStatus, paidAfter('resume')),
  way('STATUS_NOT_KNOWN', 'resume', 'it is shown again', openUnshown('paid'), async ({ payoutId }) => {
    await decide(payoutId, 'resume');
    await untilHeld(payoutId, 'STATUS_NOT_KNOWN');
    await engine.control('DELETE', '/faults');
    await expectPaidOnce(payoutId);
  }),
  way('STATUS_NOT_KNOWN', 'resolve', 'it is not shown', openUnshown('failed'), closeReturned),
  way('STATUS_NOT_KNOWN', 'resolve', 'the word is an end', openEndedInOtherWords, closeReturned),
  way('STATUS_NOT_KNOWN', 'resolve', 'the order has ended', openOrderEndedInOtherWords, async (held) => {
    await closeAsOver(held.payoutId);
    expect(addAmounts(await availableIn(engine, 'CNY'), `-${held.availableBefore}`)).toBe('2091');
  }),
  way('ATTEMPT_FAILED', 'retry', 'after a failed attempt', openFailed('failed'), retryPayout()),
  way('ATTEMPT_FAILED', 'retry', 'elsewhere', openFailed('cancelled'), retryPayout(OTHER_DESTINATION)),
  way('ATTEMPT_FAILED', 'cancel', 'money available', openFailed('failed'), freed('CNY')),
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
  way('DEBIT_EXCEEDS_LEDGER', 'resume', 'not before it is booked', openDebitBeyond, payWhenCovered),
];

const hideSingle = (endpoint: string): Promise<Json> =>
  engine.control('POST', '/faults', { kind: 'invalid_request_error', endpoint, status: 404, times: ALWAYS });

/** QbitPay accepted the payout, and does not show it any more. */
function openUnshown(outcome: string): () => Promise<Json> {
  return () =>
    openHeld('STATUS_NOT_KNOWN', async (payoutId) => {
      await engine.control('PATCH', '/settings', { returns: 'manual' });
      await endAs(outcome, payoutId);
      await hideSingle('GET /api/v1/payouts/{id}');
    });
}

/** QbitPay ended the order filled in part, and does not show it any more. */
async function openUnshownOrder(): Promise<Json> {
  const availableBefore = await availableIn(engine, 'CNY');
  const held = await openHeld('ORDER_UNCLEAR', async (externalOrderId) => {
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled: '300', externalOrderId });
    await hideSingle('GET /api/v1/orders/{id}');
  });
  return { ...held, availableBefore };
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
  const before = await availableIn(engine, 'CNY');
  await untilTaken(engine, `/payouts/${providerPayoutId}/return`, {}, 'its money back');
  await closeAsOver(payoutId);
  expect(compareAmounts(await availableIn(engine, 'CNY'), before)).toBe(1);
}

async function openOrderEndedInOtherWords(): Promise<Json> {
  const availableBefore = await availableIn(engine, 'CNY');
  const held = await openHeld('STATUS_NOT_KNOWN', async (externalOrderId) => {
    await engine.control('POST', '/orders/outcomes', { status: 'cancelled', filled: '300', externalOrderId });
    answerWith(externalOrderId, isOrderOf, { status: 'expired' });
  });
  return { ...held, availableBefore };
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
  await makeAvailable(engine, 'USDT', '6001');
  const held = await openHeld('CURRENCY_DIFFERS', async (payoutId) => {
    await endAs('stuck', payoutId);
    answerWith(payoutId, isPayoutOf, { currency: 'USDT' });
  });
  await adjust('USDT', '-5025');
  await adjust('CNY', '5025');
  return held;
}

const UNKNOWN_DEPOSIT = '6000';

/** QbitPay takes all that the ledger knows of, and then some of what came in without its knowing. */
async function openDebitBeyond(): Promise<Json> {
  const known = (await balanceIn(engine, 'CNY')).ledger;
  const covering = await engine.control('POST', '/deposits', {
    currency: 'CNY',
    amount: addAmounts(known, UNKNOWN_DEPOSIT),
    notify: false,
  });
  await engine.control('PATCH', '/settings', { payoutFee: addAmounts(known, '1000') });
  const held = await openHeld('DEBIT_EXCEEDS_LEDGER', () => undefined);
  expect(held.postings.filter(({ cause }: Json) => cause === 'payout')).toEqual([]);
  return { ...held, covering };
}

async function payWhenCovered({ payoutId, covering }: Json): Promise<void> {
  await decide(payoutId, 'resume');
  await untilHeld(payoutId, 'DEBIT_EXCEEDS_LEDGER');
  const { id, currency, amount } = covering;
  const data = { id, object: 'deposit', currency, amount, status: 'confirmed' };
  await engine.control('POST', '/events/forge', { type: 'deposit.confirmed', data });
  await expectPaidOnce(payoutId);
}

test('every hold, and every action that is offered for it, is tried below', () => {
  const offered = failureTypesOfKind(FAILURE_KIND.HELD).flatMap((reason) =>
    FAILURES[reason].actions.map((action) => `${reason} ${action}`),
  );
  const tried = new Set(WAYS_OUT.map(({ reason, action }) => `${reason} ${action}`));
  expect([...tried].sort()).toEqual(offered.sort());
});

describe('the ways out', () => {
  test.each(WAYS_OUT)('$reason: $action ($how)', async ({ make, leave }) => leave(await make()));
});
