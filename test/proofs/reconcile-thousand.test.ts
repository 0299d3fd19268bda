import { toOrderRecord } from '../../activities/payouts/order-movement.js';
import { runSync, type SyncParts } from '../../activities/provider/sync-run.js';
import { compareWithMirror } from '../../activities/reconciliation/reconciliation-run.js';
import type { ReconciliationReport } from '../../src/domain/reconciliation.js';
import type { SettlementReading } from '../../src/store/requests/settlements.js';
import type { RequestOperation } from '../../src/store/schema.js';
import type { Destination } from '../../src/domain/destination.js';
import { addAmounts } from '../../src/domain/money.js';
import type { PayoutRequest } from '../../src/domain/payout-request.js';
import { amountToSell, costOfPayout } from '../../src/domain/quote.js';
import { createStaticApiKey } from '../../src/qbitpay/api-key.js';
import { createQbitPayClient, type QbitPayClient } from '../../src/qbitpay/client.js';
import { startSimulator, type Simulator } from '../../src/simulator/server.js';
import { CANARY_API_KEY } from '../support/engine.js';
import { createEngineClient, type EngineClient, type Json } from '../support/engine-client.js';
import {
  FEE_TERMS,
  openPayout,
  openTestStore,
  SENDER,
  runConcurrently,
  type TestStore,
} from '../support/test-store.js';
import { takeSync } from '../support/sync-parts.js';

/*
 * A thousand finished payouts, driven through store and provider as the activities do, without Temporal: that many
 * workflows would take minutes.
 */
/** More of them would only wait for the ledger's lock. */
const WORKERS = 4;
const BID = '6.97';

const WALLET: Destination = { type: 'wallet', payerName: 'Example Ltd', addr: 'TExampleWalletAddress12345' };

interface Kind {
  readonly count: number;
  readonly request: Partial<PayoutRequest>;
  /** How the provider ends it. */
  readonly outcome: 'paid' | 'failed' | 'cancelled';
}

const WALLET_PAYOUT: Partial<PayoutRequest> = { currency: 'USDT', destination: WALLET };

/** Every kind has an amount of its own, by which the provider is told how to end it. */
const KINDS: readonly Kind[] = [
  { count: 150, request: { amount: '5000.00', currency: 'CNY' }, outcome: 'paid' },
  { count: 50, request: { amount: '5001.00', currency: 'CNY' }, outcome: 'failed' },
  { count: 100, request: { ...WALLET_PAYOUT, amount: '250.000000' }, outcome: 'paid' },
  { count: 50, request: { ...WALLET_PAYOUT, amount: '251.000000' }, outcome: 'cancelled' },
  { count: 600, request: { ...WALLET_PAYOUT, amount: '252.000000', funding: 'balance' }, outcome: 'paid' },
  { count: 50, request: { ...WALLET_PAYOUT, amount: '253.000000', funding: 'balance' }, outcome: 'failed' },
];

/** In the account before the engine used it: what the balance-funded payouts are paid from. */
const OPENING = 170_000;

let simulator: Simulator;
let control: EngineClient['control'];
let qbitpay: QbitPayClient;
let testStore: TestStore;
let payoutIds: readonly string[];
let parts: SyncParts;

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: CANARY_API_KEY });
  ({ control } = createEngineClient('http://127.0.0.1:1', simulator.url));
  await control('PATCH', '/settings', { settlement: 'manual', quoteValidityMs: 600_000 });
  await control('POST', '/deposits', { currency: 'USDT', amount: OPENING });
  qbitpay = createQbitPayClient({ baseUrl: simulator.url, apiKey: createStaticApiKey(CANARY_API_KEY) });
  await qbitpay.getTicker({ symbol: 'USDT/CNY', side: 'bid' });
  testStore = await openTestStore();
  parts = await takeSync(testStore.store, qbitpay, { intervalMs: 10_000, overlapSeconds: 900 });
  await sync();
  payoutIds = await carryThrough();
});
afterAll(async () => {
  await testStore.close();
  qbitpay.close();
  await simulator.close();
});

