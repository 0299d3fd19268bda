import { randomBytes } from 'node:crypto';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { subtractAmounts } from '../../src/domain/money.js';
import {
  balanceIn,
  causesOf,
  entriesOf,
  expectBooksToBalance,
  expectPostingsToBalance,
  owedIn,
  makeAvailable,
  untilAvailable,
} from '../support/balances.js';
import { untilAllocated } from '../support/deposits.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { untilCaughtUp } from '../support/mirror-readings.js';
import { currentDetailsOf, describePayout, resetToFirstTask } from '../support/payout-workflows.js';
import { countPayoutsMade } from '../support/provider-view.js';
import { openAndFund } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };
const DEFAULT_LIMIT = { currency: 'USDT', min: '200' };

let engine: TestEngine;
let currencies = 0;
beforeAll(async () => {
  engine = await startTestEngine({
    variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } },
  });
});
beforeEach(() => engine.control('PATCH', '/settings', { returns: 'manual' }));
afterEach(async () => {
  await engine.control('PATCH', '/settings', { returns: 'immediate', payoutLimit: DEFAULT_LIMIT });
  await expectBooksToBalance(engine);
});
afterAll(() => engine.stop());

/** A currency that no other test has money in. */
async function newCurrency(): Promise<string> {
  currencies += 1;
  const currency = `E${String(currencies).padStart(2, '0')}`;
  await engine.control('PATCH', '/settings', { payoutLimit: { currency, min: '1' } });
  return currency;
}

function fromBalance(currency: string, amount: string): Json {
  const same = { currency, fundingCurrency: currency, destination: WALLET, amount };
  return payoutRequest({ ...same, funding: 'balance' });
}

const end = (payoutId: string, outcome: string): Promise<Json> =>
  engine.control('POST', '/outcomes', { outcome, externalOrderId: payoutId });
const giveBack = (providerPayoutId: string, fee: boolean): Promise<Json> =>
  engine.control('POST', `/payouts/${providerPayoutId}/return`, { fee });
const workflowStatus = async (payoutId: string): Promise<string> =>
  (await describePayout(engine, payoutId)).status.name;
const untilWorkflow = (payoutId: string, status: string): Promise<string> =>
  untilAnswer(
    () => workflowStatus(payoutId),
    (now) => now === status,
    `the workflow ${status}`,
  );
const statusOf = async (payoutId: string): Promise<string> =>
  (await engine.api('GET', `/v1/payouts/${payoutId}`)).body.status;
const waitsForReturn = (payoutId: string): Promise<unknown> =>
  untilAnswer(
    () => currentDetailsOf(engine, payoutWorkflowId(payoutId)),
    (details) => details.includes('on the way back'),
    'waiting for the money to come back',
  );

/** A payout of 400.00 from an available balance of 1000.00 that ended at QbitPay; its money is not back. */
async function endedWithoutItsMoney(outcome: string): Promise<{ currency: string; payout: Json }> {
  const currency = await newCurrency();
  await makeAvailable(engine, currency, '1000.00');
  const request = fromBalance(currency, '400.00');
  await end(request.payoutId, outcome);
  await engine.open(request);
  const payout = await engine.untilStatus(request.payoutId, outcome);
  await waitsForReturn(payout.payoutId);
  return { currency, payout };
}

