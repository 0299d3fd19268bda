import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import { legOf, TransactionIndex, toProviderObjects } from './provider-objects.js';
import { BALANCE_TRANSACTION_TYPE } from './provider-status.js';
import { compareAttempts } from './reconcile-attempts.js';
import { compareDeposits, type UnseenDeposit } from './reconcile-deposits.js';
import { Discrepancies, isZero, sumNets, type Nets } from './reconciliation-discrepancies.js';
import {
  DISCREPANCY_KIND,
  type BalanceComparison,
  type StoreSnapshot,
  type OutsideActivity,
  type ProviderSnapshot,
  type ReconciliationReport,
} from './reconciliation.js';

/**
 * How much further back than the window the provider is to be read. What the store recorded within the window may have
 * come into being before it: a deposit waits for its confirmations, an answer for its reading. The store's snapshot has
 * to reach further back still, so that whatever is read is known.
 */
export const READING_MARGIN_MS = 12 * 60 * 60 * 1000;

export interface ComparisonInput {
  readonly store: StoreSnapshot;
  readonly provider: ProviderSnapshot;
  /** The start of the window: what the store recorded before it is not looked for at the provider. */
  readonly sinceMs: number;
  /** When the reading of the provider began: what the store recorded after that is young, however long the reading took. */
  readonly ranAtMs: number;
  /** How long one side may know more than the other before it is a discrepancy. */
  readonly graceMs: number;
}

export interface ComparisonResult {
  readonly report: ReconciliationReport;
  /** Available at the provider and not in the store, the young ones included. */
  readonly unseenDeposits: readonly UnseenDeposit[];
  /** To be booked to `external`. */
  readonly outside: readonly OutsideActivity[];
}

/**
 * Compares everything that moved money: each payout, order and deposit by its ids, and then the balances, to the last
 * digit. Whatever is reported or under way explains its part of the balances, so that BALANCE_OFF is only what nothing
 * else explains.
 */
export function compareStoreWithProvider(input: ComparisonInput): ComparisonResult {
  const { store, provider, sinceMs, ranAtMs, graceMs } = input;
  const found = new Discrepancies(ranAtMs, graceMs);
  const transactions = new TransactionIndex(provider.transactions, store.outsideTransactionIds);
  const objects = toProviderObjects(provider);
  compareAttempts({ store, objects, transactions, discrepancies: found, sinceMs, graceMs });
  const unseenDeposits = compareDeposits({ store, transactions, discrepancies: found, sinceMs });
  const outside = findOutsideActivity(input, transactions);
  found.explain(sumNets(outside));
  const balances = compareBalances(input, found);
  for (const { currency, ledger, provider: shown, off } of balances) {
    if (isZero(off)) continue;
    found.report({
      kind: DISCREPANCY_KIND.BALANCE_OFF,
      object: 'balance',
      currency,
      payoutId: null,
      externalOrderId: null,
      providerIds: [],
      store: ledger,
      provider: shown,
      sinceMs: ranAtMs,
    });
  }
  const { discrepancies, inFlight } = found;
  const report: ReconciliationReport = {
    ranAtMs,
    sinceMs,
    clean: discrepancies.length === 0,
    discrepancies,
    outside,
    inFlight,
    balances,
    compared: countCompared(provider),
  };
  return { report, unseenDeposits, outside };
}

/** What moved the balances and belongs to nothing in the store, to no `externalOrderId` and to no deposit; oldest first. */
function findOutsideActivity(
  { store, provider, sinceMs }: ComparisonInput,
  transactions: TransactionIndex,
): OutsideActivity[] {
  const read = new Set([...provider.payouts, ...provider.orders].map(({ id }) => id));
  const outside: OutsideActivity[] = [];
  for (const transaction of transactions.untaken) {
    const { id, typeText: type, source, currency, net, createdAtMs } = transaction;
    const leg = legOf(transaction);
    // At the far end of the reading a transaction may be there without its payout, which then says nothing about it.
    const isCutOff =
      (leg === 'payout' || leg === 'order') &&
      source !== undefined &&
      !read.has(source) &&
      createdAtMs < sinceMs;
    if (isCutOff || createdAtMs < store.openedAtMs || isZero(net)) continue;
    outside.push({ balanceTransactionId: id, type, currency, net, createdAtMs });
  }
  return outside;
}

function compareBalances(
  { store, provider }: ComparisonInput,
  discrepancies: Discrepancies,
): BalanceComparison[] {
  const ledgers = sumNets(store.balances.map(({ currency, provider: net }) => ({ currency, net })));
  const shown = sumNets(
    provider.balances.map(({ currency, available, pending }) => {
      return { currency, net: addAmounts(available, pending) };
    }),
  );
  const currencies = new Set([...ledgers.keys(), ...shown.keys(), ...discrepancies.explained.keys()]);
  return [...currencies].sort().map((currency) => {
    const of = (nets: Nets): string => nets.get(currency) ?? '0';
    const beyondLedger = subtractAmounts(of(shown), of(ledgers));
    const unexplained = subtractAmounts(beyondLedger, of(discrepancies.explained));
    const gone = explainByGone(unexplained, discrepancies.goneIn(currency));
    return {
      currency,
      ledger: of(ledgers),
      provider: of(shown),
      explained: addAmounts(of(discrepancies.explained), gone),
      off: subtractAmounts(unexplained, gone),
    };
  });
}

/** Of more transactions than this the combinations are not tried. */
const MAX_COMBINED = 10;

/**
 * How much of it is explained by transactions that are not shown any more: their money may be gone with them, or be
 * there still. Where no combination fits, all of it counts as gone.
 */
function explainByGone(unexplained: string, nets: readonly string[]): string {
  let sums = ['0'];
  if (nets.length <= MAX_COMBINED) {
    for (const net of nets) sums = [...sums, ...sums.map((sum) => addAmounts(sum, net))];
  }
  return sums.find((sum) => compareAmounts(sum, unexplained) === 0) ?? addAmounts('0', ...nets);
}

function countCompared({
  payouts,
  orders,
  transactions,
}: ProviderSnapshot): ReconciliationReport['compared'] {
  return {
    payouts: payouts.length,
    orders: orders.length,
    deposits: transactions.filter(({ type }) => type === BALANCE_TRANSACTION_TYPE.DEPOSIT).length,
    balanceTransactions: transactions.length,
  };
}
