import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { startOwnTemporal, type OwnTemporal } from '../support/own-temporal.js';
import { describePayout } from '../support/payout-workflows.js';
import { useScenario } from '../support/scenario.js';
import type { ScenarioPayout } from '../support/scenario-payout.js';
import { untilAnswer } from '../support/until-answer.js';

/** From so many events on this server suggests to go on in a new run; others from 4,096. */
const SUGGESTED_AT = 400;
const AT_ONCE = 100;

let temporal: OwnTemporal;
const scenario = useScenario(async () => {
  temporal = await startOwnTemporal(`limit.historyCount.suggestContinueAsNew=${SUGGESTED_AT}`);
  return { env: { TEMPORAL_ADDRESS: temporal.address } };
});
afterAll(() => temporal.stop());

/** Sends the signal until the history is too long, and answers when another run carries the payout. */
async function untilContinued(payout: ScenarioPayout, signal: string): Promise<void> {
  const { engine } = scenario;
  const { runId } = await describePayout(engine, payout.id);
  const handle = engine.temporal.client.workflow.getHandle(payoutWorkflowId(payout.id));
  for (let sent = 0; sent < SUGGESTED_AT; sent += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => handle.signal(signal, { webhookEventId: 'test' })),
    );
  }
  const now = await untilAnswer(
    () => describePayout(engine, payout.id),
    (description) => description.runId !== runId,
    'another run',
  );
  expect(now.status.name).toBe('RUNNING');
  expect(now.historyLength).toBeLessThan(SUGGESTED_AT);
}

test('a payout that waits for its deposit goes on in a new run, with its search attributes, and is paid', async () => {
  const payout = await scenario.payout().open();
  await untilContinued(payout, 'payoutEvent');
  const { typedSearchAttributes } = await describePayout(scenario.engine, payout.id);
  expect(typedSearchAttributes.get({ name: 'PayoutStatus', type: 'KEYWORD' })).toBe('awaiting_deposit');
  expect(typedSearchAttributes.get({ name: 'PayoutAmount', type: 'DOUBLE' })).toBe(5_000);
  await payout.fund();
  await payout.isPaidOnce();
});

test('a held payout goes on in a new run, and what a person decides then is carried out', async () => {
  const payout = await scenario.payout().open();
  await payout.decide('hold');
  await untilContinued(payout, 'balanceReleased');
  await payout.decide('resume');
  await payout.becomes('awaiting_deposit');
  await payout.cancel();
});

test('a payout in transit goes on in a new run, which reads what it was told of', async () => {
  const payout = await scenario.payout().inTransit();
  const { providerPayoutId } = await payout.shown();
  await untilContinued(payout, 'payoutEvent');
  await payout.advance('paid', providerPayoutId);
  await payout.isPaidOnce();
});
