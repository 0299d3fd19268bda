import { openStore } from '../../src/store/store.js';
import { addAmounts } from '../../src/domain/money.js';
import {
  balanceIn,
  causesOf,
  entriesOf,
  expectBooksToBalance,
  expectPostingsToBalance,
  makeAvailable,
  untilAvailable,
} from '../support/balances.js';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { bodiesSentTo } from '../support/provider-view.js';
import { detailsOf, PAYOUTS } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };
const HONEST = { payoutFee: null, deliverLess: null, settlement: 'automatic', returns: 'immediate' };

let engine: TestEngine;
let currencies = 0;

function useEngine(feeSide: 'added' | 'deducted'): void {
  beforeAll(async () => {
    engine = await startTestEngine({ env: { QBITPAY_FEE_SIDE: feeSide } });
  });
  beforeEach(() => engine.control('PATCH', '/settings', { ...HONEST, feeSide }));
  afterEach(() => expectBooksToBalance(engine));
  afterAll(() => engine.stop());
}

/** A currency that no other test has money in, with this much of it available. */
async function newCurrency(available: string): Promise<string> {
  currencies += 1;
  const currency = `R${String(currencies).padStart(2, '0')}`;
  await engine.control('PATCH', '/settings', { payoutLimit: { currency, min: '1' } });
  await makeAvailable(engine, currency, available);
  return currency;
}

function request(currency: string, amount: string, changes: Json = {}): Json {
  const same = { currency, fundingCurrency: currency, destination: WALLET, amount };
  return payoutRequest({ ...same, funding: 'balance', ...changes });
}

/** Pays 400.00 out of 1000.00 while QbitPay does as told. */
async function payWith(settings: Json, changes: Json = {}): Promise<{ currency: string; payout: Json }> {
  const currency = await newCurrency('1000.00');
  await engine.control('PATCH', '/settings', settings);
  const { payoutId } = await engine.open(request(currency, '400.00', changes));
  return { currency, payout: await engine.untilStatus(payoutId, 'paid') };
}

const adjustmentsOf = async (payoutId: string): Promise<Json[]> =>
  (await entriesOf(engine, payoutId)).filter(({ cause }) => cause === 'payout_adjustment');
const sumsOf = (entry: Json): Record<string, string> =>
  Object.fromEntries(
    [...new Set<string>(entry.postings.map(({ account }: Json) => account))].map((account) => [
      account,
      addAmounts(
        ...entry.postings.filter((one: Json) => one.account === account).map((one: Json) => one.amount),
      ),
    ]),
  );

