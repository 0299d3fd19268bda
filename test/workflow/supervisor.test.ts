import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { DEFAULT_PAYOUT_POLICY } from '../../src/domain/policy.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { describePayout } from '../support/payout-workflows.js';
import { useScenario } from '../support/scenario.js';
import { attachTestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

const scenario = useScenario({
  variations: { supervision: { minimumAgeSeconds: 1, intervalMs: 200 }, upkeepIntervalMs: 500 },
});

const handleOf = (workflowId: string): WorkflowHandle =>
  scenario.engine.temporal.client.workflow.getHandle(workflowId);
const terminate = (payoutId: string): Promise<unknown> =>
  handleOf(payoutWorkflowId(payoutId)).terminate('by the test');

describe('the supervisor', () => {
  test('has a payout opened that was accepted, and that nobody started', async () => {
    const { engine } = scenario;
    const request = payoutRequest();
    const { store, close } = attachTestStore(engine.databaseUrl);
    await store.payouts.accept({ request, maker: 'test', owner: 'default', policy: DEFAULT_PAYOUT_POLICY });
    await close();
    await engine.untilStatus(request.payoutId, 'awaiting_deposit');
    await engine.api('POST', `/v1/payouts/${request.payoutId}/cancel`);
  });

  test('starts the workflows of payouts that lost theirs, in every step, and all go on', async () => {
    const waiting = await scenario.payout().open();
    const held = await scenario.payout().open();
    await held.decide('hold');
    const inTransit = await scenario.payout().inTransit();
    const { providerPayoutId } = await inTransit.shown();
    const all = [waiting, held, inTransit];
    for (const { id } of all) await terminate(id);
    for (const { id } of all) {
      await untilAnswer(
        () => describePayout(scenario.engine, id),
        ({ status }) => status.name === 'RUNNING',
        'a new run',
      );
    }
    await inTransit.advance('paid', providerPayoutId);
    await inTransit.isPaidOnce();
    await held.decide('resume');
    await held.becomes('awaiting_deposit');
    await held.cancel();
    // Funded while it has none.
    await terminate(waiting.id);
    await waiting.fund();
    await waiting.isPaidOnce();
  });

  test('tells a workflow that waits what was decided in the store', async () => {
    const { engine } = scenario;
    const payout = await scenario.payout().open();
    const { store, close } = attachTestStore(engine.databaseUrl);
    const decision = { payoutId: payout.id, actor: 'test', reason: 'without the workflow' };
    const shown = async (): Promise<string | undefined> =>
      (await describePayout(engine, payout.id)).typedSearchAttributes.get({
        name: 'PayoutStatus',
        type: 'KEYWORD',
      });
    await store.decisions.hold({ ...decision, operationId: randomUUID() });
    await untilAnswer(shown, (status) => status === 'held', 'shown as held');
    await store.decisions.resume({ ...decision, operationId: randomUUID() });
    await untilAnswer(shown, (status) => status === 'awaiting_deposit', 'shown as waiting');
    await close();
    await payout.cancel();
  });

  test('does not start what has ended', async () => {
    const payout = await scenario.payout().open();
    await payout.cancel();
    await payout.workflow.result();
    const { runId } = await describePayout(scenario.engine, payout.id);
    const another = await scenario.payout().open();
    await terminate(another.id);
    await untilAnswer(
      () => describePayout(scenario.engine, another.id),
      ({ status }) => status.name === 'RUNNING',
      'a new run',
    );
    await another.cancel();
    expect((await describePayout(scenario.engine, payout.id)).runId).toBe(runId);
  });
});

test('what runs for ever is started again, and the schedule is made again, when somebody ended them', async () => {
  const { client } = scenario.engine.temporal;
  const taskQueue = scenario.engine.env['TEMPORAL_TASK_QUEUE'] ?? '';
  const forever = ['supervisor', 'provider-sync'].map((kind) => `${kind}/${taskQueue}`);
  const schedule = client.schedule.getHandle(`reconcile/${taskQueue}`);
  for (const workflowId of forever) await handleOf(workflowId).terminate('by the test');
  await schedule.delete();
  for (const workflowId of forever) {
    await untilAnswer(
      () => handleOf(workflowId).describe(),
      ({ status }: Json) => status.name === 'RUNNING',
      `${workflowId} running again`,
    );
  }
  await untilAnswer(
    () =>
      schedule.describe().then(
        () => true,
        () => false,
      ),
    (isThere) => isThere,
    'the schedule made again',
  );
});
