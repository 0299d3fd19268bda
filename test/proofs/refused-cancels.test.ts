import { describePayout } from '../support/payout-workflows.js';
import { useScenario } from '../support/scenario.js';
import { runConcurrently } from '../support/test-store.js';

const scenario = useScenario();

/** A run takes 2,000 updates at most. */
const CANCELS = 2_200;
/** Fewer than may be under way at once. */
const AT_ONCE = 8;

test('K45: however often a cancellation is refused, a payout takes other operations, and is paid', async () => {
  const payout = await scenario.payout().inTransit();
  const { runId } = await describePayout(scenario.engine, payout.id);
  const statuses = await runConcurrently(
    Array.from({ length: CANCELS }, () => async () => (await payout.cancel()).status),
    AT_ONCE,
  );
  expect(statuses.filter((status) => status !== 409)).toEqual([]);
  // It was not even long enough to continue as new.
  expect((await describePayout(scenario.engine, payout.id)).runId).toBe(runId);
  await payout.decide('hold');
  await payout.decide('resume');
  await payout.advance('paid');
  await payout.isPaidOnce();
});
