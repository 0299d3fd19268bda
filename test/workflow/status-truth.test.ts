import { detailsOf, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { type Json } from '../support/engine-client.js';
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
    }
    await payout.isReadAgain();
    await isStill(payout, 'in_transit');
    // The event of its end says another word than its object.
    await strikeEvents('webhookStale', 'paid');
    await payout.advance('paid');
    await hasEndedOnce(payout, 'paid');
  });
});

test('events that come twice, late or not at all: the payout ends once', async () => {
  await strikeEvents('webhookDoubled', 'pending');
  await strikeEvents('webhookLost', 'inTransition');
  await strikeEvents('webhookHeld', 'paid');
  const payout = await inTransit();
  await payout.advance('paid');
  await scenario.engine.control('POST', '/events/release', { order: 'oldestFirst' });
  const { timeline } = await hasEndedOnce(payout, 'paid');
  expect(timeline.filter(({ status }: Json) => status === 'paid')).toHaveLength(1);
});

test('a payout that has ended stays so, whatever is announced afterwards', async () => {
  const ended = await Promise.all(
    (['paid', 'failed'] as const).map(async (end) => {
      const payout = await inTransit();
      await payout.advance(end);
      return { end, payout, timeline: (await hasEndedOnce(payout, end)).timeline };
    }),
  );
  for (const { end, payout } of ended) {
    for (const other of ENDS.filter((one) => one !== end)) await payout.announce(`payout.${other}`, other);
    for (const word of ['pending', 'inTransit']) await payout.announce(`payout.${end}`, word);
  }
  for (const { payout, timeline } of ended) {
    await payout.isReadAgain();
    expect((await payout.shown()).timeline).toEqual(timeline);
  }
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
  test('is held for once, taken on by a person, and marked for ever', async () => {
    const reason = 'CURRENCY_DIFFERS';
    const payout = await inTransit();
    payout.isShownAs('payout', { currency: 'USDT' });
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

test('a word that nobody knows holds the payout, once each time it is resumed, until the API says its end', async () => {
  const payout = await inTransit();
  payout.isShownAs('payout', { status: 'in_review_6222020200112233445' });
  await payout.isHeld('STATUS_NOT_KNOWN');
  await payout.isReadAgain();
  const said = async (): Promise<string[]> =>
    detailsOf(await payout.shown()).filter((detail) => detail.startsWith('QbitPay says'));
  // Without what could be an account.
  expect(await said()).toEqual(['QbitPay says "in_review_***"']);
  await payout.decide('resume');
  await untilAnswer(said, ({ length }) => length === 2, 'held again');
  await payout.advance('failed');
  await isStill(payout, 'held');
  provider.rewrite(undefined);
  await hasEndedOnce(payout, 'failed');
});
