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
  untilAvailable,
} from '../support/balances.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { resetToFirstTask } from '../support/payout-workflows.js';
import { bodiesSentTo, countPayoutsMade } from '../support/provider-view.js';
import { detailsOf, orderFault, ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

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

/** The payouts that were given available money, in this order. */
async function reservedInTurn(currency: string): Promise<string[]> {
  const { body } = await engine.api('GET', `/v1/ledger?currency=${currency}&limit=100`);
  return body.data
    .filter(({ cause }: Json) => cause === 'reservation')
    .map(({ payoutId }: Json) => payoutId)
    .toReversed();
}

describe('a payout from the available balance', () => {
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterEach(async () => {
    await engine.control('DELETE', '/faults');
    await expectBooksToBalance(engine);
  });
  afterAll(() => engine.stop());

  test('in the funding currency: amount and fee come out of it, and there is no order', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '1000.00');
    const opened = await open(currency, '400.00');
    expect(opened).toMatchObject({ funding: 'balance', deposit: null });

    const settled = await paid(opened);
    expect(settled).toMatchObject({
      funding: 'balance',
      deposit: null,
      order: null,
      recipientAmount: '400.00',
      fee: '2.00',
      flags: [],
    });
    expect(detailsOf(settled)).toContain(`402 ${currency} reserved from the available balance`);
    expectPostingsToBalance(settled);
    expect(causesOf(await entriesOf(engine, opened.payoutId))).toEqual(['reservation', 'payout']);
    expect(await bodiesSentTo(engine, ORDERS, opened.payoutId)).toEqual([]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', reserved: '0.00' });
  });

  test('in the payout currency where the available balance holds it: nothing is sold', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '1000.00');
    await makeAvailable(engine, bought, '1005.00');
    const settled = await paid(await open(bought, '1000.00', { fundingCurrency: sold }));

    expect(settled).toMatchObject({ order: null, recipientAmount: '1000.00', fee: '5.00' });
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '1000.00' });
    expect(await balanceIn(engine, bought)).toMatchObject({ available: '0.00' });
  });

  test('else by an order: only what is needed is sold, and the rest becomes available again', async () => {
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

  test('send mode: exactly the amount is sold, whatever there is in the payout currency', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '1000.00');
    await makeAvailable(engine, bought, '5000.00');
    const send = { amountMode: 'send', fundingCurrency: sold };
    const settled = await paid(await open(bought, '100.00', send));

    expect(settled).toMatchObject({ order: { amount: '100.00' }, recipientAmount: '696.51', fee: '3.49' });
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '900.00' });
    expect(await balanceIn(engine, bought)).toMatchObject({ available: '5000.00' });
  });

  test('send mode in one currency: amount and fee together are the amount', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '300.00');
    const settled = await paid(await open(currency, '300.00', { amountMode: 'send' }));
    expect(settled).toMatchObject({ recipientAmount: '298.50', fee: '1.50' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00', reserved: '0.00' });
  });

  test('not enough: it says what it waits for, and goes on when money is assigned', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '401.99');
    const opened = await open(currency, '400.00');
    expect(opened).toMatchObject({ status: 'awaiting_balance', deposit: null });
    const { body } = await engine.api('GET', `/v1/payouts/${opened.payoutId}`);
    expect(detailsOf(body)).toEqual([
      'requested',
      'paid from the available balance',
      `waiting for 402 ${currency} in the available balance`,
    ]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '401.99', reserved: '0.00' });

    await makeAvailable(engine, currency, '0.01');
    await paid(opened);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00' });
  });

  test('reserved money is neither available nor in other payouts, and what is not needed goes to the next one', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '245.00');
    // Opened at a price; the order is kept from being placed.
    await orderFault(engine, 'rate_limit_error', ORDERS, { times: 100_000 });
    const first = await open(bought, '1000.00', { fundingCurrency: sold });
    const second = await open(sold, '100.90');
    await engine.untilStatus(first.payoutId, 'converting');
    expect(await balanceIn(engine, sold)).toMatchObject({
      available: '99.98',
      reserved: '145.02',
      inPayouts: '0.00',
    });
    expect(await statusOf(second)).toBe('awaiting_balance');
    await engine.control('DELETE', '/faults');

    await Promise.all([first, second].map(paid));
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '0.01', reserved: '0.00' });
  });

  test('first come, first served: the order is kept, and nobody is overtaken by a smaller one', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '150.00');
    const waiting = [
      await open(currency, '300.00'),
      await open(currency, '200.00'),
      await open(currency, '100.00'),
    ];
    expect(await Promise.all(waiting.map(statusOf))).toEqual(Array(3).fill('awaiting_balance'));

    await makeAvailable(engine, currency, '151.50');
    await paid(waiting[0]);
    expect(await Promise.all(waiting.slice(1).map(statusOf))).toEqual(Array(2).fill('awaiting_balance'));
    await makeAvailable(engine, currency, '301.50');
    await Promise.all(waiting.map(paid));
    expect(await reservedInTurn(currency)).toEqual(waiting.map(({ payoutId }) => payoutId));
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00' });
  });

  test('one that is cancelled while it waits lets the next one through', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '150.00');
    const [first, second] = [await open(currency, '900.00'), await open(currency, '100.00')];
    expect(await statusOf(second)).toBe('awaiting_balance');
    expect(await cancel(first)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    await paid(second);
    expect(causesOf(await entriesOf(engine, first.payoutId))).toEqual([]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '49.50' });
  });

  test('one that waits for another currency only keeps nobody waiting', async () => {
    const { sold, bought } = await newPair(7);
    const send = { amountMode: 'send', fundingCurrency: sold };
    const first = await open(bought, '100.00', send);
    const second = await open(bought, '200.00', { fundingCurrency: sold });
    expect([await statusOf(first), await statusOf(second)]).toEqual(Array(2).fill('awaiting_balance'));
    await makeAvailable(engine, bought, '201.00');
    await paid(second);
    await makeAvailable(engine, sold, '100.00');
    await paid(first);
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

  test('what QbitPay refuses for good gives its money back, and the next one takes it', async () => {
    const currency = await newCurrency();
    const refused = request(currency, '400.00');
    await orderFault(engine, 'invalid_request_error', PAYOUTS, { externalOrderId: refused.payoutId });
    await makeAvailable(engine, currency, '402.00');
    const first = await engine.open(refused);
    const second = await open(currency, '400.00');
    const failed = await engine.untilStatus(first.payoutId, 'failed');
    expect(failed.failure).toMatchObject({ type: 'PAYOUT_REFUSED' });
    await paid(second);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00', reserved: '0.00' });
  });

  test('what fails at QbitPay gives its money and its fee back, and the next one takes them', async () => {
    const currency = await newCurrency();
    const failing = request(currency, '400.00');
    await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: failing.payoutId });
    await makeAvailable(engine, currency, '402.00');
    const first = await engine.open(failing);
    const second = await open(currency, '400.00');
    await engine.untilStatus(first.payoutId, 'failed');
    await paid(second);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '0.00', returnPending: '0.00' });
  });

  test('ten at once with money for four: four are paid, and only four are sent', async () => {
    const currency = await newCurrency();
    await makeAvailable(engine, currency, '450.00');
    const payouts = await Promise.all(Array.from({ length: 10 }, () => open(currency, '100.00')));
    await untilAvailable(engine, currency, '48.00');
    const countPaid = async (): Promise<number> =>
      (await Promise.all(payouts.map(statusOf))).filter((status) => status === 'paid').length;
    await untilAnswer(countPaid, (count) => count === 4, 'four paid');
    expect((await Promise.all(payouts.map(statusOf))).toSorted()).toEqual([
      ...Array<string>(6).fill('awaiting_balance'),
      ...Array<string>(4).fill('paid'),
    ]);
    const sent = (await bodiesSentTo(engine, PAYOUTS)).filter((body) => body.currency === currency);
    expect(sent).toHaveLength(4);
    for (const payout of payouts) await cancel(payout);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '48.00', reserved: '0.00' });
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

  test('a worker that is stopped with the money reserved: paid once by the next one', async () => {
    const { sold, bought } = await newPair(7);
    await makeAvailable(engine, sold, '290.04');
    await orderFault(engine, 'rate_limit_error', ORDERS, { times: 100_000 });
    const both = [
      await open(bought, '1000.00', { fundingCurrency: sold }),
      await open(bought, '1000.00', { fundingCurrency: sold }),
    ];
    await Promise.all(both.map(({ payoutId }) => engine.untilStatus(payoutId, 'converting')));
    await engine.stopWorker();
    expect(await balanceIn(engine, sold)).toMatchObject({ available: '0.00', reserved: '290.04' });
    await engine.control('DELETE', '/faults');
    await engine.startWorker();
    for (const payout of both) {
      await paid(payout);
      expect(await countPayoutsMade(engine, payout.payoutId)).toBe(1);
    }
    expect(await reservedInTurn(sold)).toHaveLength(2);
  });
});

describe('when nobody tells a waiting payout', () => {
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterEach(() => expectBooksToBalance(engine));
  afterAll(() => engine.stop());

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
    const waiting = [await open(currency, '100.00'), await open(currency, '200.00')];
    await availableUnnoticed(await leaveUnallocated(engine, currency, '301.50'));
    await Promise.all(waiting.map(paid));
    expect(await reservedInTurn(currency)).toEqual(waiting.map(({ payoutId }) => payoutId));
    const { body } = await engine.api('GET', `/v1/payouts/${waiting[0].payoutId}`);
    expect(detailsOf(body).filter((detail) => detail.startsWith('waiting for'))).toHaveLength(1);
  });

  test('a worker that was stopped while money became available finds it when it is back', async () => {
    const currency = await newCurrency();
    const waiting = await open(currency, '100.00');
    const depositId = await leaveUnallocated(engine, currency, '100.50');
    await engine.stopWorker();
    await availableUnnoticed(depositId);
    await engine.startWorker();
    await paid(waiting);
    expect(await countPayoutsMade(engine, waiting.payoutId)).toBe(1);
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
