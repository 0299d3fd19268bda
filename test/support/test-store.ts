import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import type { Assignment, AssignOutcome } from '../../src/store/deposits/assignment.js';
import type { MirrorReader } from '../../src/store/mirror/mirror.js';
import { createStoreDatabase } from '../../src/store/database.js';
import { hintPayouts } from '../../src/store/mirror/workflow-hints.js';
import type { Sender } from '../../src/store/requests/send-guard.js';
import { openStore, type Store } from '../../src/store/store.js';
import { DEFAULT_OWNER } from '../../src/domain/identifiers.js';
import { FUNDING, type PayoutRequest } from '../../src/domain/payout-request.js';
import { DEFAULT_PAYOUT_POLICY } from '../../src/domain/policy.js';
import { FEE_SIDE, type FeeTerms } from '../../src/domain/quote.js';
import { payoutRequest } from './engine-client.js';
import { createMigratedDatabase, newDatabaseName } from './test-database.js';

/** A store of a test's own, with connections beside it that look at what it leaves in PostgreSQL. */
export interface TestStore {
  readonly url: string;
  readonly store: Store;
  readonly sql: Pool;
  close(): Promise<void>;
}

export async function openTestStore(): Promise<TestStore> {
  const opened = attachTestStore(await createMigratedDatabase(newDatabaseName()));
  // Answers were as expected before: any number of payouts may be under way.
  await opened.sql.query(`insert into fee_proofs values ('CNY', 'added'), ('USDT', 'added')`);
  return opened;
}

/** As {@link openTestStore}, on a database that is there. */
export function attachTestStore(url: string): TestStore {
  const store = openStore({ url, onIdleError: () => undefined });
  const sql = new Pool({ connectionString: url, max: 4 });
  sql.on('error', () => undefined);
  return {
    url,
    store,
    sql,
    close: async () => {
      await sql.end();
      await store.close();
    },
  };
}

/** As whatever tells the workflow of a payout to look at the store. */
export async function hintPayout(url: string, payoutId: string): Promise<void> {
  const db = createStoreDatabase({ url, onIdleError: () => undefined });
  await db.transaction().execute((trx) => hintPayouts(trx, [payoutId], 'payoutEvent'));
  await db.destroy();
}

export const FEE_TERMS: FeeTerms = { side: FEE_SIDE.ADDED, payoutRate: '0.005', tradeRate: '0' };

export interface OpeningTerms {
  /** @default 728.000000 */
  readonly baseAmount?: string;
  readonly feeTerms?: FeeTerms;
}

/** The workflow run that carries every payout of {@link acceptPayout}. */
export const RUN_ID = 'run-of-the-test';

/** It may send: its wish for a sync, which nobody made, is granted. */
export const SENDER: Sender = {
  runId: RUN_ID,
  /** Of a process of its own each time. */
  get seen() {
    return { startWish: '0', place: undefined };
  },
};

export interface OpenedPayout {
  readonly payoutId: string;
  readonly request: PayoutRequest;
  /** The unique amount it expects; of a payout from the balance, what it would sell. */
  readonly amount: string;
}

/** What a test wants of a payout. */
export interface PayoutOf extends Partial<PayoutRequest> {
  /** @default default */
  readonly owner?: string;
}

/** Accepts a payout, and has a run claim it. */
export async function acceptPayout(
  store: Pick<Store, 'payouts'>,
  { owner = DEFAULT_OWNER, ...changes }: PayoutOf = {},
): Promise<PayoutRequest> {
  const request: PayoutRequest = payoutRequest(changes);
  const asked = { request, maker: 'test', owner, policy: DEFAULT_PAYOUT_POLICY };
  expect(await store.payouts.accept(asked)).toBe('created');
  await store.payouts.claim(request.payoutId, RUN_ID);
  return request;
}

