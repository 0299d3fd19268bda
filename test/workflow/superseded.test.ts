import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { openAnotherWorker } from '../support/another-worker.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import {
  resetToFirstTask,
  resetToLastTask,
  startDirectly,
  untilHoldReasonShown,
} from '../support/payout-workflows.js';
import { PAYOUTS } from '../support/provider-requests.js';
import { useScenario } from '../support/scenario.js';
import { attachTestStore } from '../support/test-store.js';
import { untilAnswer } from '../support/until-answer.js';

const scenario = useScenario();

const runOf = (payoutId: string, runId?: string): WorkflowHandle =>
  scenario.engine.temporal.client.workflow.getHandle(payoutWorkflowId(payoutId), runId);

async function runsOf(payoutId: string): Promise<string[]> {
  const { sql, close } = attachTestStore(scenario.engine.databaseUrl);
  const { rows } = await sql.query<{ run_ids: string[]; epoch: number }>(
    'select run_ids, epoch from payouts where payout_id = $1',
    [payoutId],
  );
  await close();
  expect(rows[0]?.epoch).toBe(rows[0]?.run_ids.length);
  return rows[0]?.run_ids ?? [];
}

const untilClaims = (payoutId: string, count: number): Promise<string[]> =>
  untilAnswer(
    () => runsOf(payoutId),
    (runs) => runs.length === count,
    `${count} runs that claimed ${payoutId}`,
  );

const failureOf = (handle: WorkflowHandle): Promise<Json> =>
  handle.result().then(
    () => undefined,
    (error: unknown) => (error instanceof WorkflowFailedError ? error.cause : error),
  );

test('a run that is reset to a moment after its claim claims the payout anew before it sends', async () => {
  const payout = await scenario.payout().open();
  await payout.decide('hold');
  const newRun = await resetToLastTask(scenario.engine, payout.id);
  expect(await runsOf(payout.id)).toHaveLength(1);
  await payout.decide('resume');
  await payout.fund();
  await payout.isPaidOnce();
  expect((await runsOf(payout.id)).slice(1)).toEqual([newRun]);
  expect(await runOf(payout.id).result()).toMatchObject({ status: 'paid' });
});

test('while a step is about to send, a reset takes the payout from its run: it sends nothing', async () => {
  const { engine } = scenario;
  const brake = { currency: 'USDT', reason: 'so that its step is about to send' };
  const { brakeId } = (await engine.api('POST', '/v1/brakes', brake)).body;
  const payout = await scenario.payout({ amount: '300.00', currency: 'USDT' }).funded();
  await untilHoldReasonShown(engine, payout.id, 'BRAKE_ENGAGED');
  const other = openAnotherWorker(engine, {
    onCrashPoint: async (point) => {
      if (point !== 'payoutBeforeGuard') return;
      await resetToFirstTask(engine, payout.id);
      await untilClaims(payout.id, 2);
      // As long as the new run is at the step itself, nobody else comes so far.
      await untilHoldReasonShown(engine, payout.id, 'BRAKE_ENGAGED');
    },
  });
  const { next } = await other.createPayout(payout.id);
  expect(next).toEqual({ kind: 'superseded' });
  await other.close();
  expect(await payout.requests(PAYOUTS)).toEqual([]);
  await engine.api('POST', `/v1/brakes/${brakeId}/release`, { reason: 'seen' });
  await payout.isPaidOnce();
});

test('a start with other content fails, and the payout stays as it is', async () => {
  const payout = await scenario.payout().open();
  await runOf(payout.id).terminate('test');
  await startDirectly(scenario.engine, payoutRequest({ payoutId: payout.id, amount: '5000.01' }), {});
  expect(await failureOf(runOf(payout.id))).toMatchObject({ type: 'REQUEST_CONFLICT' });
  expect(await payout.shown()).toMatchObject({ status: 'awaiting_deposit', amount: '5000.00' });

  await startDirectly(scenario.engine, payoutRequest({ payoutId: payout.id }), { maxSlippageBps: 5_000 });
  await untilClaims(payout.id, 2);
  await payout.cancel();
});

test('a start of a payout that has ended has nothing to do', async () => {
  const payout = await scenario.payout().open();
  await payout.cancel();
  await runOf(payout.id).result();
  await startDirectly(scenario.engine, payoutRequest({ payoutId: payout.id }), {});
  expect(await runOf(payout.id).result()).toEqual({ payoutId: payout.id, status: 'superseded' });
  expect(await payout.shown()).toMatchObject({ status: 'cancelled' });
});

test('an operation on a payout whose workflow is gone starts it, and the payout goes on', async () => {
  const payout = await scenario.payout().open();
  await runOf(payout.id).terminate('test');
  await payout.decide('hold');
  await runOf(payout.id).terminate('test');
  await payout.decide('resume');
  await payout.fund();
  await payout.isPaidOnce();
  expect(await runsOf(payout.id)).toHaveLength(3);
});
