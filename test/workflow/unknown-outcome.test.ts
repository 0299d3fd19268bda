import { Client as PostgresClient } from 'pg';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import type { TestEngine } from '../support/engine.js';
import {
  currentDetailsOf,
  describePayout,
  resetToFirstTask,
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
import { untilAnswer } from '../support/until-answer.js';

let engine: TestEngine;
let proxy: ProviderProxy;
let database: PostgresClient;

/** Long enough to be told apart from none, short enough to wait for. */
const UNKNOWN_OUTCOME_WAIT_SECONDS = 1;
const ABSENCE_CHECKS = 2;

const settings = (resendMaxAmount: string) => ({
  env: {
    UNKNOWN_OUTCOME_WAIT_SECONDS: String(UNKNOWN_OUTCOME_WAIT_SECONDS),
    ABSENCE_CHECKS: String(ABSENCE_CHECKS),
    PROVIDER_SYNC_INTERVAL_MS: '200',
    RESEND_MAX_AMOUNT: resendMaxAmount,
  },
});

/** The engine that the tests of this block use. */
function useEngine(resendMaxAmount: string): void {
  beforeAll(async () => {
    ({ engine, proxy } = await startEngineBehindProxy(settings(resendMaxAmount)));
    database = new PostgresClient({ connectionString: engine.databaseUrl });
    await database.connect();
  });
  afterAll(async () => {
    await database.end();
    await engine.stop();
  });
}

/** No answer, one that QbitPay need not have given, and one that cannot be read: what counts as unknown is a unit's test. */
const FAULTS_AFTER_EFFECT: readonly [string, Json?][] = [
  ['resetAfterEffect'],
  ['statusAfterEffect', { status: 429, retryAfterSeconds: 1 }],
  ['notJson'],
];

/** The same, and what was asked for never happened. */
const FAULTS_BEFORE_EFFECT: readonly [string, Json?][] = [['resetBeforeEffect'], ['status', { status: 400 }]];

const OPERATIONS = [
  ['order', ORDERS],
  ['payout', PAYOUTS],
] as const;
type Operation = (typeof OPERATIONS)[number][0];

const providerRequestOf = async (operation: Operation, payoutId: string): Promise<Json> => {
  const { rows } = await database.query(
    'select state, sends from provider_requests where operation = $1 and external_order_id = $2',
    [operation, payoutId],
  );
  return rows[0];
};

/** Opened and funded; the fault strikes its request to this endpoint. */
async function strike(
  endpoint: string,
  [kind, more]: readonly [string, Json?],
  changes: Json = {},
): Promise<string> {
  const { payoutId } = payoutRequest();
  await orderFault(engine, kind, endpoint, { externalOrderId: payoutId, ...more });
  await openAndFund(engine, { payoutId, ...changes });
  return payoutId;
}

/** However often it was sent, it is there once. */
async function expectPaid(payoutId: string, operation: Operation, sends: number): Promise<void> {
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  expect(await providerRequestOf(operation, payoutId)).toEqual({ state: 'accepted', sends });
  for (const [other, endpoint] of OPERATIONS) {
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(other === operation ? sends : 1);
  }
}

describe('with what is not found left to a person', () => {
  useEngine('0');

  describe.each(OPERATIONS)('the %s took effect, and nobody heard of it', (operation, endpoint) => {
    test('found and adopted, whatever came instead of an answer; never sent again', async () => {
      const payoutIds = await Promise.all(FAULTS_AFTER_EFFECT.map((fault) => strike(endpoint, fault)));
      for (const payoutId of payoutIds) await expectPaid(payoutId, operation, 1);
    });

    test('an answer that names another payout is no answer to this one', async () => {
      const { payoutId, ...opened } = await engine.open();
      proxy.rewrite((request, body) =>
        request.startsWith('POST') && body?.object === operation && body.externalOrderId === payoutId
          ? { ...body, id: 'the-other-one', externalOrderId: 'somebody-else' }
          : undefined,
      );
      await engine.fund(opened);
      await expectPaid(payoutId, operation, 1);
      proxy.rewrite(undefined);
    });
  });

  describe.each(OPERATIONS)('the %s never took effect', (operation, endpoint) => {
    let payoutIds: string[];

    const expectSentOnce = async (): Promise<void> => {
      for (const payoutId of payoutIds) {
        expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(1);
        expect(await providerRequestOf(operation, payoutId)).toEqual({ state: 'unknown', sends: 1 });
        const ordersSent = await requestsTo(engine, ORDERS, payoutId);
        const payoutsSent = await requestsTo(engine, PAYOUTS, payoutId);
        expect([ordersSent.length, payoutsSent.length]).toEqual(operation === 'order' ? [1, 0] : [1, 1]);
      }
    };

    beforeAll(async () => {
      payoutIds = await Promise.all(FAULTS_BEFORE_EFFECT.map((fault) => strike(endpoint, fault)));
      for (const payoutId of payoutIds) {
        expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({
          holdReason: 'UNKNOWN_OUTCOME',
          providerPayoutId: null,
        });
      }
    });

    test('held for a person, whatever came instead of an answer', async () => {
      await expectSentOnce();
      for (const payoutId of payoutIds) {
        await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
        const details = await currentDetailsOf(engine, payoutWorkflowId(payoutId));
        expect(details).toContain('QbitPay does not show what it asked for');
        expect(details).toContain('Ask QbitPay about the externalOrderId');
      }
    });

    test('only after the wait for an unknown outcome, by so many readings', async () => {
      const { rows } = await database.query(
        `select absence_checks, held.at >= last_sent_at + make_interval(secs => $3) as settled
         from provider_requests join payout_timeline held on held.payout_id = provider_requests.payout_id and held.status = 'held'
         where operation = $1 and external_order_id = any($2)`,
        [operation, payoutIds, UNKNOWN_OUTCOME_WAIT_SECONDS],
      );
      expect(rows).toEqual(payoutIds.map(() => ({ absence_checks: ABSENCE_CHECKS, settled: true })));
    });

    test('it cannot be cancelled: the money may have left', async () => {
      const answer = await engine.api('POST', `/v1/payouts/${payoutIds[0] ?? ''}/cancel`);
      expect(answer.status).toBe(409);
    });

    test('never sent again: not by a new worker, not by a reset', async () => {
      await engine.stopWorker();
      await engine.startWorker();
      await Promise.all(payoutIds.map(resetAndAwaitHold));
      await expectSentOnce();
    });
  });

  describe('a sender that was killed leaves its request behind', () => {
    test.each([
      ['order', 'sending', ORDERS],
      ['order', 'unknown', ORDERS],
      ['payout', 'sending', PAYOUTS],
      ['payout', 'unknown', PAYOUTS],
    ] as const)(
      'the %s, found as %s and not at QbitPay, is sent by nobody',
      async (operation, state, endpoint) => {
        // Long enough that nobody sends it by himself: what its sender wrote before it died is written for it.
        const payoutId = await strike(endpoint, ['rate_limit_error', { retryAfterSeconds: 600 }]);
        await untilAnswer(
          () => providerRequestOf(operation, payoutId),
          (providerRequest) => providerRequest?.state === 'retry_later',
          'the request as one to be sent later',
        );
        await database.query(
          'update provider_requests set state = $3 where operation = $1 and external_order_id = $2',
          [operation, payoutId, state],
        );
        await resetToFirstTask(engine, payoutId);
        expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
        const requests = await requestsTo(engine, endpoint, payoutId);
        expect(requests.map(({ effects }) => effects)).toEqual([[]]);
        expect(await providerRequestOf(operation, payoutId)).toEqual({ state: 'unknown', sends: 1 });
      },
    );
  });

  describe('the connection is refused before anything was sent', () => {
    test.each([
      ['order', ORDERS, 'GET /api/v1/balanceTransactions'],
      ['payout', PAYOUTS, 'POST /api/v1/orders'],
    ] as const)('the %s is sent when it stands again, once', async (operation, endpoint, previousCall) => {
      const { payoutId, ...opened } = await engine.open();
      // Reads go on over connections that stand; every request that moves money opens one of its own.
      let refused = false;
      proxy.rewrite((request) => {
        if (!refused && request.startsWith(previousCall)) {
          refused = true;
          proxy.refuseNewConnections();
        }
        return undefined;
      });
      await engine.fund(opened);
      await untilAnswer(
        () => providerRequestOf(operation, payoutId),
        (providerRequest) => providerRequest?.state === 'not_sent',
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
      expect((await providerRequestOf(operation, payoutId)).sends).toBeGreaterThan(1);
    });
  });
});

describe('with what is not found sent again, up to a limit', () => {
  // What is sold is about 721 USDT, and what is paid out 5000 CNY where nothing else is said.
  useEngine('CNY:4999.99,USDT:1000');
  const WITHIN_LIMIT = { amount: '4000.00' };

  describe.each(OPERATIONS)('the %s', (operation, endpoint) => {
    test('that never took effect is sent once more, and is there once', async () => {
      const payoutIds = await Promise.all(
        FAULTS_BEFORE_EFFECT.map((fault) => strike(endpoint, fault, WITHIN_LIMIT)),
      );
      for (const payoutId of payoutIds) await expectPaid(payoutId, operation, 2);
    });

    test('that took effect is found, and not sent again', async () => {
      const payoutIds = await Promise.all(
        FAULTS_AFTER_EFFECT.map((fault) => strike(endpoint, fault, WITHIN_LIMIT)),
      );
      for (const payoutId of payoutIds) await expectPaid(payoutId, operation, 1);
    });
  });

  test('what is larger waits for a person, who may send it again', async () => {
    const payoutId = await strike(PAYOUTS, ['resetBeforeEffect']);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
    const decision = { action: 'resend', reason: 'QbitPay never had it' };
    const answer = await engine.api('POST', `/v1/payouts/${payoutId}/resolve`, decision);
    expect(answer.status).toBe(200);
    await expectPaid(payoutId, 'payout', 2);
  });

  test('once: what is not found a second time waits for a person', async () => {
    const payoutId = await strike(ORDERS, ['resetBeforeEffect', { times: 2 }]);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(2);
    expect(await providerRequestOf('order', payoutId)).toEqual({ state: 'unknown', sends: 2 });
  });
});

/** Starts its workflow anew; resolves when that is on hold again for the same reason. */
async function resetAndAwaitHold(payoutId: string): Promise<void> {
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
}
