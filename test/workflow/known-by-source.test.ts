import type { Json } from '../support/engine-client.js';
import { reconcile } from '../support/reconciliation.js';
import { useScenario } from '../support/scenario.js';

/** What moved money is known by its source, whatever QbitPay calls it. */

const scenario = useScenario({ env: { RECONCILIATION_GRACE_SECONDS: '0' } });

/** Every balance transaction of these types is shown as something else, or not at all. */
function show(types: readonly string[], change: (one: Json) => Json): void {
  const isMeant = (one: Json): boolean => one?.object === 'balanceTransaction' && types.includes(one.type);
  const shown = (one: Json): Json => (isMeant(one) ? change(one) : one);
  scenario.provider.rewrite((_request, body) =>
    body?.object === 'list'
      ? { ...body, data: body.data.map(shown).filter((one: Json) => one !== undefined) }
      : (shown(body) ?? body),
  );
}

const called = (type: string) => (one: Json) => ({ ...one, type });

test.each<[string, readonly string[], (one: Json) => Json]>([
  ['a conversion and a deposit under another word', ['order', 'deposit'], called('trade')],
  ['a conversion not at all', ['order'], () => undefined],
])('K50: QbitPay lists %s: paid, no discrepancy, and nothing booked twice', async (_name, types, change) => {
  show(types, change);
  const payout = await scenario.payout().funded();
  const { postings } = await payout.isPaidOnce();
  for (const cause of ['allocation', 'order', 'payout']) {
    const own = postings.filter((posting: Json) => posting.cause === cause);
    expect([cause, new Set(own.map(({ entryId }: Json) => entryId)).size]).toEqual([cause, 1]);
  }
  for (const run of ['first', 'second']) {
    const { discrepancies, outside, balances } = await reconcile(scenario.engine);
    expect([run, discrepancies, outside]).toEqual([run, [], []]);
    expect(balances.map(({ off }: Json) => Number(off))).toEqual([0, 0]);
  }
});

test('K50: what an order that ended in part moved is listed as a payout: the rest can be sold', async () => {
  show(['order'], called('payout'));
  const payout = scenario.payout();
  await payout.orderEndsAs('cancelled', '300');
  await payout.funded();
  await payout.isHeld('ORDER_NOT_FILLED');
  await payout.decide('retry');
  await payout.isPaidOnce();
});
