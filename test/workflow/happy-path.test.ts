import { startTestEngine, type TestEngine } from '../support/engine.js';
import { countWorkflowTasks, historyOf } from '../support/histories.js';

describe('the quickstart, end to end', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine({ env: { PROVIDER_SYNC_INTERVAL_MS: '10000' } });
  });
  afterAll(() => engine.stop());

  test('a funded payout is converted, paid and settled within 58 events and 9 workflow tasks', async () => {
    const opened = await engine.open();
    expect(opened).toMatchObject({
      status: 'awaiting_deposit',
      amount: '5000.00',
      currency: 'CNY',
      amountMode: 'receive',
      deposit: { currency: 'USDT', network: 'TRC20', received: '0.000000' },
    });
    await engine.fund(opened);
    const paid = await engine.untilStatus(opened.payoutId, 'paid');

    expect(paid).toMatchObject({
      recipientAmount: '5000.00',
      fee: '25.00',
      holdReason: null,
      failure: null,
      order: { symbol: 'USDT/CNY', price: '6.97', status: 'filled' },
    });
    expect(paid.timeline.map((entry: { status: string }) => entry.status)).toEqual([
      'opening',
      'awaiting_deposit',
      'awaiting_deposit',
      'converting',
      'paying',
      'in_transit',
      'paid',
    ]);
    await engine.temporal.client.workflow.getHandle(`payout/${opened.payoutId}`).result();
    const history = await historyOf(engine, opened.payoutId);
    expect(history.length).toBeLessThanOrEqual(58);
    expect(countWorkflowTasks(history)).toBeLessThanOrEqual(9);
    expect(pendingAtItsEnd(history)).toEqual([]);
  });
});

/** Activities that were scheduled, and neither answered nor were cancelled. */
function pendingAtItsEnd(history: Awaited<ReturnType<typeof historyOf>>): (string | null | undefined)[] {
  const answered = history.map((event) =>
    String(event.activityTaskCompletedEventAttributes?.scheduledEventId),
  );
  return history
    .filter(
      (event) => event.activityTaskScheduledEventAttributes && !answered.includes(String(event.eventId)),
    )
    .map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
}
