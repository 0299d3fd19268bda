import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { CRASH_POINT, type CallPoint } from '../faults/crash-points.js';
import { openAnotherWorker, type AnotherWorker } from '../support/another-worker.js';
import { expectBooksToBalance } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import { hideRequest, OPERATIONS, type HiddenRequest, type Operation } from '../support/hidden-requests.js';
import { untilHoldReasonShown } from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import {
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';
import { hintPayout } from '../support/test-store.js';

/** The sender of a request that everybody gave up wakes and says what became of it, however late. */

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({
    env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1' },
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
const ENDPOINTS = { order: ORDERS, payout: PAYOUTS } as const;
const newId = (): string => `p-${randomUUID()}`;
const providerRequestOf = async (operation: Operation, payoutId: string): Promise<Json> =>
  (
    await database.query(
      'select state, sends, resend_by from provider_requests where operation = $1 and external_order_id = $2',
      [operation, payoutId],
    )
  ).rows[0];

const hide = (payoutId: string, events?: 'webhookHeld'): Promise<HiddenRequest> =>
  hideRequest({ engine, proxy }, payoutId, { events });

async function untilHeldAsUnknown(payoutId: string): Promise<Json> {
  const held = await engine.untilStatus(payoutId, 'held');
  expect(held).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME', providerPayoutId: null });
  await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
  return held;
}

/** Something that happens once, and can be awaited. */
function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

interface FrozenSender {
  /** It wakes, and does the rest of its step. */
  wake(): Promise<void>;
}

/** Another worker that has the right to send the request, and is frozen at a moment of it; its payout is held by now. */
async function freezeSender(operation: Operation, payoutId: string, at: CallPoint): Promise<FrozenSender> {
  await orderFault(engine, 'rate_limit_error', ENDPOINTS[operation], {
    externalOrderId: payoutId,
    times: ALWAYS,
  });
  await openAndFund(engine, { payoutId });
  await untilAnswer(
    () => providerRequestOf(operation, payoutId),
    (providerRequest) => providerRequest?.sends > 0,
    'the first refusal',
  );
  await engine.stopWorker();
  await engine.control('DELETE', '/faults');
  // Its turn to be sent by anybody.
  await database.query(
    `update provider_requests set state = 'retry_later', provisional_state = null
     where operation = $1 and external_order_id = $2`,
    [operation, payoutId],
  );
  await hide(payoutId);
  const [frozen, woken] = [signal(), signal()];
  const sender: AnotherWorker = openAnotherWorker(engine, {
    onCrashPoint: async (crashPoint) => {
      if (crashPoint !== at) return;
      frozen.resolve();
      await woken.promise;
    },
  });
  const step = operation === 'order' ? sender.placeOrder(payoutId) : sender.createPayout(payoutId);
  await Promise.race([
    frozen.promise,
    step.then((answer) => Promise.reject(new Error(JSON.stringify(answer)))),
  ]);
  await engine.startWorker();
  await hintPayout(engine.databaseUrl, payoutId);
  await untilHeldAsUnknown(payoutId);
  return {
    wake: async () => {
      woken.resolve();
      await step;
      await sender.close();
    },
  };
}

describe.each(OPERATIONS)('the sender of the %s comes back', (operation) => {
  const isOrder = operation === 'order';

  test('with what QbitPay answered: the payout goes on from that', async () => {
    const payoutId = newId();
    const sender = await freezeSender(
      operation,
      payoutId,
      isOrder ? CRASH_POINT.ORDER_AFTER_RESPONSE : CRASH_POINT.PAYOUT_AFTER_RESPONSE,
    );
    await sender.wake();
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
    expect((await providerRequestOf(operation, payoutId)).state).toBe('accepted');
  });

  test('with a refusal: that is then what becomes of the payout', async () => {
    const payoutId = newId();
    const sender = await freezeSender(
      operation,
      payoutId,
      isOrder ? CRASH_POINT.ORDER_AFTER_GUARD : CRASH_POINT.PAYOUT_AFTER_GUARD,
    );
    await orderFault(engine, 'invalid_request_error', ENDPOINTS[operation], { externalOrderId: payoutId });
    await sender.wake();
    if (isOrder) {
      expect(await engine.untilStatus(payoutId, 'failed')).toMatchObject({
        failure: { type: 'ORDER_REFUSED' },
      });
    } else {
      await engine.until(payoutId, ({ holdReason }) => holdReason === 'DESTINATION_REFUSED', 'refused');
      await untilHoldReasonShown(engine, payoutId, 'DESTINATION_REFUSED');
    }
    expect((await providerRequestOf(operation, payoutId)).state).toBe('refused');
    const requests = await requestsTo(engine, ENDPOINTS[operation], payoutId);
    expect(requests.flatMap(({ effects }) => effects)).toEqual([]);
  });
});
