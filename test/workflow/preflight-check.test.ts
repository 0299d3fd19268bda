import { randomUUID } from 'node:crypto';
import { FAILURES } from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { makeAvailable } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import {
  adjust,
  advance,
  ALWAYS,
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
  fault,
  handleOf,
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
  timesHeld,
  untilHeld,
  untilMoneyBack,
  untilRetried,
  useEngineThatHolds,
} from '../support/held-payouts.js';
import { currentDetailsOf } from '../support/payout-workflows.js';
import { detailsOf, openAndFund, ORDERS, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** Before a decision of a person is carried out, QbitPay is asked for what it has: what that makes of the decision. */

useEngineThatHolds();

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
    'is not while QbitPay calls it %s: its money is not available',
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
    await makeAvailable(engine, 'CNY', '10');
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
    await cancelReleasing(payoutId, 'CNY');
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
    await cancelReleasing(payoutId, 'CNY');
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

describe('what QbitPay has', () => {
  /** Another payout under the same id, of whoever made it; it is not paid by itself. */
  async function makeAnother(payoutId: string): Promise<Json> {
    await makeAvailable(engine, 'CNY', '6000');
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

  test('although it said that it refused: it is not cancelled, and its money not available', async () => {
    const { payoutId } = await openRefusedDestination();
    const { id } = await makeAnother(payoutId);
    await expectNotCancelled(payoutId, new RegExp(`has ${id} as .*: have it cancelled first`));
    await advance({ providerPayoutId: id }, 'cancelled');
    await cancelReleasing(payoutId, 'CNY');
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
    await cancelReleasing(payoutId, 'USDT');
  });

  test('as paid after all, when its money is back: it is not cancelled', async () => {
    const { payoutId } = await openFailed('failed')();
    await untilMoneyBack(payoutId);
    answerWith(payoutId, isPayoutOf, { status: 'paid' });
    await expectNotCancelled(payoutId, /has .* as paid/);
    proxy.rewrite(undefined);
    await cancelReleasing(payoutId, 'CNY');
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
    await cancelReleasing(payoutId, 'CNY');
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
    // Sent again by a person's word: the preflight check before it finds what may be his.
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
