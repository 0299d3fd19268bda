import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { ensureTemporalCli } from '../../scripts/temporal-cli.mjs';
import { isOutage } from '../../src/api/outage.js';
import { openStore } from '../../src/store/store.js';
import { createStoreDatabase } from '../../src/store/database.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/search-attributes.js';
import { choosePort } from '../../src/embedded/choose-port.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/postgres.js';
import type { StateDirectory } from '../../src/embedded/state-directory.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../src/embedded/temporal-dev-server.js';
import { expectBooksToBalance, leaveUnallocated } from '../support/balances.js';
import { openTemporaryStateDirectory, recordLog } from '../support/embedded-fixture.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { historyOf } from '../support/histories.js';
import {
  advancePayout,
  attemptOf,
  describePayout,
  shownHoldReason,
  untilHoldReasonShown,
} from '../support/payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from '../support/provider-proxy.js';
import {
  expectConvertedAndPaidOnce,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
  TICKER,
} from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

const ALWAYS = 100_000;

/** What a payout may wait for while QbitPay is away: a request that was refused, or cut off, is looked for by the sync. */
const WHILE_AWAY: readonly string[] = ['PROVIDER_UNAVAILABLE', 'REFUSAL_PROVISIONAL', 'OUTCOME_LOOKED_UP'];

/** The longest pause between two questions whether QbitPay is back: the shortest is a quarter of it. */
const LONGEST_PAUSE_MS = 1_600;
const SHORTEST_PAUSE_MS = 400;

const newHash = (): string => randomBytes(32).toString('hex');

function expectUnavailable({ status, headers, body }: Answer, what?: string): void {
  expect({ what, status, code: body.code }).toEqual({ what, status: 503, code: 'UNAVAILABLE' });
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
}

/** Opens payouts that QbitPay accepts and then keeps. */
async function bringIntoTransit(engine: TestEngine, count: number): Promise<Json[]> {
  const payouts = await Promise.all(Array.from({ length: count }, () => engine.open()));
  for (const payout of payouts) {
    await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payout.payoutId });
    await engine.fund(payout);
  }
  return Promise.all(payouts.map(({ payoutId }) => engine.untilStatus(payoutId, 'in_transit')));
}

async function expectPaidOnce(engine: TestEngine, payouts: readonly Json[]): Promise<void> {
  for (const { payoutId } of payouts) {
    expect(await engine.untilStatus(payoutId, 'paid')).toMatchObject({ holdReason: null });
    await expectConvertedAndPaidOnce(engine, payoutId);
  }
}

