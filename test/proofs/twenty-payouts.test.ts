import { startTestEngine, type TestEngine } from '../support/engine.js';
import type { Json } from '../support/engine-client.js';
import { availableBalances, bodiesSentTo } from '../support/provider-view.js';

const COUNT = 20;

describe('many payouts of the same amount', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.stop());
  const resultOf = (workflowId: string): Promise<unknown> =>
    engine.temporal.client.workflow.getHandle(workflowId).result();

  test('twenty opened at once each get their own deposit, in any order, and are each paid once', async () => {
    const opened: Json[] = await Promise.all(Array.from({ length: COUNT }, () => engine.open()));
    const amounts = opened.map(({ deposit }) => deposit.amount);
    expect(new Set(amounts).size).toBe(COUNT);

    const deposits = await Promise.all(
      shuffled(opened).map(async (payout) => ({ payout, deposit: await engine.fund(payout) })),
    );
    await Promise.all(opened.map(({ payoutId }) => resultOf(`payout/${payoutId}`)));
    for (const [index, { payoutId }] of opened.entries()) {
      const paid = await engine.untilStatus(payoutId, 'paid');
      expect(paid.deposit).toMatchObject({ amount: amounts[index], received: amounts[index] });
    }
    for (const { payout, deposit } of deposits) {
      const { body } = await engine.api('GET', `/v1/deposits/${deposit.id}`);
      expect(body.allocations).toMatchObject([{ payoutId: payout.payoutId }]);
    }
    const ids = opened.map(({ payoutId }) => payoutId).sort();
    for (const endpoint of ['POST /api/v1/orders', 'POST /api/v1/payouts']) {
      const sent = await bodiesSentTo(engine, endpoint);
      expect(sent.map(({ externalOrderId }) => externalOrderId).sort()).toEqual(ids);
    }
    expect(await availableBalances(engine)).toMatchObject({ CNY: '0' });
  });
});

/** In an order that is neither that of the opening nor the reverse, and is the same in every run. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item, index) => ({ item, place: (index * 7 + 3) % COUNT }))
    .sort((left, right) => left.place - right.place)
    .map(({ item }) => item);
}
