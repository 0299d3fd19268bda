import { payoutRequest } from '../support/engine-client.js';
import { hideRequest, untilRead } from '../support/hidden-requests.js';
import { startEngineBehindProxy } from '../support/provider-proxy.js';
import {
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';

const COUNT = 1_200;

test('a payout whose answer was lost is found among very many, and not sent again', async () => {
  // What is not found would be sent again.
  const { engine, proxy } = await startEngineBehindProxy({
    env: { RESEND_MAX_AMOUNT: 'CNY:1000000', UNKNOWN_OUTCOME_WAIT_SECONDS: '3600' },
  });
  const { payoutId } = payoutRequest();
  const hidden = await hideRequest({ engine, proxy }, payoutId, { operations: ['payout'] });
  await orderFault(engine, 'resetAfterEffect', PAYOUTS, { externalOrderId: payoutId });
  await openAndFund(engine, { payoutId });
  await untilRead(hidden, 1);

  // Made in the provider's dashboard, by many hands; nobody waits for news of them.
  await engine.control('POST', '/faults', { kind: 'webhookLost', times: 10 * COUNT });
  await engine.control('POST', '/deposits', { currency: 'CNY', amount: 5 * COUNT, notify: false });
  let left = COUNT;
  const hand = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await engine.control('POST', '/dashboard/payouts', { currency: 'CNY', amount: '1' });
    }
  };
  await Promise.all(Array.from({ length: 16 }, hand));
  await engine.control('DELETE', '/faults');
  hidden.show();

  await engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(engine, payoutId);
  expect(await requestsTo(engine, PAYOUTS, payoutId)).toHaveLength(1);
  expect((await requestsTo(engine, 'GET /api/v1/payouts')).length).toBeGreaterThan(COUNT / 100);
  await engine.stop();
});
