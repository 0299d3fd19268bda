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
import { reconcile } from '../support/reconciliation.js';
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
  test('cancelled: nothing is available before the money is back, less the fee that is not', async () => {
    const { currency, payout } = await endedWithoutItsMoney('cancelled');
    expect(await balanceIn(engine, currency)).toMatchObject({
      available: '598.00',
      reserved: '400.00',
      returnPending: '400.00',
      ledger: '598.00',
    });
    expect(await workflowStatus(payout.payoutId)).toBe('RUNNING');

    await giveBack(payout.providerPayoutId, false);
    const after = await untilAvailable(engine, currency, '998.00');
    expect(after).toMatchObject({
      reserved: '0.00',
      returnPending: '0.00',
      shortfall: '0.00',
      ledger: '998.00',
    });
    await untilWorkflow(payout.payoutId, 'COMPLETED');
    const ended = (await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body;
    expect(ended).toMatchObject({ status: 'cancelled', failure: payout.failure });
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

  test('failed: what came back with its fee pays the next one, which is told', async () => {
    const { currency, payout } = await endedWithoutItsMoney('failed');
    const next = await engine.open(fromBalance(currency, '990.00'));
    expect(next.status).toBe('awaiting_balance');
    await giveBack(payout.providerPayoutId, true);
    await engine.untilStatus(next.payoutId, 'paid');
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '5.05' });
  });

  test('a workflow that is reset ends at once: the one after it books the return', async () => {
    const { currency, payout } = await endedWithoutItsMoney('cancelled');
    await resetToFirstTask(engine, payout.payoutId);
    await giveBack(payout.providerPayoutId, true);
    await untilCaughtUp(engine, payout.payoutId);
    expect((await reconcile(engine)).discrepancies).toEqual([]);
    await untilAvailable(engine, currency, '1000.00');
    await untilWorkflow(payout.payoutId, 'COMPLETED');
    expect(await statusOf(payout.payoutId)).toBe('cancelled');
    expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
  });
});

describe('what was deposited beyond the need', () => {
  test('is owed to the owner, and leaves as another payout of his', async () => {
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
    const after = await balanceIn(engine, 'USDT');
    expect(after).toMatchObject({ owed: after.ledger, unallocated: '0.000000', reserved: '0.000000' });
  });
});