describe('a payout that fails or is cancelled at QbitPay', () => {
  test.each([
    ['failed', 'with its fee', true, '1000.00'],
    ['failed', 'without its fee', false, '998.00'],
    ['cancelled', 'with its fee', true, '1000.00'],
    ['cancelled', 'without its fee', false, '998.00'],
  ])('%s: nothing is available before the money is back, %s', async (outcome, _how, fee, available) => {
    const { currency, payout } = await endedWithoutItsMoney(outcome);
    expect(await balanceIn(engine, currency)).toMatchObject({
      available: '598.00',
      reserved: '400.00',
      returnPending: '400.00',
      ledger: '598.00',
    });
    expect(await workflowStatus(payout.payoutId)).toBe('RUNNING');

    await giveBack(payout.providerPayoutId, fee);
    const after = await untilAvailable(engine, currency, available);
    expect(after).toMatchObject({
      reserved: '0.00',
      returnPending: '0.00',
      shortfall: '0.00',
      ledger: available,
    });
    await untilWorkflow(payout.payoutId, 'COMPLETED');
    const ended = (await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body;
    expect(ended).toMatchObject({ status: outcome, failure: payout.failure });
    expectPostingsToBalance(ended);
    expect(causesOf(await entriesOf(engine, payout.payoutId))).toEqual([
      'reservation',
      'payout',
      'payout_failure',
      'return',
      'release',
    ]);
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
  });

  test('after a conversion: what comes back is owed in the payout currency', async () => {
    const payoutId = `after-conversion-${randomBytes(4).toString('hex')}`;
    await end(payoutId, 'failed');
    await openAndFund(engine, { payoutId });
    const failed = await engine.untilStatus(payoutId, 'failed');
    const before = await balanceIn(engine, 'CNY');
    expect(before).toMatchObject({ returnPending: '5000.00', owed: '0.00' });
    await giveBack(failed.providerPayoutId, true);
    await untilWorkflow(payoutId, 'COMPLETED');
    const after = await balanceIn(engine, 'CNY');
    expect(after).toMatchObject({ returnPending: '0.00', inPayouts: '0.00', owed: after.ledger });
    const usdt = await balanceIn(engine, 'USDT');
    expect(usdt).toMatchObject({ inPayouts: '0.000000', owed: usdt.ledger });
  });

  test('what came back pays the next one, which is told', async () => {
    const { currency, payout } = await endedWithoutItsMoney('failed');
    const next = await engine.open(fromBalance(currency, '990.00'));
    expect(next.status).toBe('awaiting_balance');
    await giveBack(payout.providerPayoutId, true);
    await engine.untilStatus(next.payoutId, 'paid');
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '5.05' });
  });

  test('a worker that is stopped in between: the next one books the return, once', async () => {
    const { currency, payout } = await endedWithoutItsMoney('failed');
    await engine.stopWorker();
    await giveBack(payout.providerPayoutId, true);
    await engine.startWorker();
    await untilAvailable(engine, currency, '1000.00');
    await untilWorkflow(payout.payoutId, 'COMPLETED');
    expect(await statusOf(payout.payoutId)).toBe('failed');
  });

  test('a terminated workflow: the return is booked all the same', async () => {
    const { currency, payout } = await endedWithoutItsMoney('failed');
    await engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.payoutId)).terminate();
    const { body: before } = await engine.api('GET', '/v1/reconciliation');
    expect(before.discrepancies).toEqual([]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', returnPending: '400.00' });

    await giveBack(payout.providerPayoutId, false);
    await untilAvailable(engine, currency, '998.00');
    const { status, body } = await engine.api('GET', '/v1/reconciliation');
    expect({ status, clean: body.clean, outside: body.outside }).toEqual({
      status: 200,
      clean: true,
      outside: [],
    });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '998.00', returnPending: '0.00' });
    expect(await statusOf(payout.payoutId)).toBe('failed');
  });

  test('a workflow that is reset ends at once: the one after it books the return', async () => {
    const { currency, payout } = await endedWithoutItsMoney('cancelled');
    await resetToFirstTask(engine, payout.payoutId);
    await giveBack(payout.providerPayoutId, true);
    await untilCaughtUp(engine, payout.payoutId);
    expect((await engine.api('GET', '/v1/reconciliation')).body.discrepancies).toEqual([]);
    await untilAvailable(engine, currency, '1000.00');
    await untilWorkflow(payout.payoutId, 'COMPLETED');
    expect(await statusOf(payout.payoutId)).toBe('cancelled');
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
  });
});

describe('what was deposited beyond the need', () => {
  test('is owed to the owner, leaves as a wallet payout, and funds another payout', async () => {
    const payout = await engine.open();
    const txHash = randomBytes(32).toString('hex');
    await engine.api('POST', `/v1/payouts/${payout.payoutId}/deposit`, { txHash });
    const before = await owedIn(engine, 'USDT');
    const { id } = await engine.control('POST', '/deposits', { currency: 'USDT', amount: '2000', txHash });
    const settled = await engine.untilStatus(payout.payoutId, 'paid');
    expect(settled.flags).toEqual(['EXCESS_DEPOSIT']);
    await untilAllocated(engine, id);
    // 2000 less what was sold: nothing of it is kept back.
    expect(subtractAmounts(await owedIn(engine, 'USDT'), before)).toBe(
      subtractAmounts('2000', settled.order.amount),
    );

    const wallet = await engine.open(fromBalance('USDT', '301.123456'));
    expect((await engine.untilStatus(wallet.payoutId, 'paid')).recipientAmount).toBe('301.123456');
    const other = await engine.open({ funding: 'balance', amount: '2000.00' });
    const paid = await engine.untilStatus(other.payoutId, 'paid');
    expect(paid).toMatchObject({ deposit: null, recipientAmount: '2000.00' });
    const after = await balanceIn(engine, 'USDT');
    expect(after).toMatchObject({ owed: after.ledger, unallocated: '0.000000', reserved: '0.000000' });
  });
});
