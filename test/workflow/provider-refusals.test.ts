import { randomUUID } from 'node:crypto';
import { FAILURES, type FailureType } from '../../src/domain/failure-type.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { expectBooksToBalance, owedIn } from '../support/balances.js';
import { untilAllocated } from '../support/deposits.js';
import { type Json } from '../support/engine-client.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { currentDetailsOf, untilHoldReasonShown } from '../support/payout-workflows.js';
import {
  detailsOf,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';

let engine: TestEngine;

beforeAll(async () => {
  engine = await startTestEngine();
});
afterAll(() => engine.stop());
afterEach(async () => {
  await engine.control('DELETE', '/faults');
  await expectBooksToBalance(engine);
});

const fault = (kind: string, endpoint: string, more?: Json) => orderFault(engine, kind, endpoint, more);
const newId = (): string => `p-${randomUUID()}`;

/** All of the payout's deposit is owed to its owner, and nobody has to decide about it. */
async function expectReleased(payout: Json, depositId: string, owedBefore: string): Promise<void> {
  await untilAllocated(engine, depositId);
  expect(subtractAmounts(await owedIn(engine, 'USDT'), owedBefore)).toBe(addAmounts(payout.deposit.amount));
}

/** A code, and our own words. */
const refusedAs = (type: FailureType, status = 400) => {
  return { type, message: `${FAILURES[type].meaning} (HTTP ${status})` };
};

describe('refused for good', () => {
  const ACCOUNT = '6222020200112233445';
  const REASON = `account ${ACCOUNT} of Example Trading Ltd is closed`;
  const PERSONAL = new RegExp(`${ACCOUNT}|Example Trading Ltd`);

  test('the order: nothing was converted, the payout fails and its deposit is owed to its owner', async () => {
    const payoutId = newId();
    await fault('invalid_request_error', ORDERS, {
      externalOrderId: payoutId,
      message: 'limit 777777 passed',
    });
    const payout = await engine.open({ payoutId });
    const before = await owedIn(engine, 'USDT');
    const { id } = await engine.fund(payout);
    const failed = await engine.untilStatus(payoutId, 'failed');
    expect(failed.failure).toEqual(refusedAs('ORDER_REFUSED'));
    await expectReleased(payout, id, before);
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(0);
  });

  test('the payout after the conversion: held, with the reason and without personal data', async () => {
    const payoutId = newId();
    await fault('invalid_request_error', PAYOUTS, { externalOrderId: payoutId, message: REASON });
    await openAndFund(engine, { payoutId });
    const held = await engine.untilStatus(payoutId, 'held');
    expect(held).toMatchObject({ holdReason: 'DESTINATION_REFUSED', failure: null });
    expect(detailsOf(held).at(-1)).toBe(`payout refused: ${refusedAs('DESTINATION_REFUSED').message}`);
    expect(JSON.stringify(held)).not.toMatch(PERSONAL);
    await untilHoldReasonShown(engine, payoutId, 'DESTINATION_REFUSED');
    expect(await currentDetailsOf(engine, payoutWorkflowId(payoutId))).toContain('with another destination');
    expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  });

  test('the payout of a deposit that was never converted: failed, and the deposit is available', async () => {
    const payoutId = newId();
    await fault('invalid_request_error', PAYOUTS, { externalOrderId: payoutId, message: REASON });
    const payout = await engine.open({
      payoutId,
      currency: 'USDT',
      amount: '500',
      destination: { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'T-wallet-of-recipient' },
    });
    const before = await owedIn(engine, 'USDT');
    const { id } = await engine.fund(payout);
    const failed = await engine.untilStatus(payoutId, 'failed');
    expect(failed.failure).toEqual(refusedAs('PAYOUT_REFUSED'));
    await expectReleased(payout, id, before);
    const details = await currentDetailsOf(engine, payoutWorkflowId(payoutId));
    expect(details).toMatch(/^\*\*failed\*\*/);
    expect(details).not.toContain('is closed');
    const answers = (await engine.api('GET', `/v1/payouts/${payoutId}/answers`)).body.data;
    expect(answers).toMatchObject([
      { operation: 'payout', verdict: 'invalid', httpStatus: 400, words: REASON },
    ]);
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(0);
  });

  test('understood and refused with 402: held for a person', async () => {
    const payoutId = newId();
    await fault('api_error', ORDERS, { externalOrderId: payoutId, status: 402, message: 'no balance' });
    await openAndFund(engine, { payoutId });
    const held = await engine.untilStatus(payoutId, 'held');
    expect(held.holdReason).toBe('PROVIDER_REFUSED');
    const { message } = refusedAs('PROVIDER_REFUSED', 402);
    expect(detailsOf(held).at(-1)).toBe(`order refused: ${message}`);
    expect(await requestsTo(engine, ORDERS, payoutId)).toHaveLength(1);
  });
});
