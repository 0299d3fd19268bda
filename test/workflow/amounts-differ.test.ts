import { PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import type { Json } from '../support/engine-client.js';
import { untilAnswer } from '../support/until-answer.js';

/** What a wrong fee side costs, and that many payouts at once cost nothing. */

const WAITING = 5;
const CNY = { currency: 'CNY', reason: 'they are to leave together' };

describe.each([
  ['K15: the fee side is wrong: three payouts leave', 'deducted', 3],
  ['K59: it is right: all of them do', 'added', WAITING],
])('%s', (_case, feeSide, leaving) => {
  const scenario = useScenario({ env: { QBITPAY_FEE_SIDE: feeSide, BRAKE_AFTER_DIFFERENCES: '3' } });

  test(`of ${WAITING} that wait, ${leaving}`, async () => {
    const { engine } = scenario;
    const { brakeId } = (await engine.api('POST', '/v1/brakes', CNY)).body;
    const payouts = await Promise.all(Array.from({ length: WAITING }, () => scenario.payout().funded()));
    const waiting = ({ holdReason }: Json): boolean => holdReason === 'BRAKE_ENGAGED';
    for (const payout of payouts) await payout.until(waiting, 'stopped by the brake');
    await engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'now' });
    const readBrakes = async (): Promise<Json[]> =>
      (await engine.api('GET', '/v1/brakes?engaged=true')).body.data;
    if (leaving === WAITING) for (const payout of payouts) await payout.isPaidOnce();
    else await untilAnswer(readBrakes, (brakes) => brakes.length > 0, 'a brake engaged');
    expect(await requestsTo(engine, PAYOUTS)).toHaveLength(leaving);
    expect((await readBrakes()).map(({ kind, currency }: Json) => [kind, currency])).toEqual(
      leaving === WAITING ? [] : [['AMOUNTS_DIFFER', 'CNY']],
    );
  });
});
