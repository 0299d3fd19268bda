import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import { owedIn, balanceIn, causesOf, entriesOf, expectPostingsToBalance } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { useScenario } from '../support/scenario.js';
import { untilAnswer } from '../support/until-answer.js';

/** What QbitPay shows of payouts that have ended: the bank sends them back, or they are carried out after all. */

const scenario = useScenario({ variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 } } });

const giveBack = async (payout: ScenarioPayout, more: Json = {}): Promise<Json> =>
  scenario.engine.control('POST', `/payouts/${(await payout.shown()).providerPayoutId}/return`, more);

const owed = async (): Promise<string> => addAmounts(await owedIn(scenario.engine, 'CNY'));

const untilOwed = (amount: string): Promise<string> =>
  untilAnswer(owed, (now) => now === amount, `${amount} CNY owed`);

const causes = async ({ id }: ScenarioPayout): Promise<string[]> =>
  causesOf(await entriesOf(scenario.engine, id));

async function paid(): Promise<ScenarioPayout> {
  const payout = await scenario.payout().funded();
  await payout.hasEnded('paid');
  return payout;
}

describe('K29: paid, and the bank sends it back', () => {
  beforeEach(() => scenario.provider.set({ returns: 'manual' }));

  test('in parts that add up: paid with its return pending until all of it is there, then returned', async () => {
    const payout = await paid();
    const before = await owed();
    await payout.advance('failed');
    const pending = await payout.until(({ returnPending }) => returnPending !== null, 'its return pending');
    expect(pending).toMatchObject({ status: 'paid', returnPending: '5000.00' });
    expect(await balanceIn(scenario.engine, 'CNY')).toMatchObject({ returnPending: '5000.00' });
    expect(await owed()).toBe(before);

    await giveBack(payout, { fee: false, amount: '1500' });
    await payout.until(({ returnPending }) => returnPending === '3500.00', 'a part of it back');
    expect(await payout.shown()).toMatchObject({ status: 'paid' });
    await giveBack(payout, { fee: false, amount: '3500' });
    const returned = await payout.becomes('returned');
    expect(returned).toMatchObject({ returnPending: null, failure: { type: 'PAYOUT_RETURNED' } });
    expect(subtractAmounts(await owed(), before)).toBe('5000');
    expectPostingsToBalance(returned);
  });

  test('its money alone tells it, while QbitPay goes on to call it paid', async () => {
    const payout = await paid();
    await payout.isOverwritten({ status: 'paid' });
    await payout.advance('failed');
    await giveBack(payout, { fee: false });
    await payout.becomes('returned');
    await payout.isReadAgain();
    expect(await payout.shown()).toMatchObject({ status: 'returned' });
  });

  test('at once: the workflow that follows it ends with it; another one when it is paid again after all', async () => {
    const payout = await paid();
    const before = await owed();
    await payout.advance('failed');
    await payout.until(({ returnPending }) => returnPending !== null, 'its return pending');
    await untilAnswer(
      async () => (await payout.workflow.describe()).status.name,
      (status) => status === 'RUNNING',
      'a workflow that follows it',
    );
    await giveBack(payout);
    expect(await payout.hasEnded('returned')).toMatchObject({ status: 'returned' });
    for (const operation of ['hold', 'resume', 'retry']) {
      await payout.isRefused(operation, /the payout (?:is|has ended as) returned/);
    }
    expect((await payout.cancel()).status).toBe(409);
    expect(subtractAmounts(await owed(), before)).toBe('5025');
    await payout.advance('paid');
    expect(await payout.becomes('paid')).toMatchObject({ failure: null, flags: ['REOPENED'] });
    expect(await owed()).toBe(before);
  });
});

describe('K30: ended without paying, and carried out after all', () => {
  test('cancelled, its money back, then paid: paid, reversed, flagged', async () => {
    const before = await owed();
    const payout = await (await scenario.payout().endsAs('cancelled')).funded();
    await payout.hasEnded('cancelled');
    await payout.untilMoneyBack();
    await untilOwed(subtractAmounts(before, '-5025'));
    await payout.advance('paid');
    const after = await payout.becomes('paid');
    expect(after).toMatchObject({ failure: null, returnPending: null, flags: ['REOPENED'] });
    expect(JSON.stringify(after.timeline)).toContain('as paid, after cancelled');
    expect((await causes(payout)).slice(-5)).toEqual([
      'return',
      'release',
      'reclaim',
      'payout_failure_reversed',
      'release',
    ]);
    expectPostingsToBalance(after);
    expect(await owed()).toBe(before);
  });

  test('failed, its money not back, then paid: nothing is on its way back any more', async () => {
    await scenario.provider.set({ returns: 'manual' });
    const payout = await (await scenario.payout().endsAs('failed')).funded();
    await payout.until(({ returnPending }) => returnPending !== null, 'its return pending');
    await payout.advance('paid');
    expect(await payout.becomes('paid')).toMatchObject({ returnPending: null, flags: ['REOPENED'] });
    expect(await balanceIn(scenario.engine, 'CNY')).toMatchObject({ returnPending: '0.00' });
  });

  test('failed, then in transit: a workflow goes on with it, and a second end is an end', async () => {
    const payout = await scenario.payout().inTransit();
    await payout.advance('failed');
    await payout.hasEnded('failed');
    await payout.untilMoneyBack();
    await payout.advance('inTransit');
    await payout.becomes('in_transit');
    await untilAnswer(
      async () => (await payout.workflow.describe()).status.name,
      (status) => status === 'RUNNING',
      'a workflow that goes on with it',
    );
    await payout.advance('failed');
    await payout.hasEnded('failed');
    await payout.advance('paid');
    await payout.isPaidOnce();
  });

  test('cancelled at once, and then under its id at QbitPay: in transit, and paid', async () => {
    const payout = await scenario.payout().open();
    expect((await payout.cancel()).status).toBe(200);
    await scenario.engine.control('POST', '/deposits', { currency: 'CNY', amount: '6000' });
    const destination = { type: 'bankAccount', payerName: 'Li', bankAccountNum: '6222', bankName: 'B' };
    const made = await scenario.provider.call('POST', '/api/v1/payouts', {
      ...{ amount: 5000, currency: 'CNY', destination, externalOrderId: payout.id },
    });
    const after = await payout.becomes('paid');
    expect(after).toMatchObject({ providerPayoutId: made.id, flags: ['REOPENED'] });
    expectPostingsToBalance(after);
  });
});