describe('QbitPay is away', () => {
  let engine: TestEngine;
  let proxy: ProviderProxy;
  beforeAll(async () => {
    const env = {
      RETRY_INITIAL_MS: String(SHORTEST_PAUSE_MS),
      RETRY_MAX_MS: String(LONGEST_PAUSE_MS),
      // A request may be on its way when the connection is cut: what is not found is sent again by itself.
      UNKNOWN_OUTCOME_WAIT_SECONDS: '1',
      ABSENCE_CHECKS: '1',
      RESEND_MAX_AMOUNT: 'CNY:1000000,USDT:1000000',
    };
    ({ engine, proxy } = await startEngineBehindProxy({ env }));
  });
  afterAll(() => engine.stop());

  /** Two payouts in each step. */
  async function openTwoInEachStep(): Promise<Json[]> {
    const payouts = await Promise.all(Array.from({ length: 8 }, () => engine.open()));
    const steps = [
      ['awaiting_deposit', payouts.slice(0, 2)],
      ['converting', payouts.slice(2, 4)],
      ['paying', payouts.slice(4, 6)],
      ['in_transit', payouts.slice(6, 8)],
    ] as const;
    const [, converting, paying, inTransit] = steps.map(([, some]) => some);
    for (const { payoutId } of converting ?? [])
      await orderFault(engine, 'rate_limit_error', ORDERS, { externalOrderId: payoutId, times: ALWAYS });
    for (const { payoutId } of paying ?? [])
      await orderFault(engine, 'rate_limit_error', PAYOUTS, { externalOrderId: payoutId, times: ALWAYS });
    for (const { payoutId } of inTransit ?? [])
      await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: payoutId });
    for (const payout of payouts.slice(2)) await engine.fund(payout);
    for (const [status, some] of steps) {
      for (const { payoutId } of some) await engine.untilStatus(payoutId, status);
    }
    return payouts;
  }

  /**
   * Several pauses long, each up to its full length. False for one whose request was on its way when the connection was cut:
   * it waits for what the sync finds, and asks nothing.
   */
  async function isAskingOftenEnough(payoutId: string): Promise<boolean> {
    const { isAsking } = await untilAnswer(
      async () => ({
        isAsking: attemptOf(await describePayout(engine, payoutId), 'awaitProvider') >= 4,
        shown: (await engine.api('GET', `/v1/payouts/${payoutId}`)).body.holdReason,
      }),
      ({ isAsking, shown }) => isAsking || shown === 'OUTCOME_LOOKED_UP',
      'asked four times whether QbitPay is back',
    );
    return isAsking;
  }

  test('payouts in every step wait, visibly, and all of them finish when it is back, once each', async () => {
    const payouts = await openTwoInEachStep();
    proxy.cutOff();
    await engine.control('DELETE', '/faults');
    for (const payout of payouts.slice(0, 2)) await engine.fund(payout);
    for (const { payoutId } of payouts.slice(2, 6)) {
      const isWaiting = (reason: string | undefined): boolean =>
        reason !== undefined && WHILE_AWAY.includes(reason);
      const waiting = await engine.until(
        payoutId,
        ({ holdReason }) => isWaiting(holdReason),
        'shown as waiting',
      );
      expect(waiting.hold.action).not.toBe('');
      await untilAnswer(() => shownHoldReason(engine, payoutId), isWaiting, 'a reason in the Temporal UI');
    }
    // Whoever waits for what QbitPay does asks nothing: that it is away shows where its readings do.
    await untilAnswer(
      () => engine.api('GET', '/v1/provider'),
      ({ body }) => body.problem !== null,
      'a sync that came to nothing',
    );
    await proxy.letThrough();
    for (const { payoutId } of payouts.slice(6)) {
      const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
      await advancePayout(engine, providerPayoutId, 'paid');
    }
    await expectPaidOnce(engine, payouts);
    for (const { payoutId } of payouts) await untilHoldReasonShown(engine, payoutId, undefined);
    await expectBooksToBalance(engine);
  });

  test('those who waited do not come back all at once', async () => {
    const payouts = await Promise.all(Array.from({ length: 16 }, () => engine.open()));
    await orderFault(engine, 'api_error', TICKER, { times: ALWAYS });
    for (const payout of payouts) await engine.fund(payout);
    const isShown = ({ holdReason }: Json): boolean => holdReason === 'PROVIDER_UNAVAILABLE';
    for (const { payoutId } of payouts) await engine.until(payoutId, isShown, 'shown as waiting');
    proxy.cutOff();
    await engine.control('DELETE', '/faults');
    const asking: Json[] = [];
    for (const payout of payouts) if (await isAskingOftenEnough(payout.payoutId)) asking.push(payout);
    const asked = 'GET /api/v1/accounts/show';
    const before = (await requestsTo(engine, asked)).length;
    await proxy.letThrough();
    const requests = await untilAnswer(
      () => requestsTo(engine, asked),
      ({ length }) => length >= before + asking.length,
      'asked by all of them',
    );
    await expectPaidOnce(engine, payouts);

    const times = requests.slice(before).map(({ at }) => Date.parse(at));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(SHORTEST_PAUSE_MS);
    const pauses = await Promise.all(asking.map(({ payoutId }) => pausesOf(payoutId)));
    for (const { first, longest } of pauses) {
      expect(first).toBeGreaterThanOrEqual(SHORTEST_PAUSE_MS);
      expect(first).toBeLessThanOrEqual(2 * SHORTEST_PAUSE_MS);
      expect(longest).toBe(LONGEST_PAUSE_MS);
    }
    for (const pausesOfAll of [pauses.map(({ first }) => first), pauses.map(({ last }) => last)]) {
      expect(new Set(pausesOfAll).size).toBeGreaterThan(payouts.length / 2);
    }
  });

  /** How long the payout's workflow had the server wait: between two questions, and after the answer. */
  async function pausesOf(payoutId: string) {
    const milliseconds = (pause: Json): number =>
      Number(pause?.seconds ?? 0) * 1_000 + (pause?.nanos ?? 0) / 1e6;
    const events = await historyOf(engine, payoutId);
    const retries = events
      .map((event) => event.activityTaskScheduledEventAttributes)
      .find((scheduled) => scheduled?.activityType?.name === 'awaitProvider')?.retryPolicy;
    const timers = events.flatMap(({ timerStartedEventAttributes: timer, userMetadata }) =>
      timer && userMetadata?.summary ? [milliseconds(timer.startToFireTimeout)] : [],
    );
    return {
      first: milliseconds(retries?.initialInterval),
      longest: milliseconds(retries?.maximumInterval),
      last: timers.at(-1),
    };
  }
});

