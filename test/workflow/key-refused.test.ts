import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../support/engine-client.js';
import { CANARY_API_KEY, startTestEngine, type TestEngine } from '../support/engine.js';
import { untilHoldReasonShown } from '../support/payout-workflows.js';
import { untilAnswer } from '../support/until-answer.js';
import {
  detailsOf,
  expectConvertedAndPaidOnce,
  openAndFund,
  orderFault,
  ORDERS,
  PAYOUTS,
  requestsTo,
} from '../support/provider-requests.js';

let engine: TestEngine;
let directory: string;
let keyFile: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'qbitpay-key-'));
  keyFile = join(directory, 'api-key');
  await writeFile(keyFile, `${CANARY_API_KEY}\n`);
  engine = await startTestEngine({ env: { QBITPAY_API_KEY: '', QBITPAY_API_KEY_FILE: keyFile } });
});
afterAll(async () => {
  await engine.stop();
  await rm(directory, { recursive: true });
});
afterEach(async () => {
  await engine.control('DELETE', '/faults');
});

const fault = (kind: string, endpoint: string, more?: Json) => orderFault(engine, kind, endpoint, more);
const newId = (): string => `p-${randomUUID()}`;
const WAITING_FOR_KEY = 'waiting: AUTHENTICATION_REFUSED';

describe('the key is refused', () => {
  test('on the requests that move money: the payout waits, and says so', async () => {
    const payoutId = newId();
    await fault('authentication_error', ORDERS, { externalOrderId: payoutId, times: 2 });
    await fault('authentication_error', PAYOUTS, { externalOrderId: payoutId, status: 403 });
    await openAndFund(engine, { payoutId });
    const paid = await engine.untilStatus(payoutId, 'paid');
    expect(detailsOf(paid).filter((detail) => detail === WAITING_FOR_KEY)).not.toHaveLength(0);
    expect((await requestsTo(engine, ORDERS, payoutId)).map(({ status }) => status)).toEqual([401, 401, 200]);
    expect((await requestsTo(engine, PAYOUTS, payoutId)).map(({ status }) => status)).toEqual([403, 200]);
  });

  test('shown while it lasts; the corrected key file is read again, and everything goes on', async () => {
    const [before, during] = [newId(), newId()];
    await engine.control('POST', '/outcomes', { outcome: 'stuck', externalOrderId: before });
    await openAndFund(engine, { payoutId: before });
    const { providerPayoutId } = await engine.untilStatus(before, 'in_transit');

    await engine.control('PATCH', '/settings', { apiKey: 'rotated-key-52c1' });
    const opening = engine.open({ payoutId: during });
    const shown = await engine.until(during, ({ holdReason }) => holdReason === 'AUTHENTICATION_REFUSED');
    expect(shown.hold.action).toMatch(/correct the key/i);
    await untilHoldReasonShown(engine, during, 'AUTHENTICATION_REFUSED');
    // What QbitPay has asks for nothing itself: that it cannot be read stands with the mirror.
    await untilAnswer(
      () => engine.api('GET', '/v1/provider'),
      ({ body }) => /QbitPayAuthenticationError/.test(body.problem),
      'the sync refused as well',
    );
    await writeFile(keyFile, 'rotated-key-52c1');

    await engine.fund(await opening);
    await engine.control('POST', `/payouts/${providerPayoutId}/advance`, { status: 'paid' });
    for (const payoutId of [before, during]) {
      expect((await engine.untilStatus(payoutId, 'paid')).holdReason).toBeNull();
      await expectConvertedAndPaidOnce(engine, payoutId);
    }
  });
});
