import { mkdtemp, readFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openStore, type Store } from '../src/store/store.js';
import type { PayoutRequest } from '../src/domain/payout-request.js';
import { DEFAULT_PAYOUT_POLICY } from '../src/domain/policy.js';
import { FEE_SIDE } from '../src/domain/quote.js';
import { startEmbeddedPostgres } from '../src/embedded/postgres.js';
import { openStateDirectory } from '../src/embedded/state-directory.js';
import { fillWithPastPayouts } from './past-payouts.js';

/**
 * How many deposits per second are given to their payouts, by how many payouts the store has seen before: the rate
 * must not depend on it. The books of all sizes stand side by side and are measured in turns, so that whatever else
 * the computer does meanwhile slows all of them down alike.
 */

const SIZES = [1_000, 10_000, 100_000];
const ROUNDS = 7;
const ALLOCATIONS_PER_ROUND = 300;
const WORKERS = 8;

const QUIET = { info: () => undefined, warn: () => undefined };

interface Contender {
  readonly size: number;
  readonly database: string;
  readonly store: Store;
  /** Allocations per second, round by round. */
  readonly rates: number[];
}

async function main(): Promise<void> {
  const given = process.env['TEST_POSTGRES_URL'];
  const server = given === undefined ? await startServer() : { url: given, stop: () => Promise.resolve() };
  const contenders: Contender[] = [];
  try {
    await printSettings(server.url, given === undefined);
    for (const size of SIZES) contenders.push(await prepare(server.url, size));
    // The first round warms everything up and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const contender of contenders) {
        const rate = await measure(contender.store, round);
        if (round > 0) contender.rates.push(rate);
      }
    }
    for (const { size, rates } of contenders) printRates(size, rates);
    printChange(contenders);
  } finally {
    for (const { store, database } of contenders) {
      await store.close();
      await runOn(server.url, (client) => client.query(`drop database ${database}`));
    }
    await server.stop();
  }
}

async function startServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'qbitpay-payouts-bench-'));
  const directory = await openStateDirectory({ path, log: QUIET });
  // Without fsync: the store's own work is measured, not the disk.
  const postgres = await startEmbeddedPostgres({ stateDirectory: path, durable: false, log: QUIET });
  return {
    url: postgres.url,
    stop: async () => {
      await postgres.stop();
      await directory.remove();
    },
  };
}

async function printSettings(url: string, isEmbedded: boolean): Promise<void> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const settings = await runOn(url, async (client) => {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings
       where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')`,
    );
    return rows.map(({ name, setting }) => `${name} ${setting}`).join(', ');
  });
  console.log(
    `qbitpay-payouts ${version}, Node.js ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`,
  );
  console.log(`PostgreSQL (${isEmbedded ? 'embedded' : 'TEST_POSTGRES_URL'}): ${settings}`);
  console.log(`${ROUNDS} rounds of ${ALLOCATIONS_PER_ROUND} allocations per size, ${WORKERS} at a time`);
}

async function prepare(serverUrl: string, size: number): Promise<Contender> {
  const database = `bench_${process.pid}_${size}`;
  await runOn(serverUrl, (client) => client.query(`create database ${database}`));
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  const store = openStore({ url: url.href, onIdleError: () => undefined });
  await store.migrate();
  const startedAt = performance.now();
  await runOn(url.href, (client) => fillWithPastPayouts(client, size));
  console.log(`filled with ${size} payouts in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return { size, database, store, rates: [] };
}

async function runOn<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Opens payouts and announces their deposits; what is timed is that each is booked and given to its payout. */
async function measure(store: Store, round: number): Promise<number> {
  const names = Array.from({ length: ALLOCATIONS_PER_ROUND }, (_, index) => `round-${round}-${index}`);
  await forAll(names, (name) => openWithNotice(store, name));
  await store.mirror.openAccount({ balances: [], transactions: [], readAt: await store.mirror.readClock() });
  const reader = store.mirror.asReader(await store.mirror.takeGeneration(), {
    depositProof: 'balance_transaction',
    isAccountShared: false,
  });
  const startedAt = performance.now();
  await forAll(names, async (name) => {
    const { deposit } = await store.payouts.getPayout(name);
    if (deposit === null) throw new Error(`${name} was not opened`);
    await reader.recordPage('transaction', {
      objects: [toTransaction(name, deposit)],
      readAt: await store.mirror.readClock(),
    });
  });
  return names.length / ((performance.now() - startedAt) / 1_000);
}

async function openWithNotice(store: Store, payoutId: string): Promise<void> {
  const request: PayoutRequest = {
    payoutId,
    amount: '5000.00',
    currency: 'CNY',
    amountMode: 'receive',
    fundingCurrency: 'USDT',
    destination: { type: 'bankAccount', payerName: 'Example', bankAccountNum: '1', bankName: 'Example' },
  };
  await store.payouts.accept({ request, maker: 'bench', owner: 'bench', policy: DEFAULT_PAYOUT_POLICY });
  const opened = await store.payouts.openForDeposit(payoutId, {
    network: 'TRC20',
    address: '0xA',
    deadlineSeconds: 3_600,
    baseAmount: '500.000000',
    feeTerms: { side: FEE_SIDE.ADDED, payoutRate: '0.005', tradeRate: '0' },
    estimatedPrice: '7',
    minimum: null,
    tailDigits: 5,
  });
  if (opened?.deposit == null) throw new Error(`${payoutId} was not opened`);
  const { currency, amount } = opened.deposit;
  const names = { providerDepositId: `dep-${payoutId}`, txHash: `0x${payoutId}` };
  await store.deposits.noteDeposit({ ...names, currency, amount, address: '0xA' });
}

function toTransaction(
  payoutId: string,
  { currency, amount }: { readonly currency: string; readonly amount: string },
) {
  return {
    kind: 'transaction',
    providerId: `bt-${payoutId}`,
    externalOrderId: null,
    source: `dep-${payoutId}`,
    type: 'deposit',
    status: 'available',
    currency,
    amount,
    content: { createdAt: new Date().toISOString() },
    problem: null,
    isOpen: false,
  } as const;
}

async function forAll(names: readonly string[], run: (name: string) => Promise<void>): Promise<void> {
  const queue = names.values();
  const work = async (): Promise<void> => {
    for (const name of queue) await run(name);
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

function printRates(size: number, rates: readonly number[]): void {
  const range = `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)}`;
  console.log(
    `${String(size).padStart(7)} past payouts: ${median(rates).toFixed(0)} allocations/s (${range})`,
  );
}

function printChange(contenders: readonly Contender[]): void {
  const [smallest, largest] = [contenders[0], contenders.at(-1)].map((one) => median(one?.rates ?? []));
  const change = ((largest ?? 0) / (smallest ?? 1) - 1) * 100;
  console.log(`from the smallest to the largest store the rate changes by ${change.toFixed(1)} %`);
}

await main();
