import { isMeasured, sayFigure, scale } from '../support/figures.js';
import { PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';

/** An ordinary refusal: seen at once as provisional, and final when two readings have borne it out. */

const WAIT_SECONDS = scale('REFUSAL_WAIT', 2);
const BOUND_SECONDS = 180;
const PATIENCE_MS = 400_000;

const scenario = useScenario({
  env: {
    REFUSAL_WAIT_SECONDS: String(WAIT_SECONDS),
    ...(isMeasured('REFUSAL_WAIT') ? { PROVIDER_SYNC_INTERVAL_MS: '10000' } : {}),
  },
});

test(
  'a refusal is final soon after its wait',
  async () => {
    const payout = scenario.payout();
    await payout.strike('invalid_request_error', PAYOUTS, { status: 400, message: 'the account is closed' });
    await payout.funded();
    await payout.until(({ holdReason }) => holdReason === 'REFUSAL_PROVISIONAL', 'refused');
    const refusedAtMs = performance.now();
    await payout.until(({ status }) => status === 'held', 'final');
    const seconds = (performance.now() - refusedAtMs) / 1_000;
    sayFigure(
      `a refusal was final ${seconds.toFixed(0)} s after the answer, with a wait of ${WAIT_SECONDS} s`,
    );
    expect(seconds).toBeGreaterThanOrEqual(WAIT_SECONDS - 1);
    if (isMeasured('REFUSAL_WAIT')) expect(seconds).toBeLessThanOrEqual(BOUND_SECONDS);
    expect(await payout.requests(PAYOUTS)).toHaveLength(1);
  },
  PATIENCE_MS,
);
