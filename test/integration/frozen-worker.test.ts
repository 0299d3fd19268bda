import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openBook, type Book } from '../../src/book/book.js';
import type { Environment } from '../../src/config/config.js';
import { MILESTONE } from '../../src/domain/milestone.js';
import { choosePort } from '../../src/embedded/choose-port.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { untilAnswer } from '../support/payout-workflows.js';
import { openAndFund, ORDERS, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { POST_DEADLINE_MS, startStoppableWorker, type StoppableWorker } from '../support/stoppable-worker.js';
import { startTlsGate, type TlsGate } from '../support/tls-gate.js';

const TIMEOUT_MS = 90_000;

/** How often each kind of request is sent by the first test: too late twice, then in time. */
const SENDS = 3;
/** Where the first test's payout is frozen, in this order. */
const STOPS = [
  [MILESTONE.ORDER_BEFORE_FENCE, 1],
  [MILESTONE.ORDER_AFTER_FENCE, 2],
  [MILESTONE.PAYOUT_BEFORE_FENCE, 1],
  [MILESTONE.PAYOUT_AFTER_FENCE, 2],
] as const;
/** Where the second test's is. */
const ORDER_OF_SECOND = [MILESTONE.ORDER_AFTER_FENCE, SENDS + 1] as const;
const PAYOUT_OF_SECOND = [MILESTONE.PAYOUT_AFTER_FENCE, SENDS + 1] as const;
/** And the third's, whose order is sent in time; the second's order and payout were each sent twice. */
const PAYOUT_OF_THIRD = [MILESTONE.PAYOUT_AFTER_FENCE, SENDS + 3] as const;

describe.each(['http', 'https'] as const)(
  'by %s, a worker that is frozen for longer than its request may take',
  (scheme) => {
    let engine: TestEngine;
    let gate: TlsGate | undefined;
    let worker: StoppableWorker;
    let book: Book;
    let directory: string;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-frozen-'));
      const port = await choosePort({ variable: 'SIMULATOR_PORT' });
      gate = scheme === 'https' ? await startTlsGate(port) : undefined;
      const env = gate === undefined ? {} : await trusting(gate, directory);
      engine = await startTestEngine({ worker: false, env, simulator: { port } });
      book = openBook({ url: engine.databaseUrl, onIdleError: () => undefined });
      const stops = [...STOPS, ORDER_OF_SECOND, PAYOUT_OF_SECOND];
      worker = await startStoppableWorker(
        engine.env,
        gate === undefined ? stops : [...stops, PAYOUT_OF_THIRD],
      );
    }, TIMEOUT_MS);
    afterAll(async () => {
      await worker.kill();
      await book.close();
      await engine.stop();
      await gate?.close();
      await rm(directory, { recursive: true });
    });

    const fenceOf = (operation: 'order' | 'payout', externalOrderId: string) =>
      book.attempts.getFence({ operation, externalOrderId });
    const expectSent = async (payoutId: string, endpoint: string, times: number): Promise<void> =>
      expect(await requestsTo(engine, endpoint, payoutId)).toHaveLength(times);

    test(
      'does not send it when it wakes, wherever that was; it decides anew, and sends that once',
      async () => {
        const { payoutId } = await openAndFund(engine);
        for (const stop of STOPS) {
          await worker.untilStopped(stop[0], stop[1]);
          await expectSent(payoutId, stop[0].startsWith('order') ? ORDERS : PAYOUTS, 0);
          await delay(LONGER_THAN_THE_DEADLINE_MS);
          worker.goOn();
        }
        await engine.untilStatus(payoutId, 'paid');
        for (const [operation, endpoint] of [
          ['order', ORDERS],
          ['payout', PAYOUTS],
        ] as const) {
          await expectSent(payoutId, endpoint, 1);
          expect(await fenceOf(operation, payoutId)).toMatchObject({ state: 'accepted', sends: SENDS });
        }
      },
      TIMEOUT_MS,
    );

    test(
      'sends nothing at all when its payout was put on hold meanwhile',
      async () => {
        const { payoutId } = await openAndFund(engine);
        for (const [operation, endpoint, stop] of [
          ['order', ORDERS, ORDER_OF_SECOND],
          ['payout', PAYOUTS, PAYOUT_OF_SECOND],
        ] as const) {
          await worker.untilStopped(stop[0], stop[1]);
          const hold = await book.operations.hold({
            operationId: randomUUID(),
            payoutId,
            actor: 'tester',
            reason: 'a doubt',
          });
          expect(hold).toEqual({ kind: 'done' });
          await delay(LONGER_THAN_THE_DEADLINE_MS);
          worker.goOn();
          await untilAnswer(
            () => fenceOf(operation, payoutId),
            ({ state }) => state === 'not_sent',
            'certain not to be sent',
          );
          await untilAnswer(
            () => engine.api('POST', `/v1/payouts/${payoutId}/resume`, { reason: 'no doubt' }),
            ({ status }) => status === 200,
            'resumed, by a workflow that saw the hold',
          );
          await untilAnswer(
            () => requestsTo(engine, endpoint, payoutId),
            (requests) => requests.length > 0,
            'sent, after that only',
          );
          expect(await fenceOf(operation, payoutId)).toMatchObject({ sends: 2 });
        }
        await engine.untilStatus(payoutId, 'paid');
        await expectSent(payoutId, ORDERS, 1);
        await expectSent(payoutId, PAYOUTS, 1);
      },
      TIMEOUT_MS,
    );

    if (scheme === 'https') {
      test(
        'sends nothing when it was frozen in the middle of the handshake',
        async () => {
          const { payoutId } = await openAndFund(engine);
          await worker.untilStopped(...PAYOUT_OF_THIRD);
          const held = gate?.holdNextHandshake();
          worker.goOn();
          const goOn = await held;
          worker.stop();
          await delay(LONGER_THAN_THE_DEADLINE_MS);
          goOn?.();
          await expectSent(payoutId, PAYOUTS, 0);
          worker.goOn();
          await engine.untilStatus(payoutId, 'paid');
          await expectSent(payoutId, PAYOUTS, 1);
          expect(await fenceOf('payout', payoutId)).toMatchObject({ state: 'accepted', sends: 2 });
        },
        TIMEOUT_MS,
      );
    }
  },
);

const LONGER_THAN_THE_DEADLINE_MS = POST_DEADLINE_MS + 200;

/** The settings of an engine whose provider is behind the gate. */
async function trusting({ url, certificate }: TlsGate, directory: string): Promise<Environment> {
  const path = join(directory, 'certificate.pem');
  await writeFile(path, certificate);
  return { QBITPAY_BASE_URL: url, NODE_EXTRA_CA_CERTS: path };
}
