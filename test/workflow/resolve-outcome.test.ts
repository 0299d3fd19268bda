import { randomUUID } from 'node:crypto';
import { payoutWorkflowId } from '../../src/domain/identifiers.js';
import { openAnotherWorker } from '../support/another-worker.js';
import { payoutRequest } from '../support/engine-client.js';
import { untilRead } from '../support/hidden-requests.js';
import { startDirectly } from '../support/payout-workflows.js';
import { openAndFund, orderFault, PAYOUTS, requestsTo } from '../support/provider-requests.js';
import { untilAnswer } from '../support/until-answer.js';
import {
  world,
  useLostAnswers,
  PATIENT,
  hide,
  loseAnswer,
  expectPaidOnce,
  newId,
  idAtProvider,
} from '../support/lost-answers.js';

useLostAnswers();

test('what the list shows late is found by a later reading, and readings before the wait is over count for nothing', async () => {
  const payoutId = newId();
  const hidden = await hide('payout', payoutId);
  await loseAnswer('payout', payoutId);
  await untilRead(hidden, 4);
  const { rows } = await world.database.query(
    `select state, absence_checks, resend_by from provider_requests where operation = 'payout' and external_order_id = $1`,
    [payoutId],
  );
  expect(rows).toEqual([{ state: 'unknown', absence_checks: 0, resend_by: null }]);
  hidden.show();
  await expectPaidOnce(payoutId);
});

describe('a webhook about a payout that the list does not show', () => {
  /** An authentic event of the provider, which need not be true. */
  async function announce(payoutId: string, id: string, status: string): Promise<string> {
    const { amount, currency } = payoutRequest();
    const data = { id, object: 'payout', amount: Number(amount), fee: 25, currency, status };
    const { id: eventId } = await world.engine.control('POST', '/events/forge', {
      type: `payout.${status}`,
      data: { ...data, createdAt: new Date().toISOString(), externalOrderId: payoutId },
    });
    return eventId;
  }

  test('is no answer, but evidence: what it names is read, and adopted where the API has it, and of this payout', async () => {
    const other = newId();
    await openAndFund(world.engine, { payoutId: other });
    const { providerPayoutId: foreign } = await world.engine.untilStatus(other, 'paid');
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 1);
    for (const id of [randomUUID(), foreign]) {
      const eventId = await announce(payoutId, id, 'paid');
      await untilAnswer(
        async () =>
          (
            await world.database.query('select state from webhook_inbox where webhook_event_id = $1', [
              eventId,
            ])
          ).rows,
        ([row]) => row !== undefined,
        'the event stored',
      );
    }
    await untilRead(hidden, hidden.readings + 3);
    expect((await world.engine.api('GET', `/v1/payouts/${payoutId}`)).body).toMatchObject({
      status: 'paying',
      providerPayoutId: null,
    });
    await announce(payoutId, await idAtProvider('payout', payoutId), 'paid');
    await expectPaidOnce(payoutId);
  });
});

