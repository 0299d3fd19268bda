import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Store } from '../../src/store/store.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { makeAvailable } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import {
  advance,
  ALWAYS,
  cancelReleasing,
  closeUnsent,
  decide,
  endAs,
  engine,
  expectPaidOnce,
  expectRefused,
  fault,
  handleOf,
  newId,
  openHeldByOperator,
  openRefusedDestination,
  openUnsent,
  operate,
  read,
  REASON,
  timesHeld,
  untilHeld,
  untilMoneyBack,
  untilRetried,
  useEngineThatHolds,
} from '../support/held-payouts.js';
import { currentDetailsOf, resetToFirstUpdate, startDirectly } from '../support/payout-workflows.js';
import { detailsOf, openAndFund, ORDERS, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { attachTestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

/** What persons decide about a payout: when it is taken, when it is refused, and that it is carried out once. */

useEngineThatHolds();

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

  test('while it waits for the available balance: what becomes available is not its own until it goes on', async () => {
    const { payoutId } = await engine.open({ funding: 'balance', amount: '90000.00' });
    await engine.untilStatus(payoutId, 'awaiting_balance');
    await decide(payoutId, 'hold');
    await makeAvailable(engine, 'CNY', '90450');
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
    'while it is %s: cancelled, its money is available in the currency that it is in',
    async (status, endpoint, currency) => {
      const payoutId = newId();
      await fault('rate_limit_error', endpoint, payoutId, { times: ALWAYS });
      await openAndFund(engine, { payoutId });
      await engine.untilStatus(payoutId, status);
      await decide(payoutId, 'hold');
      await cancelReleasing(payoutId, currency);
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
    await cancelReleasing(payoutId, 'CNY');
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

describe('the wait for an unknown outcome of a request whose outcome is not known', () => {
  test('begins anew with its last sending: before that is over no person sends it again or closes it', async () => {
    const request = payoutRequest();
    const { payoutId } = request;
    await fault('resetBeforeEffect', PAYOUTS, payoutId);
    await startDirectly(engine, request, {
      unknownOutcomeWaitSeconds: 3,
      absenceChecks: 1,
      pollIntervalMs: 100,
    });
    await engine.fund(await engine.untilStatus(payoutId, 'awaiting_deposit'));
    await untilHeld(payoutId, 'UNKNOWN_OUTCOME');
    const { store, close } = attachTestStore(engine.databaseUrl);
    const id = { operation: 'payout', externalOrderId: payoutId } as const;
    await store.requests.endUnknown(id, 1).finally(close);
    for (const action of ['resend', 'close']) {
      await expectRefused(payoutId, 'resolve', /QbitPay may show it late: not before 2\d/, { action });
    }
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
    await untilAnswer(
      () => operate(payoutId, 'resolve', { action: 'resend' }),
      ({ status }) => status === 200,
      'to be sent again',
    );
    await expectPaidOnce(payoutId);
  });
});

describe('a workflow that the store is ahead of', () => {
  const toStore = async (change: (store: Store, payoutId: string) => Promise<unknown>): Promise<Json> => {
    const { payoutId } = await engine.open();
    const { store, close } = attachTestStore(engine.databaseUrl);
    await change(store, payoutId).finally(close);
    return read(payoutId);
  };
  const heldInStore = (): Promise<Json> =>
    toStore((store, payoutId) =>
      store.decisions.hold({ payoutId, operationId: 'elsewhere', actor: 'local', reason: REASON }),
    );

  test('takes what the store makes possible: whoever decides has read it there', async () => {
    const { payoutId, status, hold } = await heldInStore();
    expect({ status, actions: hold.actions }).toEqual({ status: 'held', actions: ['resume', 'cancel'] });
    expect(await handleOf(payoutId).query('getStatus')).toBe('awaiting_deposit');
    expect(await decide(payoutId, 'resume')).toMatchObject({ status: 'awaiting_deposit' });
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
  });

  test('refuses what the store makes senseless', async () => {
    const { payoutId } = await heldInStore();
    await expectRefused(payoutId, 'hold', /the payout is held/);
    await expectRefused(payoutId, 'retry', /held as HELD_BY_OPERATOR: possible are resume, cancel/);
    await engine.api('POST', `/v1/payouts/${payoutId}/cancel`);
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

/** The workflow has taken over what the store says. */
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
    await cancelReleasing(payoutId, 'CNY');
  });
});
