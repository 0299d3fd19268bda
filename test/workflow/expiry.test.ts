import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts } from '../../src/domain/money.js';
import { expectMoneyInOrder, untilUnallocated } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { expectConvertedAndPaidOnce } from '../support/provider-requests.js';

const TRANSACTIONS = 'GET /api/v1/balanceTransactions';

describe('the deadline of a deposit', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ env: { DEPOSIT_DEADLINE_SECONDS: '1' } });
  });
  afterAll(async () => {
    await expectMoneyInOrder(engine);
    await engine.stop();
  });

  const resultOf = (payout: Json): Promise<Json> =>
    engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.payoutId)).result();

  test('a payout without a deposit expires, and money that comes later is unallocated', async () => {
    const payout = await engine.open();
    const expired = await engine.untilStatus(payout.payoutId, 'expired');
    expect(expired.timeline.at(-1)).toMatchObject({
      status: 'expired',
      detail: 'no deposit came before the deadline',
    });
    expect(Date.parse(expired.timeline.at(-1).at)).toBeGreaterThanOrEqual(
      Date.parse(expired.deposit.expiresAt),
    );
    expect(await resultOf(payout)).toMatchObject({ status: 'expired' });

    const late = await engine.fund(payout);
    await untilUnallocated(engine, late.id, 'LATE_DEPOSIT');
    const { body } = await engine.api('GET', `/v1/payouts/${payout.payoutId}`);
    expect(body).toMatchObject({ status: 'expired', deposit: { received: '0.000000' } });
    expect(body.flags).toEqual(['LATE_DEPOSIT']);
    expect(body.timeline.at(-1).detail).toBe(
      `deposit of ${addAmounts(payout.deposit.amount)} USDT unallocated: LATE_DEPOSIT`,
    );
    expect(await engine.api('POST', `/v1/payouts/${payout.payoutId}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'PAYOUT_ENDED' },
    });
  });

  test('a deposit that nobody announced is found before the payout expires', async () => {
    const payout = await engine.open();
    const { currency, amount } = payout.deposit;
    await engine.control('POST', '/deposits', { currency, amount, notify: false });
    await engine.untilStatus(payout.payoutId, 'paid');
    await expectConvertedAndPaidOnce(engine, payout.payoutId);
  });

  test('a payout does not expire before QbitPay says whether its deposit came in', async () => {
    const payout = await engine.open();
    await engine.control('POST', '/faults', {
      endpoint: TRANSACTIONS,
      kind: 'status',
      status: 503,
      times: 100,
    });
    await engine.until(payout.payoutId, ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE');
    await engine.control('DELETE', '/faults');
    expect((await engine.untilStatus(payout.payoutId, 'expired')).holdReason).toBeNull();
  });

  test('its amount rests: the next payout of the same amount expects another one', async () => {
    const first = await engine.open({ amount: '3000.00' });
    await engine.untilStatus(first.payoutId, 'expired');
    const second = await engine.open({ amount: '3000.00' });
    expect(second.deposit.amount).not.toBe(first.deposit.amount);
  });
});