let last = Promise.resolve();
let next: Promise<void> | undefined;
/** One after the other: who asks while one runs shares the next. */
function sync(): Promise<void> {
  next ??= last.then(async () => {
    next = undefined;
    expect(await runSync(parts)).toMatchObject({ isComplete: true });
  });
  return (last = next);
}

async function carryThrough(): Promise<string[]> {
  const opened: Opened[] = [];
  const tasks: (() => Promise<unknown>)[] = [];
  for (const { count, request, outcome } of KINDS) {
    await control('POST', '/outcomes', { outcome, amount: Number(request.amount), times: count });
    for (let number = 0; number < count; number += 1) {
      tasks.push(async () => opened.push(await openOne(request)));
    }
  }
  await runConcurrently(tasks, WORKERS);
  await sync();
  await runConcurrently(
    opened.map((one) => () => carryOne(one)),
    WORKERS,
  );
  await control('POST', '/settle');
  await recordEnds();
  return opened.map(({ payoutId }) => payoutId);
}

interface Opened {
  readonly payoutId: string;
  readonly request: Partial<PayoutRequest>;
  readonly baseAmount: string;
  /** Undefined for one that is paid from the balance. */
  readonly depositId: string | undefined;
}

async function openOne(request: Partial<PayoutRequest>): Promise<Opened> {
  const { currency = '', amount = '' } = request;
  const cost = costOfPayout(amount, currency, FEE_TERMS);
  const isSold = currency !== 'USDT';
  const baseAmount = isSold
    ? amountToSell(cost, BID, { currency, fundingCurrency: 'USDT' }, FEE_TERMS)
    : cost;
  const { payoutId, amount: expected } = await openPayout(testStore.store, request, { baseAmount });
  const opened = { payoutId, request, baseAmount };
  if (request.funding === 'balance') return { ...opened, depositId: undefined };
  const deposit = { currency: 'USDT', amount: Number(expected) };
  return { ...opened, depositId: (await control('POST', '/deposits', deposit)).id };
}

/** Deposit → order, where there is something to sell → payout. */
async function carryOne({ payoutId, request, baseAmount, depositId }: Opened): Promise<void> {
  const { deposits } = testStore.store;
  if (depositId !== undefined)
    expect(await deposits.findDeposit(depositId)).toMatchObject({ status: 'allocated' });
  const { currency, amount = '' } = request;
  if (currency !== 'USDT') await sell(payoutId, baseAmount);
  await pay(payoutId, request, amount);
}

async function sell(payoutId: string, amount: string): Promise<void> {
  const { requests } = testStore.store;
  await claim('order', payoutId);
  const order = await qbitpay.createOrder({
    ...{ symbol: 'USDT/CNY', side: 'sell', amount, price: BID, externalOrderId: payoutId },
  });
  await requests.accept(payoutId, toOrderRecord(payoutId, order));
  await requests.recordExecution(payoutId, toOrderRecord(payoutId, order));
}

async function pay(payoutId: string, request: Partial<PayoutRequest>, amount: string): Promise<void> {
  const { currency = '', destination = BANK_ACCOUNT } = request;
  await claim('payout', payoutId);
  const payout = await qbitpay.createPayout({ amount, currency, destination, externalOrderId: payoutId });
  await testStore.store.requests.accept(payoutId, {
    externalOrderId: payoutId,
    providerPayoutId: payout.id,
    currency,
    postAmount: amount,
    recipientAmount: payout.amount,
    fee: payout.fee,
    status: payout.status,
  });
}

const BANK_ACCOUNT: Destination = {
  type: 'bankAccount',
  payerName: 'Example Ltd',
  bankAccountNum: '6222020200112233445',
  bankName: 'Example Bank',
};

