import { randomUUID } from 'node:crypto';
import { signEvent } from '../../src/simulator/webhook-signer.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { scale } from '../support/figures.js';
import { historyOf } from '../support/histories.js';

const EVENTS = scale('EVENTS', 500);
const AT_ONCE = 25;
const TYPES = ['payout.pending', 'payout.inTransition', 'payout.paid', 'payout.failed', 'payout.cancelled'];

describe('rightly signed events about a payout that waits for its deposit', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startTestEngine();
  });
  afterAll(() => engine.stop());

  async function announce(payoutId: string, index: number): Promise<void> {
    const type = TYPES[index % TYPES.length] ?? '';
    const data = { id: randomUUID(), object: 'payout', status: 'paid', externalOrderId: payoutId };
    const event = { id: randomUUID(), type, object: 'event', livemode: true, data };
    const signature = signEvent(event, CANARY_API_KEY, 'md5');
    const answer = await engine.api('POST', '/webhooks/qbitpay', JSON.stringify(event), {
      'QbitPay-Signature': signature,
    });
    expect(answer.status).toBe(200);
  }

  test('K37: do not make it deaf: its deposit is taken, it is paid, and its history stays short', async () => {
    const payout = await engine.open();
    const { payoutId } = payout;
    for (let index = 0; index < EVENTS; index += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, (_none, offset) => announce(payoutId, index + offset));
      await Promise.all(batch);
    }
    await engine.fund(payout);
    await engine.untilStatus(payoutId, 'paid');
    await engine.temporal.client.workflow.getHandle(`payout/${payoutId}`).result();
    expect((await historyOf(engine, payoutId)).length).toBeLessThan(200);
  });
});