describe('what QbitPay really took, the fee on top', () => {
  useEngine('added');

  test('as expected: no flag, no adjustment', async () => {
    const { currency, payout } = await payWith({});
    expect(payout).toMatchObject({ flags: [], fee: '2.00', recipientAmount: '400.00' });
    expect(await adjustmentsOf(payout.payoutId)).toEqual([]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', ledger: '598.00' });
  });

  test('a smaller fee: flagged, an entry of its own, and the discrepancy is available', async () => {
    const { currency, payout } = await payWith({ payoutFee: '0.75' });
    expect(payout).toMatchObject({ flags: ['FEE_DIFFERS'], fee: '0.75', recipientAmount: '400.00' });
    expect(detailsOf(payout)).toContain(`QbitPay took a fee of 0.75 ${currency}, expected were 2.00`);
    expectPostingsToBalance(payout);
    const entries = await entriesOf(engine, payout.payoutId);
    expect(causesOf(entries)).toEqual(['reservation', 'payout', 'payout_adjustment', 'release']);
    expect(entries[1].details).toEqual({ amount: '400.00', fee: '2.00' });
    expect(entries[2]).toMatchObject({
      causeId: `${payout.payoutId}#1`,
      details: { expectedFee: '2.00', fee: '0.75' },
    });
    expect(sumsOf(entries[2])).toEqual({ provider: '1.25', fees: '0', payout: '-1.25' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '599.25', ledger: '599.25' });
  });

  test('a larger fee than the payout has money: a shortfall, which keeps others waiting until it is made good', async () => {
    const { currency, payout } = await payWith({ payoutFee: '10.01' });
    expect(payout).toMatchObject({ flags: ['FEE_DIFFERS'], fee: '10.01' });
    const [adjustment] = await adjustmentsOf(payout.payoutId);
    expect(sumsOf(adjustment)).toEqual({ shortfall: '8.01', fees: '0', provider: '-8.01' });
    expect(await balanceIn(engine, currency)).toMatchObject({
      available: '598.00',
      shortfall: '-8.01',
      ledger: '589.99',
    });
    await engine.control('PATCH', '/settings', HONEST);

    const waiting = await engine.open(request(currency, '100.00'));
    expect(waiting.status).toBe('awaiting_balance');
    await makeAvailable(engine, currency, '8.00');
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', shortfall: '-0.01' });
    expect((await engine.api('GET', `/v1/payouts/${waiting.payoutId}`)).body.status).toBe('awaiting_balance');
    await makeAvailable(engine, currency, '1.00');
    await engine.untilStatus(waiting.payoutId, 'paid');
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '498.49', shortfall: '0.00' });
  });

  test('a shortfall of a payout that fails is made good by its own returned money', async () => {
    const currency = await newCurrency('1000.00');
    await engine.control('PATCH', '/settings', { payoutFee: '12', returns: 'manual' });
    const failing = request(currency, '400.00');
    await engine.control('POST', '/outcomes', { outcome: 'failed', externalOrderId: failing.payoutId });
    await engine.open(failing);
    const failed = await engine.untilStatus(failing.payoutId, 'failed');
    expect(await balanceIn(engine, currency)).toMatchObject({
      available: '598.00',
      shortfall: '-10.00',
      returnPending: '400.00',
    });
    await engine.control('POST', `/payouts/${failed.providerPayoutId}/return`, { fee: true });
    expect(await untilAvailable(engine, currency, '1000.00')).toMatchObject({
      shortfall: '0.00',
      returnPending: '0.00',
    });
  });

  test('less delivered: flagged as short, the rest is available, and nothing is topped up', async () => {
    const { currency, payout } = await payWith({ deliverLess: '5.55' });
    expect(payout).toMatchObject({ flags: ['AMOUNT_SHORT'], recipientAmount: '394.45', fee: '2.00' });
    // Said once, however often it is read.
    expect(detailsOf(payout).filter((detail) => detail.includes('the recipient gets'))).toEqual([
      `the recipient gets 394.45 ${currency}, 400.00 are due`,
    ]);
    const [adjustment] = await adjustmentsOf(payout.payoutId);
    expect(adjustment.details).toMatchObject({ expectedAmount: '400.00', amount: '394.45' });
    expect(sumsOf(adjustment)).toEqual({ provider: '5.55', payout: '-5.55' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '603.55' });
  });

  test('less delivered and a larger fee: what is given back pays for what is taken on top', async () => {
    const { currency, payout } = await payWith({ deliverLess: '5', payoutFee: '6.50' });
    expect([...payout.flags].sort()).toEqual(['AMOUNT_SHORT', 'FEE_DIFFERS']);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.50', shortfall: '0.00' });
  });

  test('send mode is short where less arrives than was asked for at QbitPay', async () => {
    const { currency, payout } = await payWith({ deliverLess: '1' }, { amountMode: 'send' });
    expect(payout).toMatchObject({ flags: ['AMOUNT_SHORT'], recipientAmount: '397.00', fee: '1.99' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '601.01' });
  });

  test('the fee off the amount after all: the recipient is short of it, and it is available', async () => {
    const { currency, payout } = await payWith({ feeSide: 'deducted' });
    expect(payout).toMatchObject({ flags: ['AMOUNT_SHORT'], recipientAmount: '398.00', fee: '2.00' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '600.00' });
  });

  test('a fee that is another one at each reading: each change is booked, once', async () => {
    const currency = await newCurrency('1000.00');
    await engine.control('PATCH', '/settings', { settlement: 'manual' });
    const { payoutId } = await engine.open(request(currency, '400.00'));
    const { providerPayoutId } = await engine.untilStatus(payoutId, 'in_transit');
    // QbitPay moves money that no transaction explains, and shows another fee from then on.
    const takeFee = async (fee: string, moved: string, count: number): Promise<void> => {
      await engine.control('POST', '/balances/adjust', { currency, amount: moved });
      await engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { fee });
      await untilAnswer(
        () => adjustmentsOf(payoutId),
        (entries) => entries.length === count,
        `${count} adjustments`,
      );
    };
    await takeFee('6', '-4', 1);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', shortfall: '-4.00' });
    await takeFee('7.5', '-1.5', 2);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', shortfall: '-5.50' });
    await takeFee('1', '6.5', 3);
    await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
    await engine.control('POST', `/payouts/${providerPayoutId}/overwrite`, { status: 'paid' });
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(paid).toMatchObject({ flags: ['FEE_DIFFERS'], fee: '1.00', recipientAmount: '400.00' });
    expectPostingsToBalance(paid);
    expect((await adjustmentsOf(payoutId)).map(({ causeId }) => causeId)).toEqual(
      [1, 2, 3].map((number) => `${payoutId}#${number}`),
    );
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '599.00', shortfall: '0.00' });
  });

  test('a reading that comes in after the end changes nothing: its money is somebody else’s by then', async () => {
    const { currency, payout } = await payWith({});
    const { payoutId, providerPayoutId } = payout;
    const store = openStore({ url: engine.databaseUrl, onIdleError: () => undefined });
    for (const fee of ['0.5', '3']) {
      await store.requests.recordSettlement(payoutId, {
        providerPayoutId,
        currency,
        recipientAmount: '400',
        fee,
        status: 'paid',
        outcome: { status: 'paid', detail: 'settled' },
      });
    }
    await store.close();
    expect((await engine.api('GET', `/v1/payouts/${payoutId}`)).body).toEqual(payout);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '598.00', shortfall: '0.00' });
  });
});