async function claim(operation: RequestOperation, externalOrderId: string): Promise<void> {
  const { requests } = testStore.store;
  const providerRequest = { operation, externalOrderId };
  await requests.prepare(externalOrderId, providerRequest, 'sending');
  const sends = await requests.claim(providerRequest, SENDER, { amount: '1', currency: 'CNY' });
  if (typeof sends !== 'number') throw new Error(`${operation} ${externalOrderId} may not be sent`);
}

const OUTCOMES: Readonly<Record<string, SettlementReading['outcome']>> = {
  paid: { status: 'paid', detail: 'settled' },
  failed: { status: 'failed', detail: 'failed' },
  cancelled: { status: 'cancelled', detail: 'cancelled' },
};

/** What the mirror says of each payout, and the money that came back. */
async function recordEnds(): Promise<void> {
  const { requests } = testStore.store;
  await sync();
  const shown = async (types: string): Promise<Json[]> =>
    (await testStore.sql.query(`select content from provider_objects where ${types}`)).rows.map(
      ({ content }) => content,
    );
  const payouts = await shown("kind = 'payout'");
  const ownerOf = new Map(payouts.map(({ id, externalOrderId }) => [id, externalOrderId]));
  const ends = payouts.map(({ id, externalOrderId, currency, amount, fee, status }) => () => {
    const reading = { providerPayoutId: id, currency, recipientAmount: amount, fee, status };
    return requests.recordSettlement(externalOrderId, { ...reading, outcome: OUTCOMES[status] ?? null });
  });
  await runConcurrently(ends, WORKERS);
  const returns = await shown("type in ('payout_failure', 'payout_cancel')");
  await runConcurrently(
    returns.map(({ id, source, currency, amount, net = amount }) => () => {
      const reading = { providerPayoutId: source, balanceTransactionId: id, currency, net };
      return requests.recordReturn(ownerOf.get(source) ?? '', reading);
    }),
    WORKERS,
  );
}

async function reconcile(): Promise<ReconciliationReport> {
  await sync();
  const settings = { reconciliation: { graceSeconds: 0 } };
  return (await compareWithMirror({ store: testStore.store, settings }, { isFull: true })).report;
}

test('a thousand payouts, paid, failed and cancelled, are clean to the last digit', async () => {
  const report = await reconcile();
  expect(report).toMatchObject({ clean: true, discrepancies: [], outside: [], inFlight: 0 });
  expect(report.compared).toEqual({
    payouts: 1000,
    orders: 200,
    deposits: 351,
    // Deposits, both sides of the orders, payouts, and what came back.
    balanceTransactions: 351 + 2 * 200 + 1000 + 150,
  });
  expect(report.balances).toHaveLength(2);
  for (const { ledger, provider, explained, off } of report.balances) {
    expect({ explained, off }).toEqual({ explained: '0', off: '0' });
    expect(ledger).toBe(provider);
  }
});

test('one digit of one payout, in the middle of all pages, is found', async () => {
  const payoutId = payoutIds[515] ?? '';
  const { providerPayout, currency } = await testStore.store.payouts.getPayout(payoutId);
  const { providerPayoutId = '', recipientAmount = '' } = providerPayout ?? {};
  const provider = addAmounts(recipientAmount, '0.01');
  await control('POST', `/payouts/${providerPayoutId}/overwrite`, { amount: Number(provider) });
  await testStore.store.mirror.wishForSync('a test', { kind: 'payout', providerId: providerPayoutId });
  const report = await reconcile();
  expect(report.clean).toBe(false);
  expect(report.discrepancies).toEqual([
    {
      kind: 'AMOUNT_DIFFERS',
      object: 'payout',
      currency,
      payoutId,
      externalOrderId: payoutId,
      providerIds: [providerPayoutId],
      store: recipientAmount,
      provider,
      sinceMs: expect.any(Number),
    },
  ]);
});