describe('the database is away', () => {
  let stateDirectory: StateDirectory;
  let postgres: EmbeddedPostgres;
  let engine: TestEngine;
  const start = (port?: number): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({
      stateDirectory: stateDirectory.path,
      durable: false,
      log: recordLog(),
      ...(port === undefined ? {} : { port }),
    });

  beforeAll(async () => {
    stateDirectory = await openTemporaryStateDirectory();
    postgres = await start();
    const store = openStore({ url: postgres.url, onIdleError: () => undefined });
    await store.migrate();
    await store.close();
    engine = await startTestEngine({ env: { DATABASE_URL: postgres.url } });
  });
  afterAll(async () => {
    // What did not start is not there to be stopped.
    await (engine as TestEngine | undefined)?.stop();
    await postgres.stop();
    await stateDirectory.remove();
  });

  test('the API promises nothing, no webhook is taken, and everything finishes when it is back', async () => {
    const inTransit = await bringIntoTransit(engine, 2);
    const waiting = await Promise.all(Array.from({ length: 2 }, () => engine.open()));
    const unallocatedId = await leaveUnallocated(engine, 'USDT', '3');
    const request = payoutRequest();

    await postgres.stop();
    await expectNothingPromised(engine, { request, payoutId: waiting[0].payoutId, unallocatedId });
    for (const payout of waiting) await engine.fund(payout);
    for (const { providerPayoutId } of inTransit) await advancePayout(engine, providerPayoutId, 'paid');
    await expectNoWebhookTaken();

    postgres = await start(postgres.port);
    await expectPaidOnce(engine, [...inTransit, ...waiting]);
    await untilAnswer(
      () => engine.api('POST', '/v1/payouts', request),
      // The one or the other, as the answer that opened it was waited for or not.
      ({ status }) => status === 201 || status === 200,
      'the request that was answered with 503, repeated',
    );
    await expectBooksToBalance({ ...engine, databaseUrl: postgres.url });
  });

  test('a process that is in the middle of a transaction lives on, and knows what happened', async () => {
    const db = createStoreDatabase({ url: postgres.url, onIdleError: () => undefined });
    const transaction = db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx);
      await postgres.stop();
      await sql`select 1`.execute(trx);
    });
    expect(isOutage(await transaction.catch((error: unknown) => error))).toBe(true);

    postgres = await start(postgres.port);
    expect((await sql<Json>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]);
    await db.destroy();
  });

  async function expectNoWebhookTaken(): Promise<void> {
    const { id } = await engine.control('POST', '/events/forge', {
      type: 'deposit.confirmed',
      data: {
        id: `dep-${randomUUID()}`,
        object: 'deposit',
        currency: 'USDT',
        amount: 1,
        status: 'confirmed',
      },
      signature: 'valid',
    });
    const { attempts } = await untilAnswer(
      () => engine.control('GET', `/events/${id}`),
      (event) => event.attempts.length > 0,
      'a delivery',
    );
    for (const { status } of attempts) expect(status).toBe(503);
  }
});

interface Targets {
  readonly request: Json;
  readonly payoutId: string;
  readonly unallocatedId: string;
}

const DECISION = { reason: 'to see' };

/** Everything that asks Temporal for something, or may have to. */
const asksTemporal = ({ payoutId }: Targets): (readonly [string, string, Json?])[] => [
  ['POST', `/v1/payouts/${payoutId}/cancel`],
  ['POST', `/v1/payouts/${payoutId}/hold`, DECISION],
  ['GET', '/v1/reconciliation'],
];

/** What the store refuses by itself, of a payout that waits for its deposit. */
const isRefused = ({ payoutId }: Targets): (readonly [string, string, Json?])[] => [
  ['POST', `/v1/payouts/${payoutId}/resume`, DECISION],
  ['POST', `/v1/payouts/${payoutId}/resolve`, { ...DECISION, action: 'close' }],
  ['POST', `/v1/payouts/${payoutId}/retry`, DECISION],
];

/** What is written in the store alone. */
const writesStore = ({ unallocatedId }: Targets): (readonly [string, string, Json?])[] => [
  ['POST', '/v1/deposits', { txHash: newHash(), currency: 'USDT', amount: '1' }],
  ['POST', `/v1/deposits/${unallocatedId}/assign`, { to: 'available' }],
];

/** What the store alone answers. */
const asksStore = ({ payoutId, unallocatedId }: Targets): (readonly [string, string, Json?])[] => [
  ['GET', '/v1/payouts'],
  ['GET', `/v1/payouts/${payoutId}`],
  ['GET', '/v1/deposits'],
  ['GET', `/v1/deposits/${unallocatedId}`],
  ['GET', '/v1/balances'],
  ['GET', '/v1/ledger'],
];

async function expectNothingPromised(engine: TestEngine, targets: Targets): Promise<void> {
  const creation = ['POST', '/v1/payouts', targets.request] as const;
  await expectAllUnavailable(engine, [
    creation,
    ...asksTemporal(targets),
    ...isRefused(targets),
    ...writesStore(targets),
    ...asksStore(targets),
  ]);
}

