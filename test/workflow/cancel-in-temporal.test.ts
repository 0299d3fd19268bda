import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { balanceIn, causesOf, entriesOf } from '../support/balances.js';
import { untilAllocated } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { countPayoutsMade } from '../support/provider-view.js';

const ORDERS = 'POST /api/v1/orders';
const PAYOUTS = 'POST /api/v1/payouts';
const TICKER = 'GET /api/v1/markets/ticker';

describe('"cancel" in the Temporal UI', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterEach(async () => {
    await engine.control('DELETE', '/faults');
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
  });
  afterAll(() => engine.stop());

  const workflowOf = (payout: Json) =>
    engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.payoutId));
  const failAlways = (kind: string, endpoint: string): Promise<Json> =>
    engine.control('POST', '/faults', { kind, endpoint, times: 100_000 });
  const expectPaidOnce = async (payout: Json): Promise<void> => {
    await engine.untilStatus(payout.payoutId, 'paid');
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'paid' });
  };

  test('is the same as cancelling: a waiting payout is cancelled in the store', async () => {
    const payout = await engine.open();
    await workflowOf(payout).cancel();
    const cancelled = await engine.untilStatus(payout.payoutId, 'cancelled');
    expect(cancelled.timeline.at(-1)).toMatchObject({
      status: 'cancelled',
      detail: 'cancelled by Temporal',
    });
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'cancelled' });
  });

  test('leaves the money of a funded payout owed to its owner', async () => {
    const payout = await engine.open();
    // Funded, and kept from being converted: the provider gives no price.
    await failAlways('api_error', TICKER);
    const deposit = await engine.fund(payout);
    await engine.until(
      payout.payoutId,
      ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE',
      'no price',
    );
    await workflowOf(payout).cancel();
    await engine.untilStatus(payout.payoutId, 'cancelled');
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'cancelled' });
    await untilAllocated(engine, deposit.id);
    expect(await balanceIn(engine, 'USDT')).toMatchObject({
      owed: payout.deposit.amount,
      inPayouts: '0.000000',
      unallocated: '0.000000',
    });
    expect(causesOf(await entriesOf(engine, payout.payoutId))).toEqual(['allocation', 'release']);
  });

  test.each([
    ['being converted', 'converting', ORDERS],
    ['being created', 'paying', PAYOUTS],
  ])('stops a payout that is %s, as long as nothing has left', async (_name, status, endpoint) => {
    const payout = await engine.open();
    // Long enough that no request is on its way when it is cancelled.
    const limit = { kind: 'rate_limit_error', endpoint, retryAfterSeconds: 600 };
    await engine.control('POST', '/faults', limit);
    await engine.fund(payout);
    await engine.until(
      payout.payoutId,
      (one) => one.status === status && one.holdReason === 'RATE_LIMITED',
      'limited',
    );
    await workflowOf(payout).cancel();
    await engine.untilStatus(payout.payoutId, 'cancelled');
    expect(await workflowOf(payout).result()).toMatchObject({ status: 'cancelled' });
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(0);
  });

  test('does not stop a payout that is in transit', async () => {
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const payout = await engine.open();
    await engine.fund(payout);
    await engine.untilStatus(payout.payoutId, 'in_transit');
    await workflowOf(payout).cancel();
    await engine.control('PATCH', '/settings', { settlement: 'automatic' });
    await expectPaidOnce(payout);
  });
});
