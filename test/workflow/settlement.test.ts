import { randomUUID } from 'node:crypto';
import type { Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { untilCaughtUp } from '../support/mirror-readings.js';
import { describePayout, resetToFirstTask, shownHoldReason } from '../support/payout-workflows.js';
import {
  expectConvertedAndPaidOnce,
  openAndFund,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startTestEngine();
});
afterAll(() => engine.stop());

const newId = (): string => `p-${randomUUID()}`;

/** The payout does not move at the provider but by control calls; in transit, and known there by the second id. */
async function inTransit(): Promise<{ payoutId: string; providerPayoutId: string }> {
  const payoutId = newId();
  await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
  await openAndFund(engine, { payoutId });
  const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
  return { payoutId, providerPayoutId };
}

const advance = (providerPayoutId: string, status: string): Promise<Json> =>
  engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status });

const lose = (eventType: string): Promise<Json> =>
  engine.control('POST', '/faults', { kind: 'webhookLost', eventType, times: 1_000 });

describe('without any webhook of the payout', () => {
  beforeAll(async () => {
    for (const event of ['pending', 'inTransition', 'paid', 'failed', 'cancelled'])
      await lose(`payout.${event}`);
  });
  afterAll(() => engine.control('DELETE', '/faults'));

  const expectNoDelivery = async (providerPayoutId: string): Promise<void> => {
    const { data } = await engine.control('GET', `/events?subject=${providerPayoutId}`);
    expect(data.length).toBeGreaterThanOrEqual(2);
    expect(data.flatMap(({ attempts }: Json) => attempts ?? [])).toEqual([]);
  };

  test.each([
    ['failed', 'failed', 'PAYOUT_FAILED', /reported it as failed/],
    ['cancelled', 'cancelled', 'CANCELLED_BY_PROVIDER', /cancelled it/],
  ])('%s at the provider: %s here, with the reason', async (outcome, status, type, message) => {
    const payoutId = newId();
    await engine.control('POST', '/outcomes', { outcome, externalOrderId: payoutId });
    await openAndFund(engine, { payoutId });
    const ended = await engine.untilStatus(payoutId, status);
    expect(ended.failure).toEqual({ type, message: expect.stringMatching(message) });
    expect(ended.holdReason).toBeNull();
    await expectNoDelivery(ended.providerPayoutId);
    await expectConvertedAndPaidOnce(engine, payoutId);
  });
});

test('paid is posted by the sync, without a workflow', async () => {
  const { payoutId, providerPayoutId } = await inTransit();
  const workflow = engine.temporal.client.workflow.getHandle(`payout/${payoutId}`);
  await workflow.terminate();
  await advance(providerPayoutId, 'paid');
  await engine.untilStatus(payoutId, 'paid');
  expect((await workflow.describe()).status.name).toBe('TERMINATED');
});

describe('a workflow that is reset to its first task goes on from the store', () => {
  const untilEnded = async (payoutId: string, runId: string): Promise<Json> => {
    const description = await untilAnswer(
      () => describePayout(engine, payoutId),
      (now) => now.runId === runId && now.status.name !== 'RUNNING',
      'the new run ended',
    );
    expect(description.status.name).toBe('COMPLETED');
    return engine.temporal.client.workflow.getHandle(`payout/${payoutId}`, runId).result();
  };

  test('paid: it ends as paid, whatever the provider would say to the request today', async () => {
    const { payoutId } = await openAndFund(engine);
    const paid = await engine.untilStatus(payoutId, 'paid');
    await engine.control('PATCH', '/settings', { payoutLimit: { currency: 'USDT', min: '100000' } });
    const runId = await resetToFirstTask(engine, payoutId);
    expect(await untilEnded(payoutId, runId)).toEqual({ payoutId, status: 'superseded' });
    await engine.control('PATCH', '/settings', { payoutLimit: { currency: 'USDT', min: '200' } });

    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toEqual(paid);
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  });

  test('in transit: it waits for the settlement again, and sends nothing', async () => {
    const { payoutId, providerPayoutId } = await inTransit();
    const runId = await resetToFirstTask(engine, payoutId);
    await untilCaughtUp(engine, payoutId);
    expect(await shownHoldReason(engine, payoutId)).toBeUndefined();
    await advance(providerPayoutId, 'paid');
    expect(await untilEnded(payoutId, runId)).toEqual({ payoutId, status: 'paid' });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  });
});
