import { setTimeout as delay } from 'node:timers/promises';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { expectOwedOrUnallocated, expectMoneyInOrder, untilAllocated } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { scale } from '../support/figures.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { expectConvertedAndPaidOnce } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

/** A deposit, a cancellation and the deadline that meet: many times, and around every moment. */

const ROUNDS = scale('ROUNDS', 1);

let engine: TestEngine;
afterEach(async () => {
  await expectMoneyInOrder(engine);
  await engine.stop();
});

/**
 * How it ended by the store, which its workflow agrees with. One that a cancellation started at the moment of the end finds
 * nothing to carry.
 */
async function endOf({ payoutId }: Json): Promise<string> {
  const { status } = await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId)).result();
  const shown = (await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status;
  expect([shown, 'superseded']).toContain(status);
  return shown;
}

/** A caller is kept waiting for 10 s, as long as a busy machine may take; he repeats his request then. */
const cancel = ({ payoutId }: Json): Promise<Answer> =>
  untilAnswer(
    () => engine.api('POST', `/v1/payouts/${payoutId}/cancel`),
    ({ status }) => status !== 503,
    'an answer to the cancellation',
  );

describe('at the deadline', () => {
  beforeEach(async () => {
    engine = await startTestEngine({ env: { DEPOSIT_DEADLINE_SECONDS: '1' } });
  });

  test('a payout that cancel, its deadline and its deposit reach at once has one end', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => engine.open()));
    await Promise.all(
      opened.map(async (payout, index) => {
        const { payoutId } = payout;
        await delay(Date.parse(payout.deposit.expiresAt) - Date.now() + (index - 14) * 8);
        const [deposit] = await Promise.all([
          engine.fund(payout),
          engine.api('POST', `/v1/payouts/${payoutId}/cancel`),
        ]);
        const status = await endOf(payout);
        expect(['paid', 'cancelled', 'expired']).toContain(status);
        await engine.untilStatus(payoutId, status);
        await expectOneOwner(payout, status, deposit);
      }),
    );
  });

  test('a deposit at the deadline either pays the payout or is unallocated, never both', async () => {
    // Around the deadline, by milliseconds: which side each falls on does not matter.
    const offsetsMs = Array.from({ length: 20 }, (_, index) => (index - 14) * 8);
    const ends: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const opened = await Promise.all(offsetsMs.map(() => engine.open()));
      await Promise.all(
        opened.map(async (payout, index) => {
          await delay(Date.parse(payout.deposit.expiresAt) - Date.now() + (offsetsMs[index] ?? 0));
          const deposit = await engine.fund(payout);
          const status = await endOf(payout);
          expect(['paid', 'expired']).toContain(status);
          await engine.untilStatus(payout.payoutId, status);
          await expectOneOwner(payout, status, deposit);
          ends.push(status);
        }),
      );
    }
    expect(ends).toHaveLength(20 * ROUNDS);
  });

  async function expectOneOwner(payout: Json, status: string, deposit: Json): Promise<void> {
    if (status === 'paid') {
      await expectConvertedAndPaidOnce(engine, payout.payoutId);
      await untilAllocated(engine, deposit.id);
    } else {
      await expectOwedOrUnallocated(engine, payout, deposit);
    }
  }
});

describe('before the deadline', () => {
  beforeEach(async () => {
    engine = await startTestEngine();
  });

  test('cancelling at any moment of the opening leaves workflow and store of one mind', async () => {
    const requests = Array.from({ length: 10 }, () => payoutRequest());
    const creating = requests.map((request) => engine.create(request));
    await Promise.all(
      requests.map(async (request) => {
        let answer = await cancel(request);
        while (answer.status === 404) answer = await cancel(request);
        expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled' } });
        expect(await endOf(request)).toBe('cancelled');
        await engine.untilStatus(request.payoutId, 'cancelled');
      }),
    );
    for (const { status } of await Promise.all(creating)) expect([200, 201]).toContain(status);
  });

  test('cancelling and depositing at once ends either cancelled, with available or unallocated money, or paid', async () => {
    const opened = await Promise.all(Array.from({ length: 24 }, () => engine.open()));
    await Promise.all(
      opened.map(async (payout, index) => {
        let deposit: Json;
        let answer: Answer | undefined;
        const fund = async () => (deposit = await engine.fund(payout));
        const stop = async () => (answer = await cancel(payout));
        if (index % 3 === 0) await Promise.all([fund(), stop()]);
        else if (index % 3 === 1) await stop().then(fund);
        else await fund().then(stop);

        if (answer?.status === 200) {
          await engine.untilStatus(payout.payoutId, 'cancelled');
          expect(await endOf(payout)).toBe('cancelled');
          await expectOwedOrUnallocated(engine, payout, deposit);
        } else {
          expect(answer?.status).toBe(409);
          await engine.untilStatus(payout.payoutId, 'paid');
          await expectConvertedAndPaidOnce(engine, payout.payoutId);
          await untilAllocated(engine, deposit.id);
        }
      }),
    );
  });
});
