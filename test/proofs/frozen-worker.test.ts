import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client as PostgresClient } from 'pg';
import { openStore, type Store } from '../../src/store/store.js';
import type { RequestOperation } from '../../src/store/schema.js';
import type { Environment } from '../../src/config/config.js';
import { choosePort } from '../../src/embedded/choose-port.js';
import { writeCampaignBundles, type CampaignBundles } from '../faults/campaign-bundle.js';
import { CRASH_POINT } from '../faults/crash-points.js';
import { expectBooksToBalance, makeAvailable } from '../support/balances.js';
import { startConnectionGate, type ConnectionGate } from '../support/connection-gate.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { historyOf } from '../support/histories.js';
import { openAndFund, ORDERS, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import {
  POST_DEADLINE_MS,
  startStoppableWorker,
  TOO_LATE,
  type StoppableWorker,
} from '../support/stoppable-worker.js';
import { startTlsGate, type TlsGate } from '../support/tls-gate.js';
import { untilAnswer } from '../support/until-answer.js';

const LONGER_THAN_THE_DEADLINE_MS = POST_DEADLINE_MS + 200;
const UNKNOWN_OUTCOME_WAIT_MS = 1_000;

const ENDPOINTS = { order: ORDERS, payout: PAYOUTS } as const;
const POSTS = { order: 'createOrder', payout: 'createPayout' } as const;
/** The sending that another worker takes over while the first one is frozen: one by each scheme. */
const TAKEN_OVER = {
  http: { operation: 'order', crashPoint: CRASH_POINT.ORDER_AFTER_GUARD },
  https: { operation: 'payout', crashPoint: CRASH_POINT.PAYOUT_AFTER_GUARD },
} as const;

describe.each(['http', 'https'] as const)('by %s', (scheme) => {
  let engine: TestEngine;
  /** The same, with its provider as those reach it who trust no certificate. */
  let unguarded: TestEngine;
  let gate: TlsGate | undefined;
  let store: Store;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-frozen-'));
    const port = await choosePort({ variable: 'SIMULATOR_PORT' });
    gate = scheme === 'https' ? await startTlsGate(port) : undefined;
    const env = {
      ...(gate === undefined ? {} : await trusting(gate, directory)),
      UNKNOWN_OUTCOME_WAIT_SECONDS: String(UNKNOWN_OUTCOME_WAIT_MS / 1_000),
      ABSENCE_CHECKS: '1',
      RESEND_MAX_AMOUNT: 'CNY:5000,USDT:1000',
    };
    engine = await startTestEngine({ worker: false, env, simulator: { port } });
    const withoutGate = { ...engine.env, QBITPAY_BASE_URL: `http://127.0.0.1:${port}` };
    unguarded = { ...engine, env: withoutGate };
    store = openStore({ url: engine.databaseUrl, onIdleError: () => undefined });
  });
  afterAll(async () => {
    await store.close();
    await engine.stop();
    await gate?.close();
    await rm(directory, { recursive: true });
  });

  const providerRequestOf = (operation: RequestOperation, externalOrderId: string) =>
    store.requests.get({ operation, externalOrderId });
  const expectSent = async (payoutId: string, operation: RequestOperation, times: number): Promise<void> =>
    expect(await requestsTo(engine, ENDPOINTS[operation], payoutId)).toHaveLength(times);

  /** Each was sent once; the sending that `frozen` was frozen in is not the one. */
  async function expectSentLater(payoutId: string, frozen: readonly RequestOperation[]): Promise<void> {
    for (const operation of ['order', 'payout'] as const) {
      await expectSent(payoutId, operation, 1);
      const { state, sends } = await providerRequestOf(operation, payoutId);
      expect(state).toBe('accepted');
      if (frozen.includes(operation)) expect(sends).toBeGreaterThan(1);
    }
  }

  describe('a worker that is frozen for longer than its request may take', () => {
    let worker: StoppableWorker;
    beforeAll(async () => {
      worker = await startStoppableWorker(engine.env);
    });
    afterAll(() => worker.kill());

    test.each([
      ['order', CRASH_POINT.ORDER_BEFORE_GUARD],
      ['order', CRASH_POINT.ORDER_AFTER_GUARD],
      ['payout', CRASH_POINT.PAYOUT_BEFORE_GUARD],
      ['payout', CRASH_POINT.PAYOUT_AFTER_GUARD],
    ] as const)(
      'does not send the %s when it wakes at %s; it decides anew, and sends that once',
      async (operation, crashPoint) => {
        await worker.stopAt(crashPoint);
        const { payoutId } = await openAndFund(engine);
        await worker.untilStopped();
        await expectSent(payoutId, operation, 0);
        await delay(LONGER_THAN_THE_DEADLINE_MS);
        worker.continue();
        expect(await worker.outcomeOf(POSTS[operation])).toBe(TOO_LATE);
        await engine.untilStatus(payoutId, 'paid');
        await expectSentLater(payoutId, [operation]);
      },
    );

    test('sends nothing at all when its payout was put on hold meanwhile', async () => {
      await worker.stopAt(CRASH_POINT.ORDER_AFTER_GUARD);
      const { payoutId } = await openAndFund(engine);
      for (const operation of ['order', 'payout'] as const) {
        await worker.untilStopped();
        const hold = await store.decisions.hold({
          operationId: randomUUID(),
          payoutId,
          actor: 'tester',
          reason: 'a doubt',
        });
        expect(hold).toEqual({ ok: true });
        // Of the second round, which comes once the payout goes on.
        if (operation === 'order') await worker.stopAt(CRASH_POINT.PAYOUT_AFTER_GUARD);
        await delay(LONGER_THAN_THE_DEADLINE_MS);
        worker.continue();
        await untilAnswer(
          () => providerRequestOf(operation, payoutId),
          ({ state }) => state === 'not_sent',
          'certain not to be sent',
        );
        await expectSent(payoutId, operation, 0);
        await untilAnswer(
          () => engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'no doubt' }),
          ({ status }) => status === 200,
          'resumed, by a workflow that saw the hold',
        );
        await untilAnswer(
          () => requestsTo(engine, ENDPOINTS[operation], payoutId),
          (requests) => requests.length > 0,
          'sent, after that only',
        );
      }
      await engine.untilStatus(payoutId, 'paid');
      await expectSentLater(payoutId, ['order', 'payout']);
    });

    if (scheme === 'https') {
      test('sends nothing when it was frozen in the middle of the handshake', async () => {
        await worker.stopAt(CRASH_POINT.PAYOUT_AFTER_GUARD);
        const { payoutId } = await openAndFund(engine);
        await worker.untilStopped();
        const held = gate?.holdNextHandshake();
        worker.continue();
        const letGo = await held;
        await worker.stop();
        await delay(LONGER_THAN_THE_DEADLINE_MS);
        letGo?.();
        await expectSent(payoutId, 'payout', 0);
        worker.continue();
        expect(await worker.outcomeOf('createPayout')).toBe(TOO_LATE);
        await engine.untilStatus(payoutId, 'paid');
        await expectSentLater(payoutId, ['payout']);
      });
    }
  });

  describe('a worker that is frozen until another one has done its work', () => {
    const { operation, crashPoint } = TAKEN_OVER[scheme];
    let bundles: CampaignBundles;
    let temporalGate: ConnectionGate;
    let frozen: StoppableWorker;
    let second: StoppableWorker | undefined;
    beforeAll(async () => {
      // Its death, or what looks like it, is noticed within seconds.
      bundles = await writeCampaignBundles();
      temporalGate = await startConnectionGate(sharedServer('TEST_TEMPORAL_ADDRESS'));
      const env = { ...engine.env, TEMPORAL_ADDRESS: temporalGate.address };
      frozen = await startStoppableWorker(env, bundles.engine);
    });
    afterAll(async () => {
      await frozen.kill();
      await second?.kill();
      await temporalGate.close();
      await bundles.remove();
    });

    test(`sends nothing when it wakes: the ${operation} is what the other one sent`, async () => {
      // So that QbitPay would take a second one as well.
      await makeAvailable(engine, 'CNY', '6000');
      await makeAvailable(engine, 'USDT', '1000');
      await frozen.stopAt(crashPoint);
      const { payoutId } = await openAndFund(engine);
      await frozen.untilStopped();
      expect(await providerRequestOf(operation, payoutId)).toMatchObject({ state: 'sending', sends: 1 });
      second = await startStoppableWorker(engine.env, bundles.engine);
      // Else it would be handed tasks, and each of them would have to run out of time.
      temporalGate.cut();

      // Its heartbeat was missed, and the other one looks for what it may have sent.
      await untilAnswer(
        () => providerRequestOf(operation, payoutId),
        ({ state, sentAgoMs }) => state === 'unknown' && (sentAgoMs ?? 0) > UNKNOWN_OUTCOME_WAIT_MS,
        'an unknown outcome, for longer than the wait for an unknown outcome',
      );
      await untilLookedUp(payoutId, second.identity, 3);
      // It found nothing, several times; but the frozen one holds the lock.
      expect(await providerRequestOf(operation, payoutId)).toMatchObject({ state: 'unknown', sends: 1 });
      await expectSent(payoutId, operation, 0);

      await cutSendingLock(engine.databaseUrl);
      await engine.untilStatus(payoutId, 'paid');
      const events = await historyOf(engine, payoutId);
      const hasHappened = (is: (event: (typeof events)[number]) => unknown) => events.some(is);
      expect(hasHappened((event) => event.activityTaskTimedOutEventAttributes)).toBe(true);
      expect(await providerRequestOf(operation, payoutId)).toMatchObject({ state: 'accepted', sends: 2 });
      await expectSent(payoutId, operation, 1);

      frozen.continue();
      expect(await frozen.outcomeOf(POSTS[operation])).toBe(TOO_LATE);
      // What it was doing comes to its end.
      expect(await frozen.terminate()).toBe(0);
      for (const endpoint of [ORDERS, PAYOUTS]) {
        const requests = await requestsTo(engine, endpoint, payoutId);
        expect(requests.map(({ effects }) => effects.length)).toEqual([1]);
      }
      expect(await providerRequestOf(operation, payoutId)).toMatchObject({ state: 'accepted', sends: 2 });
      expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toMatchObject({
        status: 'paid',
        flags: [],
      });
      await expectBooksToBalance(unguarded);
    });
  });

  /** The worker of this identity has looked so many times for what became of the request. */
  async function untilLookedUp(payoutId: string, identity: string, times: number): Promise<void> {
    const countLooks = async (): Promise<number> => {
      const events = await historyOf(engine, payoutId);
      const looks = events
        .filter(
          (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'resolveOutcome',
        )
        .map(({ eventId }) => String(eventId));
      return events.filter(
        ({ activityTaskStartedEventAttributes: started }) =>
          looks.includes(String(started?.scheduledEventId)) && started?.identity?.includes(identity),
      ).length;
    };
    await untilAnswer(countLooks, (count) => count >= times, `looked up ${times} times`);
  }
});

/** Ends the session of whoever is sending a request, as a restart of the database does. */
async function cutSendingLock(databaseUrl: string): Promise<void> {
  const database = new PostgresClient({ connectionString: databaseUrl });
  await database.connect();
  const { rows } = await database.query(
    `select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = pg_locks.database
     where locktype = 'advisory' and classid = hashtext('sending')::oid and datname = current_database()`,
  );
  await database.end();
  expect(rows).toHaveLength(1);
}

/** The settings of an engine whose provider is behind the gate. */
async function trusting({ url, certificate }: TlsGate, directory: string): Promise<Environment> {
  const path = join(directory, 'certificate.pem');
  await writeFile(path, certificate);
  return { QBITPAY_BASE_URL: url, NODE_EXTRA_CA_CERTS: path };
}