describe('a webhook that names what cannot be read', () => {
  /** QbitPay fails at the one id, whatever it has; the other two are none. */
  async function announceUnreadable(payoutId: string): Promise<string> {
    const unreadableId = randomUUID();
    for (const id of [unreadableId, '.', '..']) {
      const data = { id, object: 'payout', status: 'pending', externalOrderId: payoutId };
      await world.engine.control('POST', '/events/forge', { type: 'payout.pending', data });
    }
    return unreadableId;
  }
  const fails = (id: string) => (request: string) =>
    request.endsWith(id) ? { type: 'api_error', message: 'out of order' } : undefined;

  test('proves nothing absent: a person decides, and nothing is sent again', async () => {
    const payoutId = newId();
    world.proxy.rewrite(fails(await announceUnreadable(payoutId)));
    await orderFault(world.engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
    const hasty = { unknownOutcomeWaitSeconds: 0, absenceChecks: 1 };
    await startDirectly(world.engine, payoutRequest({ payoutId }), hasty);
    await world.engine.fund(await world.engine.untilStatus(payoutId, 'awaiting_deposit'));
    expect(await world.engine.untilStatus(payoutId, 'held')).toMatchObject({ holdReason: 'UNKNOWN_OUTCOME' });
    expect(await requestsTo(world.engine, PAYOUTS, payoutId)).toHaveLength(1);
    // What cannot be read may be it.
    const close = { action: 'close', reason: 'it never arrived' };
    expect(await world.engine.api('POST', `/v1/payouts/${payoutId}/resolve`, close)).toMatchObject({
      status: 409,
    });
    world.proxy.rewrite(undefined);
    expect(await world.engine.api('POST', `/v1/payouts/${payoutId}/resolve`, close)).toMatchObject({
      status: 200,
    });
    await world.engine.untilStatus(payoutId, 'failed');
  });
});

describe('nothing is sent twice while an outcome is not known', () => {
  test('by a step that is dispatched again and again beside its worker, nor by a second start, after the first was forgotten', async () => {
    const payoutId = newId();
    const hidden = await hide('payout', payoutId);
    await loseAnswer('payout', payoutId);
    await untilRead(hidden, 1);
    const other = openAnotherWorker(world.engine);
    try {
      const run = () => other.createPayout(payoutId);
      const answers = await Promise.all(Array.from({ length: 8 }, run));
      expect(answers.map(({ next }) => next)).toEqual(answers.map(() => ({ kind: 'resolveOutcome' })));
    } finally {
      await other.close();
    }
    await forgetWorkflow(payoutId);
    // Without any patience, which the store does not take over: what could be sent again would be.
    await startDirectly(world.engine, payoutRequest({ payoutId }), {
      unknownOutcomeWaitSeconds: 0,
      absenceChecks: 1,
    });
    await untilRead(hidden, hidden.readings + 3);
    expect(await requestsTo(world.engine, PAYOUTS, payoutId)).toHaveLength(1);
    hidden.show();
    await expectPaidOnce(payoutId);
  });

  test('by many who may send it again at once: one of them does, at most', async () => {
    const payoutId = newId();
    await orderFault(world.engine, 'resetBeforeEffect', PAYOUTS, { externalOrderId: payoutId });
    const hidden = await hide('payout', payoutId);
    await startDirectly(world.engine, payoutRequest({ payoutId }), PATIENT);
    await world.engine.fund(await world.engine.untilStatus(payoutId, 'awaiting_deposit'));
    await world.engine.until(payoutId, ({ holdReason }) => holdReason === 'OUTCOME_LOOKED_UP');
    await world.engine.stopWorker();
    const other = openAnotherWorker(world.engine, { keepsMirror: true });
    const providerRequest = { operation: 'payout', externalOrderId: payoutId } as const;
    try {
      expect(await other.store.requests.authoriseResend(providerRequest, 1, 'tester')).toBe(true);
      const run = () => other.createPayout(payoutId);
      await Promise.all(Array.from({ length: 8 }, run));
      // Whoever finds the lock taken takes the permission back: it is given again, and to one alone.
      if (await other.store.requests.authoriseResend(providerRequest, 1, 'tester')) await run();
    } finally {
      await other.close();
    }
    const requests = await requestsTo(world.engine, PAYOUTS, payoutId);
    expect(requests.map(({ effects }) => effects.length)).toEqual([0, 1]);
    hidden.show();
    await world.engine.startWorker();
    await world.engine.untilStatus(payoutId, 'paid');
    expect(await requestsTo(world.engine, PAYOUTS, payoutId)).toHaveLength(2);
  });
});

/** As its namespace's retention does in the end: nothing of the workflow is left. */
async function forgetWorkflow(payoutId: string): Promise<void> {
  const { client, namespace } = world.engine.temporal;
  const workflowId = payoutWorkflowId(payoutId);
  await client.workflowService.deleteWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
  });
  await untilAnswer(
    () =>
      client.workflow
        .getHandle(workflowId)
        .describe()
        .then(
          () => false,
          () => true,
        ),
    (isGone) => isGone,
    'the workflow gone',
  );
}