describe('what QbitPay really took, the fee off the amount', () => {
  useEngine('deducted');

  test('as expected: the recipient gets the amount', async () => {
    const { currency, payout } = await payWith({});
    // 400 ÷ 0.995 is 402.0100…, rounded up.
    expect(payout).toMatchObject({ flags: [], recipientAmount: '400.00', fee: '2.02' });
    expect(await adjustmentsOf(payout.payoutId)).toEqual([]);
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '597.98' });
  });

  test('a larger fee makes the recipient short, and costs nothing more', async () => {
    const { currency, payout } = await payWith({ payoutFee: '10' });
    expect([...payout.flags].sort()).toEqual(['AMOUNT_SHORT', 'FEE_DIFFERS']);
    expect(payout).toMatchObject({ recipientAmount: '392.02', fee: '10.00' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '597.98', shortfall: '0.00' });
  });

  test('the fee on top after all: it was not the payout’s money', async () => {
    const { currency, payout } = await payWith({ feeSide: 'added' });
    expect(payout).toMatchObject({ flags: ['AMOUNT_EXCEEDED'], recipientAmount: '402.02', fee: '2.02' });
    const [adjustment] = await adjustmentsOf(payout.payoutId);
    expect(adjustment.details).toMatchObject({ expectedAmount: '400', amount: '402.02' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '597.98', shortfall: '-2.02' });
  });
});

describe.each([
  ['added', { recipientAmount: '5000.00', fee: '25.00' }, { sale: '720.946916', post: '5000' }],
  ['deducted', { recipientAmount: '5000.00', fee: '25.13' }, { sale: '720.965567', post: '5025.13' }],
] as const)('a payout by deposit with the fee %s, to the last digit', (feeSide, expected, { sale, post }) => {
  useEngine(feeSide);

  test('every account holds what it should', async () => {
    await engine.control('PATCH', '/settings', { payoutLimit: { currency: 'USDT', min: '200' } });
    const opened = await engine.open();
    await engine.fund(opened);
    const paid = await engine.untilStatus(opened.payoutId, 'paid');
    expect(paid).toMatchObject({ ...expected, flags: [], order: { amount: sale } });
    expect(await bodiesSentTo(engine, PAYOUTS)).toMatchObject([{ amount: post }]);
    const entries = await entriesOf(engine, opened.payoutId);
    expect(causesOf(entries)).toEqual(['allocation', 'order', 'payout', 'release']);
    expectPostingsToBalance(paid);
    const [usdt, cny] = [await balanceIn(engine, 'USDT'), await balanceIn(engine, 'CNY')];
    expect(usdt.owed).toBe(usdt.ledger);
    expect(addAmounts(usdt.owed, sale)).toBe(addAmounts(opened.deposit.amount));
    expect(cny.owed).toBe(cny.ledger);
    expect(addAmounts(cny.owed, expected.recipientAmount, expected.fee)).toBe(
      addAmounts(paid.order.quoteAmount),
    );
  });
});
