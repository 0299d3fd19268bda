import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts, atCurrencyScale } from '../../src/domain/money.js';
import { balanceIn } from '../support/balances.js';
import { expectMoneyInOrder, untilAllocated, untilUnallocated } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { bodiesSentTo, countPayoutsMade } from '../support/provider-view.js';
import { untilAnswer } from '../support/until-answer.js';

const ORDERS = 'POST /api/v1/orders';
const PAYOUTS = 'POST /api/v1/payouts';
const TICKER = 'GET /api/v1/markets/ticker';
/** A fault that stays until it is taken away. */
const ALWAYS = 100_000;

describe('cancelling a payout', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterEach(async () => {
    await engine.control('DELETE', '/faults');
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
  });
  afterAll(async () => {
    await expectMoneyInOrder(engine);
    await engine.stop();
  });

  /** A caller is kept waiting for 10 s, as long as a busy machine may take; he repeats his request then. */
  const cancel = ({ payoutId }: Json): Promise<Answer> =>
    untilAnswer(
      () => engine.api('POST', `/v1/payouts/${payoutId}/cancel`),
      ({ status }) => status !== 503,
      'an answer to the cancellation',
    );
  const workflowOf = (payout: Json) =>
    engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.payoutId));
  const failAlways = (kind: string, endpoint: string): Promise<Json> =>
    engine.control('POST', '/faults', { kind, endpoint, times: ALWAYS });
  const expectRefused = async (payout: Json, code: string): Promise<string> => {
    const answer = await cancel(payout);
    expect(answer).toMatchObject({ status: 409, body: { code } });
    return answer.body.detail;
  };
  const expectPaidOnce = async (payout: Json): Promise<void> => {
    await engine.untilStatus(payout.payoutId, 'paid');
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'paid' });
  };
  /** Funded, and kept from being converted: the provider gives no price. */
  const openFunded = async (): Promise<{ payout: Json; deposit: Json }> => {
    const payout = await engine.open();
    await failAlways('api_error', TICKER);
    const deposit = await engine.fund(payout);
    await engine.until(
      payout.payoutId,
      ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE',
      'no price',
    );
    return { payout, deposit };
  };

  test('a payout that awaits its deposit is cancelled, again with the same answer, and takes no money', async () => {
    const payout = await engine.open();
    for (let repetition = 0; repetition < 2; repetition += 1) {
      expect(await cancel(payout)).toMatchObject({
        status: 200,
        body: { payoutId: payout.payoutId, status: 'cancelled' },
      });
    }
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'cancelled' });

    const late = await engine.fund(payout);
    await untilUnallocated(engine, late.id, 'LATE_DEPOSIT');
    const { body } = await engine.api('GET', `/v1/payouts/${payout.payoutId}`);
    expect(body).toMatchObject({ status: 'cancelled', deposit: { received: '0.000000' } });
    expect(body.timeline.map(({ status }: Json) => status)).toEqual([
      'opening',
      'awaiting_deposit',
      'cancelled',
      'cancelled',
    ]);
    expect(await bodiesSentTo(engine, ORDERS, payout.payoutId)).toEqual([]);
  });

  test('the money of a funded payout is owed to its owner', async () => {
    const before = await balanceIn(engine, 'USDT');
    const { payout, deposit } = await openFunded();
    const { amount } = payout.deposit;
    expect(await cancel(payout)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    await untilAllocated(engine, deposit.id);
    const { timeline, postings } = await engine.untilStatus(payout.payoutId, 'cancelled');
    expect(timeline.at(-1)).toMatchObject({ status: 'cancelled', detail: 'cancelled by local' });
    expect(postings.at(-1)).toMatchObject({ cause: 'release', account: 'owed', amount: `-${amount}` });
    expect(await balanceIn(engine, 'USDT')).toMatchObject({
      available: before.available,
      owed: atCurrencyScale(addAmounts(before.owed, amount), 'USDT'),
      inPayouts: '0.000000',
      unallocated: before.unallocated,
    });
    expect(await bodiesSentTo(engine, ORDERS, payout.payoutId)).toEqual([]);
    expect(await bodiesSentTo(engine, PAYOUTS, payout.payoutId)).toEqual([]);
  });

  test.each([
    ['converting', ORDERS, 'USDT'],
    ['paying', PAYOUTS, 'CNY'],
  ])(
    'while it is %s and nothing has left: its money is owed to its owner, where it is',
    async (status, endpoint, currency) => {
      const payout = await engine.open();
      // Long enough that no request is on its way when it is cancelled.
      await engine.control('POST', '/faults', { kind: 'rate_limit_error', endpoint, retryAfterSeconds: 600 });
      await engine.fund(payout);
      const isLimited = (one: Json): boolean => one.status === status && one.holdReason === 'RATE_LIMITED';
      await engine.until(payout.payoutId, isLimited, 'limited');
      const reason = 'the supplier is gone';
      const answer = await engine.api('POST', `/v1/payouts/${payout.payoutId}/cancel`, { reason });
      expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      const { timeline, postings } = await engine.untilStatus(payout.payoutId, 'cancelled');
      expect(timeline.at(-1).detail).toBe(`cancelled by local: ${reason}`);
      expect(
        postings.filter(({ cause }: Json) => cause === 'release').map((one: Json) => one.currency),
      ).toContain(currency);
      await engine.control('DELETE', '/faults');
      expect(await workflowOf(payout).result()).toMatchObject({ status: 'cancelled' });
      expect(await countPayoutsMade(engine, payout.payoutId)).toBe(0);
    },
  );

  test('it is refused, with the reason, while QbitPay has it, and when it is paid', async () => {
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const payout = await engine.open();
    await engine.fund(payout);
    await engine.untilStatus(payout.payoutId, 'in_transit');
    expect(await expectRefused(payout, 'CANCEL_REFUSED')).toMatch(/cannot be cancelled: QbitPay has it/);
    await engine.control('POST', '/settle');
    await engine.untilStatus(payout.payoutId, 'paid');
    await expectRefused(payout, 'PAYOUT_ENDED');
  });

  test('the update itself refuses what has no actor, and a payout that has ended, without an event', async () => {
    const payout = await engine.open();
    const update = (argument: unknown) =>
      workflowOf(payout).executeUpdate('cancelPayout', { args: [argument] });
    const eventsOf = async (): Promise<number> =>
      (await workflowOf(payout).fetchHistory()).events?.length ?? 0;
    const before = await eventsOf();
    for (const argument of [undefined, {}, { actor: '' }, { actor: 'ops', reason: 'x'.repeat(257) }]) {
      await expect(update(argument)).rejects.toMatchObject({ cause: { type: 'CANCEL_REFUSED' } });
    }
    expect(await eventsOf()).toBe(before);
    await update({ actor: 'ops', reason: 'asked for twice' });
    const { timeline } = await engine.untilStatus(payout.payoutId, 'cancelled');
    expect(timeline.at(-1).detail).toBe('cancelled by ops: asked for twice');
  });

  test('it is refused while the answer to the payout request is due', async () => {
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const payout = await engine.open();
    const slow = { kind: 'delayAfterEffect', endpoint: PAYOUTS, delayMs: 700 };
    await engine.control('POST', '/faults', slow);
    await engine.fund(payout);
    await engine.until(
      payout.payoutId,
      ({ status }) => status === 'paying' || status === 'in_transit',
      'the payout request',
    );
    await expectRefused(payout, 'CANCEL_REFUSED');
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
    await expectPaidOnce(payout);
  });

  test('a payout that is not open yet is cancelled while the provider does not answer', async () => {
    await failAlways('api_error', TICKER);
    const request = payoutRequest();
    const creating = engine.create(request);
    await engine.until(request.payoutId, ({ status }) => status === 'opening', 'opening');
    expect(await cancel(request)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await creating).toMatchObject({ body: { status: 'cancelled', deposit: null } });
    expect(await workflowOf(request).result()).toMatchObject({ status: 'cancelled' });
    expect(await engine.create(request)).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
  });

  test('a payout that no worker has taken up is cancelled once one does', async () => {
    await engine.stopWorker();
    const request = payoutRequest();
    const creating = engine.create(request);
    await engine.until(request.payoutId, ({ status }) => status === 'opening', 'opening');
    const cancelling = cancel(request);
    await engine.startWorker();
    expect(await cancelling).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await creating).toMatchObject({ body: { status: 'cancelled' } });
    expect(await workflowOf(request).result()).toMatchObject({ status: 'cancelled' });
  });
});
