import type { MentionedObjects } from '../../src/store/reconciliation/reconciliation.js';
import { READING_MARGIN_MS, compareStoreWithProvider } from '../../src/domain/reconcile.js';
import type { ProviderSnapshot, ReconciliationReport } from '../../src/domain/reconciliation.js';
import type { BalanceTransaction, Order, Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { ensureAccountOpened } from '../provider/account-opening.js';
import { readStandingBalances } from '../provider/provider-balances.js';

const DAY_MS = 86_400_000;

export interface ReconciliationRun {
  readonly reportId: string;
  readonly report: ReconciliationReport;
}

export type ReconciliationDependencies = Pick<ActivityDependencies, 'store' | 'qbitpay' | 'settings'>;

/**
 * Compares the store with the provider both ways, books what nobody else would (outside activity, returned money
 * whose workflow is gone), asks for a sync where the store lacks a deposit, and keeps the report.
 */
export async function runReconciliation(deps: ReconciliationDependencies): Promise<ReconciliationRun> {
  const { store, settings } = deps;
  const ranAtMs = Date.now();
  const sinceMs = ranAtMs - settings.reconciliation.windowDays * DAY_MS;
  await ensureAccountOpened(deps);
  const provider = await readProvider(deps, sinceMs - READING_MARGIN_MS);
  // Read last, so that it knows whatever the provider has shown.
  const snapshot = await store.reconciliation.readStoreSnapshot(sinceMs, mentionedBy(provider));
  const graceMs = settings.reconciliation.graceSeconds * 1_000;
  const { report, unseenDeposits, outside } = compareStoreWithProvider({
    store: snapshot,
    provider,
    sinceMs,
    ranAtMs,
    graceMs,
  });
  if (unseenDeposits.length > 0) await store.mirror.wishForSync('reconciliation saw a deposit');
  await store.reconciliation.recordOutsideActivity(outside);
  return { reportId: await store.reconciliation.storeReport(report), report };
}

function mentionedBy({ payouts, orders, transactions }: ProviderSnapshot): MentionedObjects {
  const objects = [...payouts, ...orders];
  return {
    providerIds: [...objects.map(({ id }) => id), ...transactions.flatMap(({ source }) => source ?? [])],
    externalOrderIds: objects.flatMap(({ externalOrderId }) => externalOrderId ?? []),
    balanceTransactionIds: transactions.map(({ id }) => id),
  };
}

async function readProvider(
  { store, qbitpay }: ReconciliationDependencies,
  fromMs: number,
): Promise<ProviderSnapshot> {
  const { balances, newest } = await readStandingBalances(qbitpay);
  await store.ledger.recordBalanceReading(balances);
  const olderThan = newest.at(-1)?.id;
  const older =
    olderThan === undefined ? [] : qbitpay.iterateBalanceTransactions({}, { startingAfter: olderThan });
  return {
    balances,
    transactions: [...newest, ...(await readSince(older, fromMs))].reverse().map(toTransaction),
    payouts: (await readSince(qbitpay.iteratePayouts(), fromMs)).map(toPayout),
    orders: (await readSince(qbitpay.iterateOrders(), fromMs)).map(toOrder),
  };
}

interface Dated {
  readonly id: string;
  readonly createdAt?: string | undefined;
}

/** Lists shift while they are paged through: what comes twice counts once. */
async function readSince<T extends Dated>(
  items: AsyncIterable<T> | Iterable<T>,
  fromMs: number,
): Promise<T[]> {
  const found = new Map<string, T>();
  for await (const item of items) {
    if (item.createdAt !== undefined && Date.parse(item.createdAt) < fromMs) break;
    found.set(item.id, item);
  }
  return [...found.values()];
}

/** [I] An order may not say when it was made: then it is as young as can be. */
function createdAtMsOf({ createdAt }: Pick<Dated, 'createdAt'>): number {
  return createdAt === undefined ? Date.now() : Date.parse(createdAt);
}

function toTransaction(transaction: BalanceTransaction): ProviderSnapshot['transactions'][number] {
  const { id, type, typeText, source, currency, amount, net = amount, status } = transaction;
  return { id, type, typeText, source, currency, net, status, createdAtMs: createdAtMsOf(transaction) };
}

function toPayout(payout: Payout): ProviderSnapshot['payouts'][number] {
  const { id, externalOrderId, currency, amount, fee, status } = payout;
  return { id, externalOrderId, currency, amount, fee, status, createdAtMs: createdAtMsOf(payout) };
}

function toOrder(order: Order): ProviderSnapshot['orders'][number] {
  const { id, externalOrderId, symbol, amount, quoteAmount = '0', fee = '0', status } = order;
  return { id, externalOrderId, symbol, amount, quoteAmount, fee, status, createdAtMs: createdAtMsOf(order) };
}
