import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { makeAvailable } from '../support/balances.js';
import { untilUnallocated } from '../support/deposits.js';
import type { Json } from '../support/engine-client.js';
import { timesHeld, useScenarioThatHolds } from '../support/held-payouts.js';
import { ORDERS } from '../support/provider-requests.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';

/** The price has moved, and a person accepts the new one: by its figures, and never any price. */

const { scenario, held } = useScenarioThatHolds();

const setPrice = (bid: string): Promise<Json> =>
  scenario.engine.control('POST', '/price', { symbol: 'USDT/CNY', bid, ask: '7.5' });

/** Opened at 6.97, and held at the price. */
async function holdAt(price: string, changes: Json): Promise<ScenarioPayout> {
  const payout = await scenario.payout(changes).open();
  await setPrice(price);
  await payout.fund();
  await payout.isHeld('PRICE_MOVED');
  return payout;
}

const SEND = { amountMode: 'send', amount: '800' };
const AT_6_97 = { price: '6.97', sells: '800.000000', recipientAmount: '5548.25' };
const AT_6_50 = { price: '6.5', sells: '800.000000', recipientAmount: '5174.12' };

test('the hold says what it comes to; at the price that is accepted it goes on, and no price is taken blindly', async () => {
  const payout = await holdAt('6.50', SEND);
  const { priceOffer, timeline, deposit } = await payout.shown();
  const left = subtractAmounts(deposit.amount, '800');
  expect(priceOffer).toEqual({ quoted: AT_6_97, now: AT_6_50, missing: '0', left });
  expect(timeline.at(-1).detail).toContain('at 6.5 instead of 6.97 it sells 800.000000 USDT');
  // Beyond what a price may move by itself.
  await payout.isRefused('resume', /too far below the price that its hold shows, 6.5/, {
    acceptPrice: '6.43',
  });
  expect(await payout.operate('resume', { acceptPrice: '0' })).toMatchObject({ status: 400 });
  expect(await payout.decide('resume', { acceptPrice: '6.50' })).toMatchObject({ priceOffer: null });
  const paid = await payout.isPaidOnce();
  expect(paid).toMatchObject({ order: { price: '6.5' }, recipientAmount: '5174.12', flags: [] });
});

test('it has moved further by then: held again with the new figures, and nothing was sold', async () => {
  const payout = await holdAt('6.50', SEND);
  await setPrice('6.40');
  await payout.decide('resume', { acceptPrice: '6.50' });
  const again = await payout.until(
    ({ status, timeline }) => status === 'held' && timesHeld(timeline) === 2,
    'held again',
  );
  expect(again).toMatchObject({ holdReason: 'PRICE_MOVED', priceOffer: { now: { price: '6.4' } } });
  expect(await payout.requests(ORDERS)).toEqual([]);
  await payout.decide('resume', { acceptPrice: '6.40' });
  expect((await payout.isPaidOnce()).order.price).toBe('6.4');
});

test('its deposit does not suffice at that price: what is missing is awaited, and then it goes on', async () => {
  const payout = await holdAt('6.50', {});
  const { priceOffer } = await payout.shown();
  expect(priceOffer.now).toMatchObject({ sells: '773.076924', recipientAmount: '5000.00' });
  expect(Number(priceOffer.missing)).toBeGreaterThan(44);
  await payout.decide('resume', { acceptPrice: '6.5' });
  const short = await payout.isHeld('UNDERFUNDED');
  expect(short.deposit.amount).toBe('773.076924');
  expect(addAmounts(short.deposit.missing)).toBe(priceOffer.missing);
  const more = { currency: 'USDT', amount: priceOffer.missing };
  const { id } = await scenario.engine.control('POST', '/deposits', more);
  await untilUnallocated(scenario.engine, id, 'UNMATCHED_DEPOSIT');
  const to = [{ payoutId: payout.id, amount: priceOffer.missing }];
  expect((await scenario.engine.api('POST', `/v1/deposits/${id}/assign`, { to })).status).toBe(200);
  expect((await payout.isPaidOnce()).order).toMatchObject({ price: '6.5', amount: '773.076924' });
});

test('from the available balance it goes on as well, where what was reserved suffices; nobody deposits for it', async () => {
  const balance = { funding: 'balance' };
  const [enough, short] = [scenario.payout({ ...balance, ...SEND }), scenario.payout(balance)];
  for (const payout of [enough, short]) await (await payout.open()).becomes('awaiting_balance');
  await setPrice('6.50');
  await makeAvailable(scenario.engine, 'USDT', '1600');
  for (const payout of [enough, short]) await payout.isHeld('PRICE_MOVED');
  await enough.decide('resume', { acceptPrice: '6.5' });
  expect((await enough.isPaidOnce()).order).toMatchObject({ price: '6.5' });
  await short.isRefused('resume', /it lacks [0-9.]+ USDT at that price/, { acceptPrice: '6.5' });
  expect((await short.cancel()).status).toBe(200);
});

test('of a payout that is held for something else there is none to accept', async () => {
  const payout = await held.byOperator();
  await payout.isRefused('resume', /its hold names no price/, { acceptPrice: '6.97' });
  await payout.cancel();
});
