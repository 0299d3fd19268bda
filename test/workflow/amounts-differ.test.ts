import { PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

/** What a wrong fee side costs. That many payouts at once cost nothing is a proof: test/proofs/false-alarms.test.ts. */

const WAITING = 5;
const MAY_LEAVE = 3;
const CNY = { currency: 'CNY', reason: 'they are to leave together' };

const scenario = useScenario({
  env: { QBITPAY_FEE_SIDE: 'deducted', BRAKE_AFTER_DIFFERENCES: String(MAY_LEAVE) },
});

test(`K15: the fee side is wrong: of ${WAITING} payouts that wait, ${MAY_LEAVE} leave`, async () => {
  const { engine } = scenario;
  const { brakeId } = (await engine.api('POST', '/v1/brakes', CNY)).body;
  const payouts = await Promise.all(Array.from({ length: WAITING }, () => scenario.payout().funded()));
  const waiting = ({ holdReason }: Json): boolean => holdReason === 'BRAKE_ENGAGED';
  for (const payout of payouts) await payout.until(waiting, 'stopped by the brake');
  await engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'now' });
  const readBrakes = async (): Promise<Json[]> =>
    (await engine.api('GET', '/v1/brakes?engaged=true')).body.data;
  const brakes = await untilAnswer(readBrakes, ({ length }) => length > 0, 'a brake engaged');
  expect(await requestsTo(engine, PAYOUTS)).toHaveLength(MAY_LEAVE);
  expect(brakes.map(({ kind, currency }) => [kind, currency])).toEqual([['AMOUNTS_DIFFER', 'CNY']]);
});
