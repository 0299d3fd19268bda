import { randomUUID } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { openStore, type Store } from '../../src/store/store.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';
import { FEE_SIDE } from '../../src/domain/quote.js';
import { createDatabase, createMigratedDatabase } from '../support/test-database.js';
import { payoutRequest } from '../support/engine-client.js';
import { runConcurrently } from '../support/test-store.js';

const ASKED = { amount: '1', currency: 'CNY' };

let url: string;
let store: Store;
let sql: PostgresClient;

beforeAll(async () => {
  url = await createMigratedDatabase(newName());
  store = openStore({ url, onIdleError: () => undefined });
  sql = new PostgresClient({ connectionString: url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await store.close();
});

function newName(): string {
  return `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
}

async function openPayout(request: PayoutRequest = payoutRequest()) {
  const origin = {
    request,
    firstExecutionRunId: randomUUID(),
    openRequestId: null,
    maker: 'test',
    startedAtMs: Date.now(),
  };
  const outcome = await store.payouts.openForDeposit(origin, {
    network: 'TRC20',
    address: '0xA',
    baseAmount: '728.000000',
    deadlineSeconds: 60,
    feeTerms: { side: FEE_SIDE.ADDED, payoutRate: '0.005', tradeRate: '0' },
    estimatedPrice: '6.97',
    minimum: null,
  });
  return { origin, outcome, payoutId: request.payoutId };
}

test('fifty payouts of one amount, opened at once, expect fifty different deposits', async () => {
  const opened = await runConcurrently(Array.from({ length: 50 }, () => () => openPayout()));
  const amounts = opened.map(({ outcome }) =>
    outcome.kind === 'opened' ? outcome.deposit?.amount : undefined,
  );
  expect(new Set(amounts).size).toBe(50);
  expect(amounts).not.toContain(undefined);
});

test('of many who want to send one request exactly one may', async () => {
  const { payoutId } = await openPayout();
  const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store.requests.prepare(payoutId, providerRequest, 'selling');
  const claims = await Promise.all(
    Array.from({ length: 20 }, () => store.requests.claim(providerRequest, ASKED)),
  );
  expect(claims.filter((sends) => sends !== undefined)).toEqual([1]);
});

test.each([REQUEST_STATE.UNKNOWN, REQUEST_STATE.REFUSED] as const)(
  'a request that is %s is never sent again',
  async (state) => {
    const { payoutId } = await openPayout();
    const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
    await store.requests.prepare(payoutId, providerRequest, 'selling');
    await store.requests.claim(providerRequest, ASKED);
    await store.requests.settle(providerRequest, 1, state);
    expect(await store.requests.claim(providerRequest, ASKED)).toBeUndefined();
  },
);

test('a late answer settles its own sending only', async () => {
  const { payoutId } = await openPayout();
  const providerRequest = { operation: REQUEST_OPERATION.ORDER, externalOrderId: payoutId };
  await store.requests.prepare(payoutId, providerRequest, 'selling');
  await store.requests.claim(providerRequest, ASKED);
  await store.requests.settle(providerRequest, 1, REQUEST_STATE.NOT_SENT);
  expect(await store.requests.claim(providerRequest, ASKED)).toBe(2);
  expect(await store.requests.settle(providerRequest, 1, REQUEST_STATE.REFUSED)).toBeUndefined();
  expect((await store.requests.get(providerRequest)).state).toBe(REQUEST_STATE.SENDING);
});

test('the database itself refuses an illegal transition, and any change of the timeline', async () => {
  const { payoutId } = await openPayout();
  await expect(
    sql.query(`update payouts set status = 'paid' where payout_id = $1`, [payoutId]),
  ).rejects.toThrow('cannot go from awaiting_deposit to paid');
  await expect(sql.query(`delete from payout_timeline where payout_id = $1`, [payoutId])).rejects.toThrow(
    'append-only',
  );
});

test('a payout id belongs to the workflow that opened it, for ever', async () => {
  const { origin } = await openPayout();
  const again = await store.payouts.findOpened({ ...origin, firstExecutionRunId: randomUUID() });
  expect(again).toMatchObject({ kind: 'usedBefore' });
  const closed = await store.payouts.closeFunding({
    origin: { ...origin, firstExecutionRunId: randomUUID() },
    to: 'cancelled',
    detail: 'by a stranger',
  });
  expect(closed.ok).toBe(false);
});

test('a store belongs to the provider it was first used with', async () => {
  await store.claimForProvider('embedded simulator');
  await store.claimForProvider('embedded simulator');
  await expect(store.claimForProvider('https://api.example.com')).rejects.toThrow(
    'the database holds payouts of embedded simulator, not of https://api.example.com',
  );
});

test('a database of another version is refused, naming what to do', async () => {
  const empty = openStore({ url: await createDatabase(newName()), onIdleError: () => undefined });
  await expect(empty.assertMigrated()).rejects.toThrow('run "npm run migrate" first');
  await empty.migrate();
  await empty.assertMigrated();
  expect(await empty.migrate()).toEqual([]);
  await empty.close();
});
