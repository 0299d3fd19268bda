import { openStore } from '../../src/store/store.js';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import {
  balanceIn,
  causesOf,
  entriesOf,
  expectBooksToBalance,
  expectPostingsToBalance,
  makeAvailable,
  leaveUnallocated,
} from '../support/balances.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { resetToFirstTask } from '../support/payout-workflows.js';
import { bodiesSentTo, countPayoutsMade } from '../support/provider-view.js';
import { detailsOf, orderFault, ORDERS, PAYOUTS } from '../support/provider-requests.js';

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };

let engine: TestEngine;
let currencies = 0;

/** A currency that no other test has money in, and the one that the account's minimum is in. */
async function newCurrency(): Promise<string> {
  currencies += 1;
  const currency = `B${String(currencies).padStart(2, '0')}`;
  await engine.control('PATCH', '/settings', { payoutLimit: { currency, min: '1' } });
  return currency;
}

/** Sells the first for the second. */
async function newPair(bid: number): Promise<{ sold: string; bought: string }> {
  const bought = await newCurrency();
  const sold = await newCurrency();
  await engine.control('POST', '/price', { symbol: `${sold}/${bought}`, bid, ask: bid + 1 });
  return { sold, bought };
}

function request(currency: string, amount: string, changes: Json = {}): Json {
  const same = { currency, fundingCurrency: currency, destination: WALLET, amount };
  return payoutRequest({ ...same, funding: 'balance', ...changes });
}

const open = (currency: string, amount: string, changes: Json = {}): Promise<Json> =>
  engine.open(request(currency, amount, changes));
const cancel = (payout: Json): Promise<Answer> => engine.api('POST', `/v1/payouts/${payout.payoutId}/cancel`);
const statusOf = async (payout: Json): Promise<string> =>
  (await engine.api('GET', `/v1/payouts/${payout.payoutId}`)).body.status;
const paid = (payout: Json): Promise<Json> => engine.untilStatus(payout.payoutId, 'paid');

beforeAll(async () => {
  engine = await startTestEngine();
});
afterEach(async () => {
  await engine.control('DELETE', '/faults');
  await expectBooksToBalance(engine);
});
afterAll(() => engine.stop());

