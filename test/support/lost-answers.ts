import { Client as PostgresClient } from 'pg';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { releaseBrakes } from './brakes.js';
import { payoutRequest, type Json } from './engine-client.js';
import { CANARY_API_KEY, type TestEngine } from './engine.js';
import { hideRequest, type HiddenRequest, type Operation } from './hidden-requests.js';
import { startDirectly } from './payout-workflows.js';
import { startEngineBehindProxy, type ProviderProxy } from './provider-proxy.js';
import { expectConvertedAndPaidOnce, orderFault, ORDERS, PAYOUTS, requestsTo } from './provider-requests.js';
import { untilAnswer } from './until-answer.js';

/** Requests that took effect, and whose answers are lost: what becomes of them is a matter of what QbitPay shows. */

interface World {
  engine: TestEngine;
  proxy: ProviderProxy;
  database: PostgresClient;
}

/** There once the tests of the file have begun. */
export const world = {} as World;

export function useLostAnswers(): void {
  beforeAll(async () => {
    // What is not found may be sent again: nothing but the outcome resolution keeps these payouts from being paid twice.
    const started = await startEngineBehindProxy({
      env: { PROVIDER_SYNC_INTERVAL_MS: '200', RESEND_MAX_AMOUNT: 'CNY:1000000,USDT:1000000' },
    });
    const database = new PostgresClient({ connectionString: started.engine.databaseUrl });
    await database.connect();
    Object.assign(world, started, { database });
  });
  afterAll(async () => {
    await world.database.end();
    await world.engine.stop();
  });
  afterEach(async () => {
    world.proxy.rewrite(undefined);
    await world.engine.control('DELETE', '/faults');
    const usual = { deliverLess: null, payoutFee: null, settlement: 'automatic' };
    await world.engine.control('PATCH', '/settings', usual);
    await releaseBrakes(world.engine);
  });
}

/** An engine that is slower than any test: what is not found is looked for on and on. */
export const PATIENT: Partial<PayoutPolicy> = { unknownOutcomeWaitSeconds: 3_600, absenceChecks: 1 };

export const ENDPOINTS = { order: ORDERS, payout: PAYOUTS } as const;

export const hide = (operation: Operation, payoutId: string): Promise<HiddenRequest> =>
  hideRequest(world, payoutId, { operations: [operation] });

/** Its request takes effect, and no answer comes. */
export async function loseAnswer(
  operation: Operation,
  payoutId: string,
  policy: Partial<PayoutPolicy> = PATIENT,
): Promise<void> {
  await orderFault(world.engine, 'resetAfterEffect', ENDPOINTS[operation], { externalOrderId: payoutId });
  await startDirectly(world.engine, payoutRequest({ payoutId }), policy);
  await world.engine.fund(await world.engine.untilStatus(payoutId, 'awaiting_deposit'));
  await untilSent(operation, payoutId);
}

/** The sync reads the lists as well: that they were read says nothing of the request. */
async function untilSent(operation: Operation, payoutId: string): Promise<void> {
  await untilAnswer(
    () =>
      world.database.query(
        `select 1 from provider_requests where state in ('unknown', 'accepted') and operation = $1 and external_order_id = $2`,
        [operation, payoutId],
      ),
    ({ rowCount }) => rowCount === 1,
    'the request sent, and its answer lost',
  );
}

export async function expectPaidOnce(payoutId: string): Promise<Json> {
  const payout = await world.engine.untilStatus(payoutId, 'paid');
  await expectConvertedAndPaidOnce(world.engine, payoutId);
  for (const endpoint of [ORDERS, PAYOUTS]) {
    expect(await requestsTo(world.engine, endpoint, payoutId)).toHaveLength(1);
  }
  return payout;
}

export const newId = (): string => payoutRequest().payoutId;

/** What the provider has under this externalOrderId. */
export async function idAtProvider(operation: Operation, payoutId: string): Promise<string> {
  const requests = await requestsTo(world.engine, ENDPOINTS[operation], payoutId);
  return requests.flatMap(({ effects }) => effects)[0];
}

/** The same request as somebody else with the same key sends it; answers with its id. */
export async function sendAgain(operation: Operation, payoutId: string): Promise<string> {
  const [{ body }] = await requestsTo(world.engine, ENDPOINTS[operation], payoutId);
  const response = await fetch(`${world.engine.env['QBITPAY_BASE_URL'] ?? ''}/api/v1/${operation}s`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CANARY_API_KEY}:`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  const made: Json = await response.json();
  expect([response.status, made.externalOrderId]).toEqual([200, payoutId]);
  return made.id;
}
