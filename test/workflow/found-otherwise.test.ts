import { randomUUID } from 'node:crypto';
import { makeAvailable } from '../support/balances.js';
import { releaseBrakes } from '../support/brakes.js';
import { type Json } from '../support/engine-client.js';
import { untilRead, type Operation } from '../support/hidden-requests.js';
import { advancePayout, untilHoldReasonShown } from '../support/payout-workflows.js';
import { openAndFund, ORDERS, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import {
  world,
  useLostAnswers,
  ENDPOINTS,
  hide,
  loseAnswer,
  expectPaidOnce,
  newId,
  idAtProvider,
  sendAgain,
} from '../support/lost-answers.js';

/** What QbitPay shows of a request without an answer is there twice, or is not what was asked for. */

useLostAnswers();

describe('two of them at QbitPay', () => {
  /** Held, with both of their ids in the timeline. */
  async function openTwo(operation: Operation, payoutId: string): Promise<{ first: string; second: string }> {
    const hidden = await hide(operation, payoutId);
    await loseAnswer(operation, payoutId);
    await untilRead(hidden, 1);
    // What the second one takes is none of the ledger's money.
    await world.engine.control('POST', '/balances/adjust', { currency: 'USDT', amount: 2_000 });
    await world.engine.control('POST', '/balances/adjust', { currency: 'CNY', amount: 10_000 });
    const second = await sendAgain(operation, payoutId);
    hidden.show();
    const held = await world.engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'DUPLICATE_AT_PROVIDER' });
    const first = await idAtProvider(operation, payoutId);
    expect(held.timeline.at(-1).detail).toContain(first);
    expect(held.timeline.at(-1).detail).toContain(second);
    await untilHoldReasonShown(world.engine, payoutId, 'DUPLICATE_AT_PROVIDER');
    // A person has seen both: the one that is adopted can go on.
    expect(await releaseBrakes(world.engine)).toMatchObject([{ kind: 'DUPLICATE_AT_PROVIDER' }]);
    return { first, second };
  }
  const resolve = (payoutId: string, decision: Json) =>
    world.engine.api('POST', `/v1/payouts/${payoutId}/resolve`, { reason: 'asked QbitPay', ...decision });

  async function expectSentBesideIt(operation: Operation, payoutId: string): Promise<void> {
    const other = operation === 'order' ? PAYOUTS : ORDERS;
    expect(await requestsTo(world.engine, other, payoutId)).toHaveLength(1);
    // Ours, and the one that was sent beside it.
    expect(await requestsTo(world.engine, ENDPOINTS[operation], payoutId)).toHaveLength(2);
  }

  test('orders: neither is adopted before QbitPay has ended the other one; the one that is adopted goes on, and the other is named', async () => {
    const payoutId = newId();
    const { first, second } = await openTwo('order', payoutId);
    const change = (one: Json): Json => (one?.id === second ? { ...one, status: 'pending' } : one);
    world.proxy.rewrite((_request, body) =>
      Array.isArray(body?.data) ? { ...body, data: body.data.map(change) } : change(body),
    );
    expect(await resolve(payoutId, { action: 'resend' })).toMatchObject({ status: 409 });
    for (const [one, why] of [
      [first, `has ${second} as pending: have it cancelled first`],
      [second, `has ${first} as filled: adopt that`],
      [randomUUID(), ''],
    ] as const) {
      const answer = await resolve(payoutId, { action: 'adopt', providerPayoutId: one });
      expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
      expect(answer.body.detail).toContain(why);
    }
    expect((await world.engine.api('GET', `/v1/payouts/${payoutId}`)).body).toMatchObject({ order: null });
    world.proxy.rewrite(undefined);
    expect(await resolve(payoutId, { action: 'adopt', providerPayoutId: first })).toMatchObject({
      status: 200,
    });
    const paid = await world.engine.untilStatus(payoutId, 'paid');
    expect(paid).toMatchObject({ order: { providerOrderId: first }, flags: ['SURPLUS_AT_PROVIDER'] });
    const details = paid.timeline.map(({ detail }: Json) => detail);
    expect(details).toContain(`QbitPay filled ${second} as well: what that moved is not booked`);
    await expectSentBesideIt('order', payoutId);
  });

  test('payouts: neither is adopted before QbitPay has ended the other one', async () => {
    const payoutId = newId();
    await world.engine.control('POST', '/outcomes', {
      outcome: 'stuck',
      externalOrderId: payoutId,
      times: 2,
    });
    const { first, second } = await openTwo('payout', payoutId);
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const answer = await resolve(payoutId, { action: 'adopt', providerPayoutId: one });
      expect(answer).toMatchObject({ status: 409, body: { code: 'OPERATION_REFUSED' } });
      expect(answer.body.detail).toMatch(new RegExp(`has ${other} as .*: have it cancelled first`));
    }
    await world.engine.control('POST', `/payouts/${second}/advance`, { status: 'cancelled' });
    expect(await resolve(payoutId, { action: 'adopt', providerPayoutId: first })).toMatchObject({
      status: 200,
    });
    expect(await world.engine.untilStatus(payoutId, 'in_transit')).toMatchObject({ providerPayoutId: first });
    await advancePayout(world.engine, first, 'paid');
    await world.engine.untilStatus(payoutId, 'paid');
    await expectSentBesideIt('payout', payoutId);
  });
});

