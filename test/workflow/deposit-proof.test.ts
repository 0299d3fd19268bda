import { noticeOf, untilAllocated, untilSynced } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

const WALLET = {
  type: 'wallet',
  payerName: 'Example Trading Ltd',
  addr: 'TExampleRecipientAddress1234567890',
};

/**
 * An account that shows no transaction of its own for a deposit: what is available has to prove it. The notices
 * without money announce more than any true deposit brings, so that none of those can prove them.
 */
describe('deposits proven by the available balance', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ worker: false, env: { QBITPAY_DEPOSIT_PROOF: 'available' } });
    await engine.control('PATCH', '/settings', { depositTransactions: 'hidden' });
    // In the account before the engine ever looked: enough for every notice below.
    await engine.control('POST', '/deposits', { currency: 'USDT', amount: '100000', notify: false });
    await engine.startWorker();
  });
  afterAll(() => engine.stop());

  const announceWithoutMoney = (payout: Json): Promise<Json> =>
    engine.control('POST', '/deposits', { currency: 'USDT', amount: payout.deposit.amount, money: false });
  const expectNeverCounted = async (payout: Json): Promise<void> => {
    await expectOpen(await announceWithoutMoney(payout));
    expect((await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body).toMatchObject({
      status: 'awaiting_deposit',
      deposit: { received: '0.000000' },
    });
  };

  test('money that was there before proves no deposit', async () => {
    await expectNeverCounted(await engine.open({ amount: '40000.00' }));
  });

  test('a deposit is proven by its money, also after earlier ones were sold and paid out', async () => {
    for (let round = 0; round < 2; round += 1) {
      const payout = await engine.open();
      const made = await engine.fund(payout);
      await engine.untilStatus(payout.payoutId, 'paid');
      await untilAllocated(engine, made.id);
    }
    await expectNeverCounted(await engine.open({ amount: '40000.00' }));
  });

  test('payouts in the funding currency are accounted for', async () => {
    const request = { currency: 'USDT', amountMode: 'send', destination: WALLET };
    const paid = await engine.open({ ...request, amount: '1234.567891' });
    await engine.fund(paid);
    await engine.untilStatus(paid.payoutId, 'paid');
    await expectNeverCounted(await engine.open({ ...request, amount: '4000' }));
  });

  test('the same money proves one of two notices', async () => {
    const payout = await engine.open({ amount: '9000.00' });
    const without = await announceWithoutMoney(payout);
    await expectOpen(without);
    const made = await engine.fund(payout);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid.deposit.received).toBe(payout.deposit.amount);

    // Which of the two is believed cannot be told apart: what came in pays for one.
    await expectOpen((await noticeOf(engine, without.id)) === undefined ? made : without);
  });

  /** No sync has seen its money. */
  async function expectOpen({ id }: Json): Promise<void> {
    await untilAnswer(
      () => noticeOf(engine, id),
      (notice) => notice !== undefined,
      `notice of ${id}`,
    );
    await untilSynced(engine);
    expect(await noticeOf(engine, id)).toMatchObject({ noticeId: id });
  }
});
