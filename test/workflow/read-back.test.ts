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
import { detailsOf } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };
const HONEST = { payoutFee: null, deliverLess: null, settlement: 'automatic', returns: 'immediate' };

let engine: TestEngine;
let currencies = 0;

beforeAll(async () => {
  engine = await startTestEngine({ env: { QBITPAY_FEE_SIDE: 'added' } });
});
beforeEach(() => engine.control('PATCH', '/settings', { ...HONEST, feeSide: 'added' }));
afterEach(() => expectBooksToBalance(engine));
afterAll(() => engine.stop());

/** A currency that no other test has money in, with this much of it available. */
async function newCurrency(available: string): Promise<string> {
  currencies += 1;
  const currency = `R${String(currencies).padStart(2, '0')}`;
  await engine.control('PATCH', '/settings', { payoutLimit: { currency, min: '1' } });
  await makeAvailable(engine, currency, available);
  return currency;
}

function request(currency: string, amount: string): Json {
  const same = { currency, fundingCurrency: currency, destination: WALLET, amount };
  return payoutRequest({ ...same, funding: 'balance' });
}

/** Pays 400.00 out of 1000.00 while QbitPay does as told. */
async function payWith(settings: Json): Promise<{ currency: string; payout: Json }> {
  const currency = await newCurrency('1000.00');
  await engine.control('PATCH', '/settings', settings);
  const { payoutId } = await engine.open(request(currency, '400.00'));
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

// What is flagged for which difference is tested with the store alone.
describe('what QbitPay really took', () => {
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

  test('less delivered and a larger fee: what is given back pays for what is taken on top', async () => {
    const { currency, payout } = await payWith({ deliverLess: '5.55', payoutFee: '6.50' });
    expect([...payout.flags].sort()).toEqual(['AMOUNT_SHORT', 'FEE_DIFFERS']);
    // Said once, however often it is read; nothing is topped up.
    expect(detailsOf(payout).filter((detail) => detail.includes('the recipient gets'))).toEqual([
      `the recipient gets 394.45 ${currency}, 400.00 are due`,
    ]);
    const [adjustment] = await adjustmentsOf(payout.payoutId);
    expect(adjustment.details).toMatchObject({ expectedAmount: '400.00', amount: '394.45' });
    expect(await balanceIn(engine, currency)).toMatchObject({ available: '599.05', shortfall: '0.00' });
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
    expect(payout).toMatchObject({ flags: [], fee: '2.00', recipientAmount: '400.00' });
    expect(await adjustmentsOf(payoutId)).toEqual([]);
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