// Whose turn it is, and who is kept waiting by whom, is tested with the store alone.
describe('a payout from the available balance', () => {
  test('by an order where the payout currency does not suffice: only what is needed is sold, and the rest becomes available again', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '1000.00');
    // Almost enough of the payout currency is not enough: it is not mixed with what an order brings.
    await makeAvailable(engine, bought, '1004.99');
    const settled = await paid(await open(bought, '1000.00', { fundingCurrency: sold }));

    expect(settled).toMatchObject({
      order: { amount: '143.58', quoteAmount: '1005.06' },
      recipientAmount: '1000.00',
      fee: '5.00',
    });
    expect(detailsOf(settled)).toContain(`145.02 ${sold} reserved from the available balance`);
    expectPostingsToBalance(settled);
    expect(causesOf(await entriesOf(engine, settled.payoutId))).toEqual([
      'reservation',
      'order',
      'payout',
      'release',
    ]);
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '856.42', reserved: '0.00' });
    expect(await balanceIn(engine, bought)).toMatchObject({ available: '1005.05', reserved: '0.00' });
  });

  test('in the payout currency where the available balance holds it: it says what it waits for, and nothing is sold', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '50.00');
    await makeAvailable(engine, bought, '401.99');
    const opened = await open(bought, '400.00', { fundingCurrency: sold });
    expect(opened).toMatchObject({ status: 'awaiting_balance', deposit: null });
    const waiting = detailsOf((await engine.api('GET', `/v1/payouts/${opened.payoutId}`)).body);
    expect(waiting.slice(0, 2)).toEqual(['requested', 'paid from the available balance']);
    expect(waiting[2]).toContain(`402 ${bought}`);
    expect(await balanceIn(engine, bought)).toMatchObject({ available: '401.99', reserved: '0.00' });

    await makeAvailable(engine, bought, '1.01');
    const settled = await paid(opened);
    expect(settled).toMatchObject({ order: null, recipientAmount: '400.00', fee: '2.00', flags: [] });
    expect(detailsOf(settled)).toContain(`402 ${bought} reserved from the available balance`);
    expectPostingsToBalance(settled);
    expect(causesOf(await entriesOf(engine, opened.payoutId))).toEqual(['reservation', 'payout']);
    expect(await bodiesSentTo(engine, ORDERS, opened.payoutId)).toEqual([]);
    expect(await balanceIn(engine, bought)).toMatchObject({ available: '1.00', reserved: '0.00' });
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '50.00' });
  });

  test('one that is held and then cancelled gives its money back, and the next one takes it', async () => {
    const currency = await newCurrency();
    const asked = request(currency, '400.00');
    const refusal = { externalOrderId: asked.payoutId, status: 402 };
    await orderFault(engine, 'api_error', PAYOUTS, refusal);
    await makeAvailable(engine, currency, '402.00');
    const first = await engine.open(asked);
    const second = await open(currency, '400.00');
    expect(await engine.untilStatus(first.payoutId, 'held')).toMatchObject({
      holdReason: 'PROVIDER_REFUSED',
    });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00', reserved: '402.00' });
    expect(await statusOf(second)).toBe('awaiting_balance');
    expect((await cancel(first)).status).toBe(200);
    await paid(second);
    expect(await countPayoutsMade(engine, first.payoutId)).toBe(0);
  });

  test('asked for again it answers the same; with another funding it is another request', async () => {
    const currency = await newCurrency();
    const asked = request(currency, '400.00');
    const first = await engine.create(asked);
    const again = await engine.create(asked);
    expect([first.status, again.status]).toEqual([first.isRepetition ? 200 : 201, 200]);
    expect(again.body).toEqual(first.body);
    for (const other of [
      { ...asked, funding: 'deposit' },
      { ...asked, funding: undefined },
    ]) {
      expect((await engine.api('POST', '/v1/payouts', other)).status).toBe(409);
    }
    const declared = await engine.api('POST', `/v1/payouts/${asked.payoutId}/deposit`, {
      txHash: 'f'.repeat(64),
    });
    expect(declared.status).toBe(409);
    expect((await cancel(asked)).status).toBe(200);
    expect((await engine.api('POST', '/v1/payouts', asked)).body).toMatchObject({
      status: 'cancelled',
      deposit: null,
    });
    expect(causesOf(await entriesOf(engine, asked.payoutId))).toEqual([]);
  });
});

describe('when nobody tells a waiting payout', () => {
  /** Makes money available in the store alone. */
  async function availableUnnoticed(depositId: string): Promise<void> {
    const store = openStore({ url: engine.databaseUrl, onIdleError: () => undefined });
    await store.inTransaction(async ({ deposits, mirror }) => {
      expect(await deposits.assignDeposits([{ depositId, to: 'available' }], 'test')).toMatchObject([
        { code: null },
      ]);
      for (const hint of await mirror.readHints(10)) await mirror.forgetHint(hint);
    });
    await store.close();
  }

  test('it finds the money by polling', async () => {
    const currency = await newCurrency();
    const waiting = await open(currency, '100.00');
    await availableUnnoticed(await leaveUnallocated(engine, currency, '100.50'));
    expect(detailsOf(await paid(waiting)).filter((detail) => detail.startsWith('waiting for'))).toHaveLength(
      1,
    );
  });

  test('a workflow that is reset while it waits, and again when it is paid, takes the money once', async () => {
    const currency = await newCurrency();
    const waiting = await open(currency, '100.00');
    await resetToFirstTask(engine, waiting.payoutId);
    await makeAvailable(engine, currency, '301.50');
    await paid(waiting);
    const runId = await resetToFirstTask(engine, waiting.payoutId);
    const handle = engine.temporal.client.workflow.getHandle(payoutWorkflowId(waiting.payoutId), runId);
    expect(await handle.result()).toEqual({ payoutId: waiting.payoutId, status: 'superseded' });
    expect(await countPayoutsMade(engine, waiting.payoutId)).toBe(1);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '201.00', reserved: '0.00' });
  });
});
