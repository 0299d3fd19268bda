import { subtractAmounts } from '../../src/domain/money.js';
import { availableIn, balanceIn, leaveUnallocated } from '../support/balances.js';
import { ORDERS, PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';

/** Deposits that QbitPay takes back after it has shown them: their money is not used, nor is that of others. */

const scenario = useScenario();

/** QbitPay does not show the deposit's transaction any more, and has less. */
async function takeBack(depositId: string, amount: string): Promise<void> {
  await scenario.engine.control('POST', `/deposits/${depositId}/forget`, {});
  await scenario.provider.adjust('USDT', `-${amount}`);
}

test('K24: an unallocated deposit that was taken back goes to nobody', async () => {
  const { engine } = scenario;
  const depositId = await leaveUnallocated(engine, 'USDT', '300.5');
  const before = await availableIn(engine, 'USDT');
  await takeBack(depositId, '300.5');
  for (const to of ['available', [{ payoutId: 'somebody', amount: '300.5' }]]) {
    const answer = await engine.api('POST', `/v1/deposits/${depositId}/assign`, { to });
    expect(answer).toMatchObject({ status: 422, body: { code: 'DEPOSIT_MISSING' } });
  }
  expect((await engine.api('GET', `/v1/deposits/${depositId}`)).body.status).toBe('missing');
  expect(await balanceIn(engine, 'USDT')).toMatchObject({
    available: before,
    missing: '300.500000',
    unallocated: '300.500000',
  });
});

test('K24: nor does one that was taken back when many are assigned together', async () => {
  const { engine } = scenario;
  const depositIds = [];
  for (const amount of ['310.5', '311.5', '312.5'])
    depositIds.push(await leaveUnallocated(engine, 'USDT', amount));
  const before = await balanceIn(engine, 'USDT');
  await takeBack(depositIds[1] ?? '', '311.5');
  const assignments = depositIds.map((depositId) => ({ depositId, to: 'available' }));
  const { body } = await engine.api('POST', '/v1/deposits/assign', { assignments });
  expect(body.data).toMatchObject([
    { assigned: true, code: null },
    { assigned: false, code: 'DEPOSIT_MISSING' },
    { assigned: true, code: null },
  ]);
  const after = await balanceIn(engine, 'USDT');
  expect(subtractAmounts(after.available, before.available)).toBe('623');
  expect(subtractAmounts(after.missing, before.missing)).toBe('311.5');
});

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };

test.each([
  ['before its order', {}],
  ['before its payout', { currency: 'USDT', amount: '700', destination: WALLET }],
])(
  'K25: a deposit that was taken back %s: held and named, a brake, and no other money leaves',
  async (_when, what) => {
    const { engine } = scenario;
    await leaveUnallocated(engine, 'USDT', '2000.25');
    const payout = await scenario.payout(what).open();
    await payout.decide('hold');
    const opened = await payout.shown();
    const { id } = await engine.fund(opened);
    await payout.until(({ deposit }) => deposit.missing === '0.000000', 'funded');
    await takeBack(id, opened.deposit.amount);
    const missing = (await balanceIn(engine, 'USDT')).missing;
    for (let times = 0; times < 2; times += 1) {
      await payout.decide('resume');
      const held = await payout.isHeld('DEPOSIT_MISSING');
      expect(held.flags).toEqual(['DEPOSIT_MISSING']);
      expect(JSON.stringify(held.timeline)).toContain(`QbitPay does not show deposit ${id}`);
    }
    expect(await payout.requests(ORDERS)).toEqual([]);
    expect(await payout.requests(PAYOUTS)).toEqual([]);

    const brakes = (await engine.api('GET', '/v1/brakes?engaged=true')).body.data;
    // The balance alone says so as well.
    expect(brakes).toContainEqual(expect.objectContaining({ kind: 'DEPOSIT_GONE', currency: 'USDT' }));

    const { available, owed } = await balanceIn(engine, 'USDT');
    expect((await payout.cancel()).status).toBe(200);
    await payout.becomes('cancelled');
    expect(await balanceIn(engine, 'USDT')).toMatchObject({ available, owed, missing });
  },
);
