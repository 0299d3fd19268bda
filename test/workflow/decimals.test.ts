import { balanceIn } from '../support/balances.js';
import type { Json } from '../support/engine-client.js';
import { untilUnallocated } from '../support/deposits.js';
import { useScenario } from '../support/scenario.js';

/** More decimals than a currency has: nothing of them is lost, and none of them is a finding. */

const scenario = useScenario();

const HASH = `0x${'ab'.repeat(31)}`;
const DUST = '000000012345';

/** More than the payout asks for, by less than anybody can pay. */
async function depositWithDust(payout: Json, more: Json): Promise<Json> {
  const { currency, amount } = payout.deposit;
  return scenario.engine.control('POST', '/deposits', { currency, amount: `${amount}${DUST}`, ...more });
}

/** The rest is kept apart, to the last digit. */
const rounding = async (): Promise<string> => (await balanceIn(scenario.engine, 'USDT')).rounding;

test('K26: a deposit of more decimals, its hash declared, is recognised, and pays its payout', async () => {
  const { engine } = scenario;
  const payout = await scenario.payout().open();
  const opened = await payout.becomes('awaiting_deposit');
  const declared = { txHash: `${HASH}01` };
  expect((await engine.api('POST', `/v1/payouts/${payout.id}/deposit`, declared)).status).toBe(200);
  await depositWithDust(opened, declared);
  const paid = await payout.isPaidOnce();
  expect(paid.flags).toEqual([]);
  expect(await rounding()).toContain(DUST);
});

test('K26: without a hash it is nobody’s, and a person can assign it to its payout', async () => {
  const { engine } = scenario;
  const payout = await scenario.payout().open();
  const opened = await payout.becomes('awaiting_deposit');
  const { id } = await depositWithDust(opened, {});
  await untilUnallocated(engine, id, 'UNMATCHED_DEPOSIT');
  const to = [{ payoutId: payout.id, amount: opened.deposit.amount }];
  for (let times = 0; times < 2; times += 1) {
    const assigned = await engine.api('POST', `/v1/deposits/${id}/assign`, { to });
    expect(assigned).toMatchObject({ status: 200, body: { status: 'allocated' } });
  }
  expect((await payout.isPaidOnce()).flags).toEqual([]);
});

test.each([
  ['amount 999.9999999999999, fee 5.000000000000001', '1000', '5.000000000000001', '0.0000000000001'],
  ['fee 6.17285 for 1234.57', '1234.57', '6.17285', null],
])('K43: %s: paid, and no finding', async (_answer, amount, payoutFee, deliverLess) => {
  const { provider } = scenario;
  await provider.set({ payoutFee, deliverLess, payoutLimit: { currency: 'USDT', min: '1' } });
  const paid = await (await scenario.payout({ amount }).funded()).isPaidOnce();
  expect(paid.flags).toEqual([]);
  expect((await scenario.engine.api('GET', '/v1/brakes?engaged=true')).body.data).toEqual([]);
  await provider.set({ deliverLess: null });
});
