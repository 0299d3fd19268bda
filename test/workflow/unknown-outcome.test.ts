import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import {
  currentDetailsOf,
  describePayout,
  resetToFirstTask,
  untilAnswer,
  untilHoldReasonShown,
} from '../support/payout-workflows.js';
import {
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy({}));
  database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await engine.stop();
});

/** Whatever may stand between a request that was sent and an answer that can be trusted. */
const FAULTS: readonly [string, Json?][] = [
  ['resetBeforeEffect'],
  ['resetAfterEffect'],
  ['errorAfterEffect', { status: 503 }],
  ['statusAfterEffect'],
  ['statusAfterEffect', { status: 429, retryAfterSeconds: 1 }],
  ['statusAfterEffect', { status: 404 }],
  ['status', { status: 400 }],
  ['api_error'],
  ['invalid_request_error', { status: 500 }],
  ['redirect'],
  ['notJson'],
  ['truncated'],
];

const fenceOf = async (operation: 'order' | 'payout', payoutId: string): Promise<Json> => {
  const { rows } = await database.query(
    'select state, sends from fences where operation = $1 and external_order_id = $2',
    [operation, payoutId],
  );
  return rows[0];
};

/** Opened, funded and held, because the fault strikes the request to this endpoint. */
async function holdBy(endpoint: string, [kind, more]: readonly [string, Json?]): Promise<string> {
  const { payoutId } = payoutRequest();
  await orderFault(engine, kind, endpoint, { externalOrderId: payoutId, ...more });
  await openAndFund(engine, { payoutId });
  expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({
    holdReason: 'UNKNOWN_OUTCOME',
    providerPayoutId: null,
  });
  return payoutId;
}

describe.each([
  ['order', ORDERS],
  ['payout', PAYOUTS],
] as const)('the outcome of the %s is not known', (operation, endpoint) => {
  let payoutIds: string[];

  const expectSentOnce = async (): Promise<void> => {
    const requests = await requestsTo(engine, endpoint);
    for (const payoutId of payoutIds) {
      expect(requests.filter(({ body }) => body.externalOrderId === payoutId)).toHaveLength(1);
      expect(await fenceOf(operation, payoutId)).toEqual({ state: 'unknown', sends: 1 });
      if (operation === 'order') expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(0);
      else await expectOrderedOnce(payoutId);
    }
  };
  const expectOrderedOnce = async (payoutId: string): Promise<void> =>
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);

  beforeAll(async () => {
    payoutIds = await Promise.all(FAULTS.map((fault) => holdBy(endpoint, fault)));
  });

  test('held for a person, whatever came instead of an answer', async () => {
    await expectSentOnce();
    for (const payoutId of payoutIds) {
      await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
      const details = await currentDetailsOf(engine, payoutWorkflowId(payoutId));
      expect(details).toContain('never sent again by itself');
      expect(details).toContain('Look in the QbitPay dashboard');
    }
  });

  test('it cannot be cancelled: the money may have left', async () => {
    const answer = await engine.api('POST', `/v1/payouts/${payoutIds[0] ?? ''}/cancel`);
    expect(answer.status).toBe(409);
  });

  test('never sent again: not by a new worker, not by a sweep, not by a reset', async () => {
    await engine.stopWorker();
    await engine.startWorker();
    await Promise.all(
      payoutIds.map(async (payoutId) => {
        const runId = await resetToFirstTask(engine, payoutId);
        await untilAnswer(
          () => describePayout(engine, payoutId),
          (description) =>
            description.runId === runId &&
            description.typedSearchAttributes.get({ name: 'PayoutHoldReason', type: 'KEYWORD' }) ===
              'UNKNOWN_OUTCOME',
          'held again, for the same reason',
        );
        expect(await currentDetailsOf(engine, payoutWorkflowId(payoutId))).toContain('**UNKNOWN_OUTCOME**');
      }),
    );
    await sweep();
    await expectSentOnce();
  });

  test('an answer that names another payout is no answer to this one', async () => {
    const { payoutId, ...opened } = await engine.open();
    const object = operation;
    proxy.rewrite((request, body) =>
      request.startsWith('POST') && body?.object === object && body.externalOrderId === payoutId
        ? { ...body, externalOrderId: 'somebody-else' }
        : undefined,
    );
    await engine.fund(opened);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    proxy.rewrite(undefined);
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(1);
  });
});

/** Every event that nobody has handled is dispatched now. */
async function sweep(): Promise<void> {
  await database.query(
    "update webhook_inbox set next_dispatch_at = now() - interval '1 second' where state = 'pending'",
  );
  const taskQueue = engine.env['TEMPORAL_TASK_QUEUE'] ?? '';
  await engine.temporal.client.schedule.getHandle(`sweep-webhooks/${taskQueue}`).trigger();
  await untilAnswer(
    async () =>
      (
        await database.query(
          "select 1 from webhook_inbox where state = 'pending' and next_dispatch_at < now()",
        )
      ).rowCount,
    (due) => due === 0,
    'a sweep',
  );
}

describe('a sender that was killed leaves its fence behind', () => {
  test.each([
    ['order', 'sending', ORDERS],
    ['order', 'unknown', ORDERS],
    ['payout', 'sending', PAYOUTS],
    ['payout', 'unknown', PAYOUTS],
  ] as const)('the %s, found as %s, is sent by nobody', async (operation, state, endpoint) => {
    const { payoutId, ...opened } = await engine.open();
    await database.query(
      'insert into fences (operation, external_order_id, payout_id, state, sends) values ($1, $2, $2, $3, 1)',
      [operation, payoutId, state],
    );
    await engine.fund(opened);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(0);
    expect(await fenceOf(operation, payoutId)).toEqual({ state: 'unknown', sends: 1 });
  });
});

describe('the connection is refused before anything was sent', () => {
  test.each([
    ['order', ORDERS, 'GET /api/v1/balanceTransactions'],
    ['payout', PAYOUTS, 'GET /api/v1/orders/'],
  ] as const)('the %s is sent when it stands again, once', async (operation, endpoint, previousRead) => {
    const { payoutId, ...opened } = await engine.open();
    // Reads go on over connections that stand; every request that moves money opens one of its own.
    let refused = false;
    proxy.rewrite((request) => {
      if (!refused && request.startsWith(previousRead)) {
        refused = true;
        proxy.refuseNewConnections();
      }
      return undefined;
    });
    await engine.fund(opened);
    await untilAnswer(
      () => fenceOf(operation, payoutId),
      (fence) => fence?.state === 'not_sent',
      'not sent',
    );
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status).toBe(
      operation === 'order' ? 'converting' : 'paying',
    );
    proxy.rewrite(undefined);
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(0);
    await proxy.letThrough();
    await engine.untilStatus(payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payoutId);
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(1);
    expect((await fenceOf(operation, payoutId)).sends).toBeGreaterThan(1);
  });
});