async function expectAllUnavailable(
  engine: TestEngine,
  calls: readonly (readonly [string, string, Json?])[],
): Promise<void> {
  const ready = await engine.api('GET', '/readyz');
  expect(ready).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
  await Promise.all(
    calls.map(async ([method, path, body]) =>
      expectUnavailable(await engine.api(method, path, body), `${method} ${path}`),
    ),
  );
}

describe('Temporal is away', () => {
  let stateDirectory: StateDirectory;
  let server: TemporalDevServer;
  let engine: TestEngine;
  const start = async (port?: number): Promise<TemporalDevServer> =>
    startTemporalDevServer({
      cliPath: await ensureTemporalCli(),
      stateDirectory: stateDirectory.path,
      searchAttributes: SEARCH_ATTRIBUTES,
      log: recordLog(),
      ...(port === undefined ? {} : { port }),
    });

  beforeAll(async () => {
    stateDirectory = await openTemporaryStateDirectory();
    server = await start();
    engine = await startTestEngine({
      env: { TEMPORAL_ADDRESS: server.address, WEBHOOK_SWEEP_INTERVAL_SECONDS: '1' },
    });
  });
  afterAll(async () => {
    // What did not start is not there to be stopped.
    await (engine as TestEngine | undefined)?.stop();
    await server.stop();
    await stateDirectory.remove();
  });

  test('the API accepts payouts and promises nothing else, and the same processes finish everything when it is back', async () => {
    const inTransit = await bringIntoTransit(engine, 2);
    const waiting = await Promise.all(Array.from({ length: 2 }, () => engine.open()));
    const [unallocatedId, declaredId] = [
      await leaveUnallocated(engine, 'USDT', '3'),
      await leaveUnallocated(engine, 'USDT', '4'),
    ];
    const { txHash } = (await engine.api('GET', `/v1/deposits/${declaredId}`)).body;
    const declaring = (await engine.open()).payoutId;
    const declaration = ['POST', `/v1/payouts/${declaring}/deposit`, { txHash }] as const;
    const request = payoutRequest();

    await server.stop();
    const port = Number(server.address.split(':')[1]);
    const targets = { request, payoutId: waiting[0].payoutId, unallocatedId };
    for (const payout of waiting) await engine.fund(payout);
    for (const { providerPayoutId } of inTransit) await advancePayout(engine, providerPayoutId, 'paid');
    await expectAllUnavailable(engine, asksTemporal(targets));
    for (const call of isRefused(targets)) expect(await engine.api(...call)).toMatchObject({ status: 409 });
    for (let repetition = 0; repetition < 2; repetition += 1) {
      const accepted = await engine.api('POST', '/v1/payouts', request);
      expect(accepted).toMatchObject({ status: 202, body: { status: 'opening' } });
    }
    expect(await engine.api('POST', '/v1/payouts', { ...request, amount: '1.00' })).toMatchObject({
      status: 409,
    });
    for (const [method, path] of asksStore(targets)) {
      expect(await engine.api(method, path)).toMatchObject({ status: 200 });
    }

    const declared = await engine.api(...declaration);
    expect(declared).toMatchObject({ status: 200, body: { payoutId: declaring } });

    server = await start(port);
    await expectPaidOnce(engine, [...inTransit, ...waiting]);
    await untilAnswer(
      () => engine.api('GET', `/v1/deposits/${declaredId}`),
      ({ body }) => body.status === 'allocated',
      'the deposit whose transaction was declared',
    );
    expect(await engine.create(request)).toMatchObject({
      status: 200,
      body: { status: 'awaiting_deposit' },
    });
    await expectBooksToBalance(engine);
  });
});

describe('the webhook receiver is away for longer than QbitPay repeats', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    const nobody = await choosePort({ variable: 'PORT' });
    engine = await startTestEngine({
      env: { RECONCILIATION_INTERVAL_SECONDS: '10' },
      simulator: { webhookUrl: `http://127.0.0.1:${nobody}/webhooks/qbitpay` },
    });
  });
  afterAll(() => engine.stop());

  test('what it would have said is found by reading: deposits by the schedule, settlements by the polls', async () => {
    const payouts = await Promise.all(Array.from({ length: 3 }, () => engine.open()));
    for (const payout of payouts) await engine.fund(payout);
    await expectPaidOnce(engine, payouts);
    const { data } = await untilAnswer(
      () => engine.control('GET', '/events?limit=100'),
      ({ data: events }) => events.every((event: Json) => event.delivery === 'abandoned'),
      'given up by QbitPay',
    );
    const types = data.map(({ type }: Json) => type);
    expect(types).toEqual(expect.arrayContaining(['deposit.confirmed', 'payout.paid']));
    await expectBooksToBalance(engine);
  });
});
