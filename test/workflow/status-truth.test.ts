import { untilCaughtUp } from '../support/mirror-readings.js';
import { detailsOf, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

/** What QbitPay's API says counts, whatever its events say, and whenever; an end is an end. */

const scenario = useScenario();
const { provider } = scenario;

const ENDS = ['paid', 'failed', 'cancelled'] as const;

const inTransit = (): Promise<ScenarioPayout> => scenario.payout().inTransit();

const strikeEvents = (kind: string, word: string): Promise<Json> =>
  scenario.engine.control('POST', '/faults', { kind, eventType: `payout.${word}` });

async function isStill(payout: ScenarioPayout, status: string): Promise<void> {
  expect((await payout.shown()).status).toBe(status);
}

async function hasEndedOnce(payout: ScenarioPayout, status: string): Promise<Json> {
  const ended = await payout.hasEnded(status);
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  return ended;
}

describe('an event that the API does not confirm', () => {
  test('whatever it says, the payout stays in transit', async () => {
    const payout = await inTransit();
    for (const [type, status] of [
      ['payout.paid', 'paid'],
      ['payout.paid', 'pending'],
      ['payout.failed', 'failed'],
      ['payout.cancelled', 'cancelled'],
      ['payout.unheardOf', 'paid'],
    ] as const) {
      await payout.announce(type, status);
      await payout.isReadAgain();
      await isStill(payout, 'in_transit');
    }
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });

  test('of another kind than its object: the API decides', async () => {
    await strikeEvents('webhookStale', 'paid');
    const payout = await inTransit();
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });
});

describe('events in disorder', () => {
  test.each(['oldestFirst', 'newestFirst'])('all held back and released %s', async (order) => {
    for (const word of ['pending', 'inTransition', 'paid']) await strikeEvents('webhookHeld', word);
    const payout = await inTransit();
    await payout.advance('paid');
    await scenario.engine.control('POST', '/events/release', { order });
    await hasEndedOnce(payout, 'paid');
  });

  test('each of them twice', async () => {
    await scenario.engine.control('POST', '/faults', { kind: 'webhookDoubled', times: 10 });
    const payout = await inTransit();
    await payout.advance('paid');
    const { timeline } = await hasEndedOnce(payout, 'paid');
    expect(timeline.filter(({ status }: Json) => status === 'paid')).toHaveLength(1);
  });

  test('none of them at all: the payout is read all the same', async () => {
    await strikeEvents('webhookLost', 'paid');
    const payout = await inTransit();
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });
});

describe.each(ENDS)('a payout that ended as %s', (end) => {
  test('stays so, whatever is announced afterwards', async () => {
    const payout = await inTransit();
    await payout.advance(end);
    const { timeline } = await hasEndedOnce(payout, end);
    for (const other of ENDS.filter((one) => one !== end)) await payout.announce(`payout.${other}`, other);
    for (const word of ['pending', 'inTransit']) await payout.announce(`payout.${end}`, word);
    await untilCaughtUp(scenario.engine, payout.id);
    expect((await payout.shown()).timeline).toEqual(timeline);
  });
});

test('a status that goes backwards takes nothing back', async () => {
  const payout = await inTransit();
  payout.isShownAs('payout', { status: 'pending' });
  await payout.isReadAgain();
  await isStill(payout, 'in_transit');
  provider.rewrite(undefined);
  await payout.isOverwritten({ status: 'pending' });
  await payout.advance('paid');
  await payout.isReadAgain();
  // Its own event says that it was paid; the API does not.
  await isStill(payout, 'in_transit');
  await payout.isOverwritten({ status: 'paid' });
  await hasEndedOnce(payout, 'paid');
});

describe('a discrepancy that only a later reading shows', () => {
  test.each([
    ['CONVERTED_BY_PROVIDER', { trade: { id: 'tr_1', status: 'done' } }],
    ['CURRENCY_DIFFERS', { currency: 'USDT' }],
  ])('%s: held once, taken on by a person, and marked for ever', async (reason, change) => {
    const payout = await inTransit();
    payout.isShownAs('payout', change);
    const held = await payout.becomes('held');
    expect(held).toMatchObject({ holdReason: reason, flags: [reason], recipientAmount: '5000.00' });
    await payout.decide('resume');
    await payout.isReadAgain();
    await isStill(payout, 'in_transit');
    await payout.advance('paid');
    expect(await hasEndedOnce(payout, 'paid')).toMatchObject({ flags: [reason] });
  });

  test('with the end: paid, and marked', async () => {
    const payout = await inTransit();
    payout.isShownAs('payout', { trade: { id: 'tr_1' }, status: 'paid' });
    expect(await hasEndedOnce(payout, 'paid')).toMatchObject({ flags: ['CONVERTED_BY_PROVIDER'] });
    provider.rewrite(undefined);
    await payout.advance('paid');
  });
});

test('another one under its id, of which no event tells: held, until a person says which one it is', async () => {
  for (const word of ['pending', 'inTransition', 'paid', 'cancelled'])
    await strikeEvents('webhookLost', word);
  const payout = await inTransit();
  const { providerPayoutId } = await payout.shown();
  const { destination } = payoutRequest();
  const another = { amount: 5000, currency: 'CNY', externalOrderId: payout.id, destination };
  await provider.adjust('CNY', '5025');
  await payout.endsAs('stuck');
  const { id } = await provider.call('POST', '/api/v1/payouts', another);
  await payout.isHeld('DUPLICATE_AT_PROVIDER');
  await payout.advance('cancelled', id);
  await payout.decide('resolve', { action: 'adopt', providerPayoutId });
  // Told once: what is known of the other one by now says nothing more.
  await payout.isReadAgain();
  await isStill(payout, 'in_transit');
  await payout.advance('paid', providerPayoutId);
  await payout.hasEnded('paid');
  await provider.adjust('CNY', '-5025');
});

describe('a word that nobody knows', () => {
  const WORD = 'in_review_6222020200112233445';

  async function holdUnknown(): Promise<ScenarioPayout> {
    const payout = await inTransit();
    payout.isShownAs('payout', { status: WORD });
    await payout.isHeld('STATUS_NOT_KNOWN');
    return payout;
  }

  test('holds the payout, in the workflow too, and is shown without what could be an account', async () => {
    const payout = await holdUnknown();
    const held = await payout.shown();
    expect(held.failure).toBeNull();
    expect(detailsOf(held).at(-1)).toBe('QbitPay says "in_review_***"');
    provider.rewrite(undefined);
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });

  test.each(ENDS)('and it ends by itself when the API says %s', async (end) => {
    const payout = await holdUnknown();
    await payout.advance(end);
    await isStill(payout, 'held');
    provider.rewrite(undefined);
    await hasEndedOnce(payout, end);
  });

  test('is written once, however often it is read, and again when the payout was resumed', async () => {
    const payout = await holdUnknown();
    await payout.isReadAgain();
    const said = async (): Promise<number> =>
      detailsOf(await payout.shown()).filter((detail) => detail.startsWith('QbitPay says')).length;
    expect(await said()).toBe(1);
    await payout.decide('resume');
    await untilAnswer(said, (count) => count === 2, 'held again');
    provider.rewrite(undefined);
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });
});
