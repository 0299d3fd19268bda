import { attemptOf, describeDeposit, untilAllocated, untilDeposit } from '../support/deposit-workflows.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';

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
    await untilLookedAtAgain(await announceWithoutMoney(payout));
    expect((await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body).toMatchObject({
      status: 'awaiting_deposit',
      deposit: { received: '0.000000' },
    });
  };

  test('money that was there before proves no deposit', async () => {
    await expectNeverCounted(await engine.open({ amount: '40000.00' }));
  });

  test('a deposit is proven by its money, also after earlier ones were sold and paid out', async () => {
    for (let round = 0; round < 3; round += 1) {
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
    await untilLookedAtAgain(without);
    const made = await engine.fund(payout);
    const paid = await engine.untilStatus(payout.payoutId, 'paid');
    expect(paid.deposit.received).toBe(payout.deposit.amount);

    // Which of the two is believed cannot be told apart: what came in pays for one.
    await untilLookedAtAgain((await looksFor(without)) > 0 ? without : made);
  });

  /** Its workflow still looks for the money, after every change that was made before this was called. */
  async function untilLookedAtAgain(deposit: Json): Promise<void> {
    const before = await looksFor(deposit);
    await untilDeposit(
      engine,
      deposit.id,
      (now) => attemptOf(now, 'verifyDeposit') > before + 1,
      'more looks for its money',
    );
  }

  /** 0 when its workflow does not run, or has seen the money. */
  async function looksFor(deposit: Json): Promise<number> {
    const description = await describeDeposit(engine, deposit.id);
    return description === undefined ? 0 : attemptOf(description, 'verifyDeposit');
  }
});