describe('what is found is not what was asked for', () => {
  /** Every answer of the provider shows the payout like this, but for the one that never came. */
  const showAs = (payoutId: string, changes: Json): void =>
    world.proxy.rewrite((_request, body) => {
      const change = (item: Json): Json =>
        item?.object === 'payout' && item.externalOrderId === payoutId ? { ...item, ...changes } : item;
      if (Array.isArray(body?.data)) return { ...body, data: body.data.map(change) };
      return change(body);
    });

  test('another amount and another fee: adopted, flagged, paid', async () => {
    const payoutId = newId();
    await makeAvailable(world.engine, 'CNY', '1000');
    await world.engine.control('PATCH', '/settings', { deliverLess: '1.5', payoutFee: '30' });
    await loseAnswer('payout', payoutId);
    const paid = await expectPaidOnce(payoutId);
    expect(paid.flags).toEqual(expect.arrayContaining(['AMOUNT_SHORT', 'FEE_DIFFERS']));
  });

  test('another currency: held, and not taken for absent', async () => {
    const payoutId = newId();
    await world.engine.control('PATCH', '/settings', { settlement: 'manual' });
    showAs(payoutId, { currency: 'USD' });
    await loseAnswer('payout', payoutId);
    expect(await world.engine.untilStatus(payoutId, 'held')).toMatchObject({
      holdReason: 'CURRENCY_DIFFERS',
      providerPayoutId: await idAtProvider('payout', payoutId),
    });
    expect(await requestsTo(world.engine, PAYOUTS, payoutId)).toHaveLength(1);
  });
});

describe('the order is not what was asked for', () => {
  /** Whatever shows it shows it like this. */
  const showOrderAs = (payoutId: string, change: (order: Json) => Json): void =>
    world.proxy.rewrite((_request, body) => {
      const changed = (item: Json): Json =>
        item?.object === 'order' && item.externalOrderId === payoutId ? { ...item, ...change(item) } : item;
      return Array.isArray(body?.data) ? { ...body, data: body.data.map(changed) } : changed(body);
    });

  test('found, it is adopted, and held before anything is paid', async () => {
    const payoutId = newId();
    showOrderAs(payoutId, () => ({ side: 'buy', symbol: 'USDT/USD' }));
    await loseAnswer('order', payoutId);
    const held = await world.engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'ORDER_DIFFERS', flags: ['ORDER_DIFFERS'] });
    expect(held.timeline.at(-1).detail).toMatch(/as buy [\d.]+ USDT\/USD, asked for was sell/);
    expect(held.order.providerOrderId).toBe(await idAtProvider('order', payoutId));
    expect(await requestsTo(world.engine, PAYOUTS, payoutId)).toHaveLength(0);
    world.proxy.rewrite(undefined);
    const resumed = await world.engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'settled' });
    expect(resumed.status).toBe(200);
    await expectPaidOnce(payoutId);
  });

  test('answered, and taken on by a person, it is booked as QbitPay states it, and held no more', async () => {
    const payoutId = newId();
    showOrderAs(payoutId, ({ amount }) => ({ amount: amount - 0.5 }));
    await openAndFund(world.engine, { payoutId });
    const held = await world.engine.untilStatus(payoutId, 'held');
    expect(held.holdReason).toBe('ORDER_DIFFERS');
    expect(held.timeline.at(-1).detail).toMatch(/as sell [\d.]+ USDT\/CNY, asked for was sell/);
    const resumed = await world.engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'settled' });
    expect(resumed.status).toBe(200);
    const paid = await expectPaidOnce(payoutId);
    expect(paid.order.amount).toBe(held.order.amount);
    expect(paid.timeline.filter(({ status }: Json) => status === 'held')).toHaveLength(1);
  });
});
