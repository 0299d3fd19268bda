import { makeAvailable } from '../support/balances.js';
import { untilSynced } from '../support/deposits.js';
import { PAYOUTS } from '../support/provider-requests.js';
import { reconcile } from '../support/reconciliation.js';
import { useScenario } from '../support/scenario.js';

/** QbitPay's clock, and the zone of its times: both are shown or read by the contract, and nothing is concluded from them. */

const scenario = useScenario({
  env: { UNKNOWN_OUTCOME_WAIT_SECONDS: '0', ABSENCE_CHECKS: '1', RESEND_MAX_AMOUNT: 'USDT:1000000' },
});

afterEach(() => {
  const webhookUrl = `${scenario.engine.apiUrl}/webhooks/qbitpay`;
  return scenario.provider.set({ clockOffsetMs: 0, timeFormat: 'utc', webhookUrl });
});

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };
const ELEVEN_MINUTES_MS = 660_000;

test.each([
  ['K8: the clock is 11 minutes behind', { clockOffsetMs: -ELEVEN_MINUTES_MS }, -ELEVEN_MINUTES_MS],
  ['K9: times are local, and name no zone', { timeFormat: 'localWithoutZone' }, 0],
])(
  '%s: a payout whose answer was lost is found below a newer one of the dashboard, and paid once',
  async (_case, settings, skewMs) => {
    const { engine, provider } = scenario;
    await provider.set(settings);
    await makeAvailable(engine, 'USDT', '1000');
    await provider.set({ webhookUrl: null });
    const payout = scenario.payout({ currency: 'USDT', amount: '700', destination: WALLET });
    await payout.strike('resetAfterEffect', PAYOUTS);
    await payout.funded();
    await payout.until(({ status }) => status !== 'awaiting_deposit', 'sent');
    await engine.control('POST', '/dashboard/payouts', { currency: 'USDT', amount: '200' });
    await payout.isPaidOnce();
    expect(await payout.requests(PAYOUTS)).toHaveLength(1);
    await untilSynced(engine);
    const { clockSkewMs } = (await engine.api('GET', '/v1/provider')).body;
    expect(Math.abs(clockSkewMs - skewMs)).toBeLessThan(10_000);
    expect((await engine.api('GET', '/v1/brakes')).body.data).toEqual([]);
    await reconcile(engine);
  },
);