/** Opens a payout as its workflow would, for its deposit or from the balance, as the request says. */
export async function openPayout(
  store: Store,
  changes: PayoutOf = {},
  { baseAmount = '728.000000', feeTerms = FEE_TERMS }: OpeningTerms = {},
): Promise<OpenedPayout> {
  const request = await acceptPayout(store, changes);
  const { payoutId } = request;
  const quoted = { baseAmount, feeTerms, estimatedPrice: '6.97', minimum: null };
  const outcome =
    request.funding === FUNDING.BALANCE
      ? await store.payouts.openFromBalance(payoutId, quoted)
      : await store.payouts.openForDeposit(payoutId, {
          ...quoted,
          network: 'TRC20',
          address: '0xA',
          deadlineSeconds: 3_600,
          tailDigits: 5,
        });
  if (outcome === undefined) throw new Error('no amount was free');
  return { payoutId, request, amount: outcome.deposit?.amount ?? baseAmount };
}

/** Money comes in, announced with its transaction, and is given to whom it is certain to be for. Answers with its id. */
export async function deposit(
  store: Store,
  amount: string,
  { depositId = `dep-${randomUUID()}`, currency = 'USDT', txHash = null as string | null } = {},
): Promise<string> {
  await store.deposits.noteDeposit({
    providerDepositId: depositId,
    txHash,
    currency,
    amount,
    address: '0xA',
  });
  await showDeposit(store, { depositId, currency, amount });
  return depositId;
}

/** A reading of QbitPay shows the money of a deposit. */
export async function showDeposit(
  store: Store,
  {
    depositId,
    currency,
    amount,
  }: { readonly depositId: string; readonly currency: string; readonly amount: string },
): Promise<void> {
  const reader = await readerOf(store);
  const transaction = {
    kind: 'transaction',
    providerId: `bt-${depositId}`,
    externalOrderId: null,
    source: depositId,
    type: 'deposit',
    status: 'available',
    currency,
    amount,
    content: { createdAt: new Date().toISOString() },
    problem: null,
    isOpen: false,
  } as const;
  await reader.recordPage('transaction', { objects: [transaction], readAt: await store.mirror.readClock() });
}

/** As the settings are by default. */
export const READER_RULES = { depositProof: 'balance_transaction', isAccountShared: false } as const;

const readers = new WeakMap<Store, Promise<MirrorReader>>();

/** The one reader of QbitPay that a store has; the account was empty when it was opened. */
export function readerOf(store: Store): Promise<MirrorReader> {
  const reader = readers.get(store) ?? openAccount(store);
  readers.set(store, reader);
  return reader;
}

async function openAccount({ mirror }: Store): Promise<MirrorReader> {
  await mirror.openAccount({ balances: [], transactions: [], readAt: await mirror.readClock() });
  return mirror.asReader(await mirror.takeGeneration(), READER_RULES);
}

/** Puts money into the available balance. */
export async function addAvailable(store: Store, currency: string, amount: string): Promise<void> {
  await assign(store, await deposit(store, amount, { currency }), 'available');
}

/** A person says whose a deposit is. */
export async function assign(store: Store, depositId: string, to: Assignment): Promise<AssignOutcome> {
  const [outcome] = await store.deposits.assignDeposits([{ depositId, to }], 'test');
  return outcome!;
}

export async function availableBalance(store: Store, currency: string): Promise<string> {
  const balances = await store.ledger.readBalances();
  return balances.find((balance) => balance.currency === currency)?.available ?? '0';
}

/** What an owner is owed in a currency. */
export async function owedBalance(store: Store, currency: string, owner = DEFAULT_OWNER): Promise<string> {
  const balances = await store.ledger.readBalances();
  const owedTo = balances.find((balance) => balance.currency === currency)?.owedTo ?? [];
  return owedTo.find((one) => one.owner === owner)?.amount ?? '0';
}

/**
 * As many as the store has connections. More at once wait for one, and are told after 5 s that there is none: on a busy
 * machine that is soon.
 */
const CONNECTIONS = 20;

/**
 * Runs the tasks in their order, so many at a time, and answers with what each answered.
 * @throws what the first one that failed threw
 */
export async function runConcurrently<T>(
  tasks: readonly (() => Promise<T>)[],
  workers = CONNECTIONS,
): Promise<T[]> {
  const results: T[] = [];
  const queue = tasks.entries();
  const work = async (): Promise<void> => {
    for (const [index, task] of queue) results[index] = await task();
  };
  await Promise.all(Array.from({ length: workers }, work));
  return results;
}
