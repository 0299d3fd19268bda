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

// What is larger is left to a person: 5000 CNY, and about 721 USDT that are sold for it.
const SETTINGS = {
  env: {
    UNKNOWN_OUTCOME_WAIT_SECONDS: String(UNKNOWN_OUTCOME_WAIT_SECONDS),
    ABSENCE_CHECKS: String(ABSENCE_CHECKS),
    PROVIDER_SYNC_INTERVAL_MS: '200',
    RESEND_MAX_AMOUNT: 'CNY:4999.99,USDT:700',
  },
};
const WITHIN_LIMIT = { amount: '4000.00' };

beforeAll(async () => {
  ({ engine, proxy } = await startEngineBehindProxy(SETTINGS));
  database = new PostgresClient({ connectionString: engine.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await engine.stop();
});

type Fault = readonly [string, Json?];

/** No answer, one that QbitPay need not have given, and one that cannot be read: what counts as unknown is a unit's test. */
const LOST: Fault = ['resetAfterEffect'];
const UNTRUSTED: Fault = ['statusAfterEffect', { status: 429, retryAfterSeconds: 1 }];
const UNREADABLE: Fault = ['notJson'];

/** What was asked for never happened. */
const NEVER: Fault = ['resetBeforeEffect'];
const REFUSED_UNREAD: Fault = ['status', { status: 400 }];

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

/** Opened and funded; its requests are struck. */
async function strike(
  { order, payout }: { readonly order?: Fault; readonly payout?: Fault },
  changes: Json = {},
): Promise<string> {
  const { payoutId } = payoutRequest();
  for (const [fault, endpoint] of [
    [order, ORDERS],
    [payout, PAYOUTS],
  ] as const) {
    if (fault) await orderFault(engine, fault[0], endpoint, { externalOrderId: payoutId, ...fault[1] });
  }
  await openAndFund(engine, { payoutId, ...changes });
  return payoutId;
}

/** However often they were sent, each of them is there once. */
async function expectPaid(payoutId: string, sends: Readonly<Record<Operation, number>>): Promise<void> {
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  for (const [operation, endpoint] of OPERATIONS) {
    expect(await providerRequestOf(operation, payoutId)).toEqual({
      state: 'accepted',
      sends: sends[operation],
    });
    expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(sends[operation]);
  }
}
const ONCE_EACH = { order: 1, payout: 1 };

describe('what took effect, and nobody heard of it', () => {
  test('is found and adopted, whatever came instead of an answer; never sent again', async () => {
    const payoutIds = [
      await strike({ order: LOST, payout: UNTRUSTED }),
      // Although it may be sent again.
      await strike({ order: UNREADABLE, payout: LOST }, WITHIN_LIMIT),
    ];
    for (const payoutId of payoutIds) await expectPaid(payoutId, ONCE_EACH);
  });

  test('an answer that names another payout is no answer to this one', async () => {
    const { payoutId, ...opened } = await engine.open();
    proxy.rewrite((request, body) =>
      request.startsWith('POST') && body?.externalOrderId === payoutId
        ? { ...body, id: 'the-other-one', externalOrderId: 'somebody-else' }
        : undefined,
    );
    await engine.fund(opened);
    await expectPaid(payoutId, ONCE_EACH);
    proxy.rewrite(undefined);
  });
});

describe('what never took effect, and is larger than what is sent again', () => {
  const held = { order: '', payout: '' };

  const expectSentOnce = async (): Promise<void> => {
    for (const [operation, endpoint] of OPERATIONS) {
      const payoutId = held[operation];
      expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(1);
      expect(await providerRequestOf(operation, payoutId)).toEqual({ state: 'unknown', sends: 1 });
    }
    expect(await requestsTo(engine, PAYOUTS, held.order)).toEqual([]);
  };

  beforeAll(async () => {
    held.order = await strike({ order: NEVER });
    held.payout = await strike({ payout: REFUSED_UNREAD });
    for (const payoutId of [held.order, held.payout]) {
      expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({
        holdReason: 'UNKNOWN_OUTCOME',
        providerPayoutId: null,
      });
    }
  });

  test('is held for a person, whatever came instead of an answer', async () => {
    await expectSentOnce();
    for (const payoutId of [held.order, held.payout]) {
      await untilHoldReasonShown(engine, payoutId, 'UNKNOWN_OUTCOME');
      const details = await currentDetailsOf(engine, payoutWorkflowId(payoutId));
      expect(details).toContain('QbitPay does not show what it asked for');
      expect(details).toContain('Ask QbitPay about the externalOrderId');
    }
  });

  test('only after the wait for an unknown outcome, by so many readings', async () => {
    const { rows } = await database.query(
      `select absence_checks, held.at >= last_sent_at + make_interval(secs => $2) as settled
       from provider_requests join payout_timeline held on held.payout_id = provider_requests.payout_id and held.status = 'held'
       where external_order_id = any($1) and state = 'unknown'`,
      [[held.order, held.payout], UNKNOWN_OUTCOME_WAIT_SECONDS],
    );
    expect(rows).toEqual(Array(2).fill({ absence_checks: ABSENCE_CHECKS, settled: true }));
  });

  test('cannot be cancelled: the money may have left', async () => {
    for (const payoutId of [held.order, held.payout]) {
      expect((await engine.api('POST', `/v1/payouts/${payoutId}/cancel`)).status).toBe(409);
    }
  });

  test('is never sent again by itself: not by a new worker, not by a reset; a person may have it sent', async () => {
    await engine.stopWorker();
    await engine.startWorker();
    await Promise.all([held.order, held.payout].map(resetAndAwaitHold));
    await expectSentOnce();
    const decision = { action: 'resend', reason: 'QbitPay never had it' };
    expect(await engine.api('POST', `/v1/payouts/${held.payout}/resolve`, decision)).toMatchObject({
      status: 200,
    });
    await expectPaid(held.payout, { order: 1, payout: 2 });
  });
});

describe('what never took effect, within the limit', () => {
  test('is sent once more, and is there once', async () => {
    const payoutId = await strike({ order: NEVER, payout: REFUSED_UNREAD }, WITHIN_LIMIT);
    await expectPaid(payoutId, { order: 2, payout: 2 });
  });

  test('once: what is not found a second time waits for a person', async () => {
    const payoutId = await strike({ order: ['resetBeforeEffect', { times: 2 }] }, WITHIN_LIMIT);
    expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(2);
    expect(await providerRequestOf('order', payoutId)).toEqual({ state: 'unknown', sends: 2 });
  });
});

test('what a sender that was killed left as sending, and is not at QbitPay, is sent by nobody', async () => {
  // Long enough that nobody sends it by himself: what its sender wrote before it died is written for it.
  const payoutId = await strike({ payout: ['rate_limit_error', { retryAfterSeconds: 600 }] });
  await untilAnswer(
    () => providerRequestOf('payout', payoutId),
    (providerRequest) => providerRequest?.state === 'retry_later',
    'the request as one to be sent later',
  );
  await database.query(
    "update provider_requests set state = 'sending' where operation = 'payout' and external_order_id = $1",
    [payoutId],
  );
  await resetToFirstTask(engine, payoutId);
  expect(await engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
  const requests = await requestsTo(engine, PAYOUTS, payoutId);
  expect(requests.map(({ effects }) => effects)).toEqual([[]]);
  expect(await providerRequestOf('payout', payoutId)).toEqual({ state: 'unknown', sends: 1 });
});

test('a payout whose connection is refused before anything was sent is sent when it stands again, once', async () => {
  const { payoutId, ...opened } = await engine.open();
  // Reads go on over connections that stand; every request that moves money opens one of its own.
  let refused = false;
  proxy.rewrite((request) => {
    if (!refused && request.startsWith(ORDERS)) {
      refused = true;
      proxy.refuseNewConnections();
    }
    return undefined;
  });
  await engine.fund(opened);
  await untilAnswer(
    () => providerRequestOf('payout', payoutId),
    (providerRequest) => providerRequest?.state === 'not_sent',
    'not sent',
  );
  expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status).toBe('paying');
  proxy.rewrite(undefined);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(0);
  await proxy.letThrough();
  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  expect((await providerRequestOf('payout', payoutId)).sends).toBeGreaterThan(1);
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
