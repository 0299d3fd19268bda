import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../src/simulator/server.js';
import { balanceIn, expectBooksToBalance, makeAvailable } from '../support/balances.js';
import {
  CANARY_API_KEY,
  startTestEngine,
  type TestEngine,
  type TestEngineOptions,
} from '../support/engine.js';
import { payoutRequest, type Json } from '../support/engine-client.js';
import { countPayoutsMade } from '../support/provider-view.js';
import { orderFault } from '../support/provider-requests.js';
import { reconcile } from '../support/reconciliation.js';

const WALLET = { type: 'wallet', payerName: 'Example Trading Ltd', addr: 'TExampleRecipientAddress12345' };
const BALANCES = 'GET /api/v1/balances/show';
const ALWAYS = 100_000;

let engine: TestEngine;
let stateDirectory: string;

/** An account that collected this much before there was an engine, and the engine on it. */
async function startOnUsedAccount(
  charges: readonly (readonly [string, string])[],
  options: TestEngineOptions = {},
): Promise<void> {
  stateDirectory = await mkdtemp(join(tmpdir(), 'opening-balance-'));
  const before = await startSimulator({ apiKey: CANARY_API_KEY, stateDirectory });
  for (const [currency, amount] of charges) await chargeAt(before.url, currency, amount);
  await before.close();
  engine = await startTestEngine({ ...options, simulator: { stateDirectory } });
}

/** Money that is collected without the engine. */
async function chargeAt(simulatorUrl: string, currency: string, amount: string): Promise<void> {
  const response = await fetch(`${simulatorUrl}/_simulator/charges`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ currency, amount, credited: true }),
  });
  expect(response.status).toBe(200);
}

const charge = (currency: string, amount: string): Promise<void> =>
  chargeAt(engine.env['QBITPAY_BASE_URL'] ?? '', currency, amount);

afterEach(async () => {
  await engine.stop();
  await rm(stateDirectory, { recursive: true });
});

const fromBalance = (changes: Json): Json => ({ funding: 'balance', ...changes });
const toWallet = (amount: string): Json => fromBalance({ amount, currency: 'USDT', destination: WALLET });

async function openingEntries(): Promise<Json[]> {
  const { body } = await engine.api('GET', '/v1/ledger?limit=100');
  return body.data.filter(({ cause }: Json) => cause === 'opening_balance');
}

test('what the account held before is available, and pays; it is read once, and what is collected later is not', async () => {
  await startOnUsedAccount([
    ['USDT', '1000.123456'],
    ['USDT', '500'],
    ['CNY', '2500.05'],
  ]);
  expect(await balanceIn(engine, 'USDT')).toMatchObject({ available: '1500.123456', ledger: '1500.123456' });
  expect(await balanceIn(engine, 'CNY')).toMatchObject({ available: '2500.05', external: '0.00' });
  const before = await openingEntries();
  const bank = await engine.open(fromBalance({ amount: '2000.00' }));
  expect(await engine.untilStatus(bank.payoutId, 'paid')).toMatchObject({ order: null });
  expect(await balanceIn(engine, 'CNY')).toMatchObject({ available: '490.05' });
  expect(await reconcile(engine)).toMatchObject({ clean: true, outside: [] });

  await charge('USDT', '250');
  await charge('CNY', '99.99');
  await engine.stopWorker();
  await engine.startWorker();
  expect(await openingEntries()).toEqual(before);
  const report = await reconcile(engine);
  expect(report).toMatchObject({ clean: true });
  expect(report.outside.map(({ type, currency, net }: Json) => [type, currency, net]).sort()).toEqual([
    ['charge', 'CNY', '99.99'],
    ['charge', 'USDT', '250.000000'],
  ]);
  expect(await reconcile(engine)).toMatchObject({ clean: true, outside: [] });
  expect(await balanceIn(engine, 'CNY')).toMatchObject({ available: '490.05', external: '99.99' });

  // It needs 1,507.50: what was collected later would do.
  const waiting = await engine.open(toWallet('1500'));
  expect(waiting.status).toBe('awaiting_balance');
  await makeAvailable(engine, 'USDT', '8');
  await engine.untilStatus(waiting.payoutId, 'paid');
  expect(await balanceIn(engine, 'USDT')).toMatchObject({ available: '0.623456', external: '250.000000' });
  await expectBooksToBalance(engine);
});

test('QbitPay is down when the worker starts: it takes tasks all the same, the first sync books the opening, and nobody is told where to deposit before', async () => {
  await startOnUsedAccount([['USDT', '1000']], { worker: false });
  await orderFault(engine, 'status', BALANCES, { status: 503, times: ALWAYS });
  await engine.startWorker();
  expect(await openingEntries()).toEqual([]);
  expect(engine.logLines.filter((line) => line.includes('its balances are read later'))).not.toEqual([]);

  const waiting = await engine.open(toWallet('400'));
  expect(waiting.status).toBe('awaiting_balance');
  const request = payoutRequest({ amount: '2000.00' });
  expect(await engine.api('POST', '/v1/payouts', request)).toMatchObject({
    status: 202,
    body: { status: 'opening', deposit: null },
  });
  await engine.until(request.payoutId, ({ holdReason }) => holdReason === 'PROVIDER_UNAVAILABLE');
  // Nobody can tell it from what was there before.
  await charge('USDT', '77');
  await engine.control('DELETE', '/faults');
  await engine.untilStatus(waiting.payoutId, 'paid');
  expect(await countPayoutsMade(engine, waiting.payoutId)).toBe(1);
  await engine.fund(await engine.untilStatus(request.payoutId, 'awaiting_deposit'));
  expect((await engine.untilStatus(request.payoutId, 'paid')).flags).toEqual([]);
  // No deposit is part of it.
  const [entry, ...others] = await openingEntries();
  expect(others).toEqual([]);
  expect(entry.postings.map(({ account, amount }: Json) => [account, amount])).toEqual([
    ['provider', '1077.000000'],
    ['available', '-1077.000000'],
  ]);
  expect(await reconcile(engine)).toMatchObject({ clean: true, outside: [] });
  expect(await balanceIn(engine, 'USDT')).toMatchObject({ available: '675.000000', external: '0.000000' });
  await expectBooksToBalance(engine);
});
