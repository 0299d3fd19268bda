import { createHash } from 'node:crypto';
import { Pool } from 'pg';
import { startTestEngine, type TestEngine } from '../support/engine.js';
import { payoutRequest, type Answer, type Json } from '../support/engine-client.js';
import { auditLedger } from '../support/ledger-audit.js';
import { untilAnswer } from '../support/until-answer.js';

/** Two owners with keys of their own, on a whole engine: what comes back of the payout of one is his, and pays his next one. */

const entryOf = (name: string, scopes: string): string =>
  `${name}:${scopes}:${createHash('sha256').update(name).digest('hex')}:${name}-ltd`;

let engine: TestEngine;
beforeAll(async () => {
  const keys = [entryOf('anna', 'create+read'), entryOf('boris', 'create+read')];
  engine = await startTestEngine({ env: { PAYOUTS_API_KEYS: keys.join() } });
});
afterAll(() => engine.stop());

type Caller = 'anna' | 'boris';
const call = (caller: Caller, method: string, path: string, body?: Json): Promise<Answer> =>
  engine.api(method, path, body, { authorization: `Bearer ${caller}` });

async function create(caller: Caller, changes: Json = {}): Promise<string> {
  const request = payoutRequest(changes);
  expect((await call(caller, 'POST', '/v1/payouts', request)).status).toBeLessThan(300);
  return request.payoutId;
}

async function becomes(payoutId: string, status: string): Promise<Json> {
  const { body } = await untilAnswer(
    () => call('anna', 'GET', `/v1/payouts/${payoutId}`),
    (answer) => answer.body.status === status,
    `${payoutId} as ${status}`,
  );
  return body;
}

async function owed(currency: string): Promise<Json> {
  const { body } = await call('anna', 'GET', '/v1/balances');
  const { owed, owedTo, available } = body.data.find((balance: Json) => balance.currency === currency);
  return { owed, owedTo, available };
}

test("K29: paid, and sent back by the bank: its money is its owner's, pays his next payout, and no other's", async () => {
  const payoutId = await create('anna');
  const { deposit } = await becomes(payoutId, 'awaiting_deposit');
  await engine.control('POST', '/deposits', { currency: 'USDT', amount: deposit.amount });
  const paid = await becomes(payoutId, 'paid');
  expect(paid.owner).toBe('anna-ltd');
  const rest = await owed('CNY');
  await engine.control('POST', `/payouts/${paid.providerPayoutId}/advance`, { status: 'failed' });
  await becomes(payoutId, 'returned');
  const returned = await owed('CNY');
  expect(returned).toMatchObject({
    available: '0.00',
    owedTo: [{ owner: 'anna-ltd', amount: returned.owed }],
  });
  expect(Number(returned.owed) - Number(rest.owed)).toBeCloseTo(5025, 2);

  const others = await create('boris', { funding: 'balance' });
  await becomes(others, 'awaiting_balance');
  const again = await create('anna', { funding: 'balance' });
  await becomes(again, 'paid');
  expect(await owed('CNY')).toEqual(rest);
  expect((await becomes(others, 'awaiting_balance')).owner).toBe('boris-ltd');

  const pool = new Pool({ connectionString: engine.databaseUrl, max: 1 });
  expect(await auditLedger(pool)).toEqual([]);
  await pool.end();
});

test("another owner's payoutId is taken, whatever is asked for under it, and a list can be of one owner", async () => {
  const request = payoutRequest();
  expect((await call('anna', 'POST', '/v1/payouts', request)).status).toBeLessThan(300);
  expect(await call('boris', 'POST', '/v1/payouts', request)).toMatchObject({
    status: 409,
    body: { code: 'PAYOUT_ID_TAKEN' },
  });
  const { body } = await call('boris', 'GET', '/v1/payouts?owner=boris-ltd&limit=100');
  expect(body.data.map(({ owner }: Json) => owner)).toEqual(['boris-ltd']);
});
