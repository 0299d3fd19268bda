import { Client as PostgresClient } from 'pg';
import { makeAvailable } from '../support/balances.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';

/** QbitPay keeps, or names, another `externalOrderId` than it was given: nothing is paid twice by that. */

const scenario = useScenario({
  env: {
    UNKNOWN_OUTCOME_WAIT_SECONDS: '0',
    ABSENCE_CHECKS: '1',
    RESEND_MAX_AMOUNT: 'CNY:100000,USDT:100000',
  },
});
const { provider } = scenario;

afterEach(() => provider.set({ externalOrderIds: 'kept', settlement: 'automatic' }));

/** All that QbitPay has, whatever it is called. */
const atProvider = async (): Promise<Json[]> =>
  (await provider.call('GET', '/api/v1/payouts?limit=100')).data;

/** Longer than what a system on the way may leave of it. */
const named = (changes: Json = {}): ScenarioPayout =>
  scenario.payout({ payoutId: `Payroll.November-${payoutRequest().payoutId}`, ...changes });

async function isPaidUnder(payout: ScenarioPayout, known: number): Promise<Json> {
  const paid = await payout.becomes('paid');
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  expect((await atProvider()).length).toBe(known + 1);
  return paid;
}

test.each([
  ['K4: cut', 'cut'],
  ['K6: in lower case', 'lowerCase'],
  ['K54: with a prefix', 'prefixed'],
])('an answer that names the id %s is taken for what it is, flagged, and paid once', async (_name, how) => {
  const known = (await atProvider()).length;
  await provider.set({ externalOrderIds: how });
  const payout = named({ amount: '300.00', currency: 'USDT' });
  await payout.funded();
  expect((await isPaidUnder(payout, known)).flags).toEqual(['ID_ALTERED']);
});

test.each([
  ['K5: cut', 'cut'],
  ['missing', 'dropped'],
])('an id that is %s in an answer that is lost: not sent again, shown, and adopted', async (_name, how) => {
  const known = (await atProvider()).length;
  await provider.set({ externalOrderIds: how });
  const payout = await named().strike('resetAfterEffect', PAYOUTS);
  await payout.funded();
  const { timeline } = await payout.isHeld('UNKNOWN_OUTCOME');
  const [{ id }] = await atProvider();
  expect(timeline.at(-1).detail).toContain(id);
  await payout.isRefused('resolve', /which may be it: adopt it, or disown it/, { action: 'resend' });
  await payout.isRefused('resolve', /which may be it: adopt it, or disown it/, { action: 'close' });
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
  const paid = await isPaidUnder(payout, known);
  expect(paid).toMatchObject({ providerPayoutId: id, flags: ['ID_ALTERED'] });
});

test('what was adopted without its id is the payout still, beside a second one that is cancelled', async () => {
  await makeAvailable(scenario.engine, 'CNY', '6000');
  await provider.set({ externalOrderIds: 'dropped', settlement: 'manual' });
  const payout = await named().strike('resetAfterEffect', PAYOUTS);
  await payout.funded();
  await payout.isHeld('UNKNOWN_OUTCOME');
  const [{ id }] = await atProvider();
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
  await payout.becomes('in_transit');
  await provider.set({ externalOrderIds: 'kept' });
  const another = { amount: 5000, currency: 'CNY', destination: payoutRequest().destination };
  const second = await provider.call('POST', '/api/v1/payouts', { ...another, externalOrderId: payout.id });
  await payout.isHeld('DUPLICATE_AT_PROVIDER');
  await payout.advance('cancelled', second.id);
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
  await payout.advance('paid', id);
  expect(await payout.becomes('paid')).toMatchObject({ providerPayoutId: id });
});

/** As if the request had been sent an hour earlier. */
async function letAnHourPass(payoutId: string): Promise<void> {
  const postgres = new PostgresClient(scenario.engine.databaseUrl);
  await postgres.connect();
  await postgres.query(
    `update provider_requests set last_sent_at = last_sent_at - interval '1 hour',
       absence_from = absence_from - interval '1 hour' where payout_id = $1`,
    [payoutId],
  );
  await postgres.end();
}

test('a stranger of the same amount is disowned by a person, and the payout is then sent again, once', async () => {
  // What the stranger takes is there beside our own money.
  await provider.adjust('CNY', '5025');
  const payout = await scenario.payout().strike('resetBeforeEffect', PAYOUTS);
  await payout.startedDirectly({ unknownOutcomeWaitSeconds: 3_600, absenceChecks: 1 });
  await payout.fund();
  await payout.until(({ holdReason }) => holdReason === 'OUTCOME_LOOKED_UP');
  const body = { amount: 5000, currency: 'CNY', destination: payoutRequest().destination };
  const { id } = await provider.call('POST', '/api/v1/payouts', { ...body, externalOrderId: 'rent-11' });
  await letAnHourPass(payout.id);
  await payout.isHeld('UNKNOWN_OUTCOME');
  await payout.isRefused('resolve', new RegExp(id), { action: 'resend' });
  await payout.decide('resolve', { action: 'disown', providerPayoutId: id });
  await payout.isPaidOnce();
  expect(await payout.requests(PAYOUTS)).toHaveLength(2);
});

test('K7: an answer of another currency under an altered id is held with its own id, and adopted with the difference', async () => {
  await provider.set({ externalOrderIds: 'lowerCase' });
  const payout = named();
  provider.rewrite((request, body) =>
    request.startsWith('POST') && body?.object === 'payout' ? { ...body, currency: 'USDT' } : undefined,
  );
  await payout.funded();
  const { timeline } = await payout.isHeld('ANSWER_CONTRADICTS');
  const [{ id }] = await atProvider();
  expect(timeline.at(-1).detail).toContain(id);
  await payout.isRefused('resolve', /neither be sent again nor be closed/, { action: 'resend' });
  await payout.isRefused('resolve', /neither be sent again nor be closed/, { action: 'close' });
  await payout.decide('resolve', { action: 'adopt', providerPayoutId: id });
  expect((await payout.becomes('paid')).providerPayoutId).toBe(id);
  expect(await payout.requests(PAYOUTS)).toHaveLength(1);
});

test("K61: another payout's answer to our request is not taken for ours", async () => {
  const first = await scenario.payout().funded();
  await first.isPaidOnce();
  const [earlier] = await atProvider();
  const payout = scenario.payout();
  provider.rewrite((request, body) =>
    request.startsWith('POST') && payout.isOwn('payout', body) ? earlier : undefined,
  );
  await payout.funded();
  const { providerPayoutId } = await payout.isPaidOnce();
  expect(providerPayoutId).not.toBe(earlier.id);
});

test('K59: equal salaries at once are nobody else than themselves, also where answers are lost', async () => {
  const salaries = Array.from({ length: 5 }, () => scenario.payout());
  for (const lost of salaries.slice(0, 2)) await lost.strike('resetAfterEffect', PAYOUTS);
  await Promise.all(salaries.map((payout) => payout.funded()));
  for (const payout of salaries) await payout.isPaidOnce();
});
