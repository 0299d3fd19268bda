import { Comparison, isZero, sumNets, type ComparisonInput, type Nets } from './comparison.js';
import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import { legOf, toProviderObjects } from './provider-objects.js';
import { BALANCE_TRANSACTION_TYPE } from './provider-status.js';
import { compareAttempts } from './reconcile-attempts.js';
import { compareDeposits, type UnseenDeposit } from './reconcile-deposits.js';
import {
  DISCREPANCY_KIND,
  type BalanceComparison,
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
  const { provider, sinceMs, ranAtMs } = input;
  const comparison = new Comparison(input);
  compareAttempts(comparison, toProviderObjects(provider));
  const unseenDeposits = compareDeposits(comparison);
  const outside = findOutsideActivity(comparison, provider);
  comparison.explain(sumNets(outside));
  const balances = compareBalances(comparison, provider);
  for (const { currency, ledger, provider: shown, off } of balances) {
    if (isZero(off)) continue;
    const amounts = { currency, store: ledger, provider: shown };
    comparison.report({
      kind: DISCREPANCY_KIND.BALANCE_OFF,
      object: 'balance',
      ...amounts,
      sinceMs: ranAtMs,
    });
  }
  const { discrepancies, inFlight } = comparison;
  const { payouts, orders, transactions } = provider;
  const compared = {
    payouts: payouts.length,
    orders: orders.length,
    deposits: transactions.filter(({ type }) => type === BALANCE_TRANSACTION_TYPE.DEPOSIT).length,
    balanceTransactions: transactions.length,
  };
  const clean = discrepancies.length === 0;
  const report = { ranAtMs, sinceMs, clean, discrepancies, outside, inFlight, balances, compared };
  return { report, unseenDeposits, outside };
}

/** What moved the balances and belongs to nothing in the store, to no `externalOrderId` and to no deposit; oldest first. */
function findOutsideActivity(comparison: Comparison, provider: ProviderSnapshot): OutsideActivity[] {
  const { transactions, sinceMs } = comparison;
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
    if (isCutOff || comparison.isOfOpening(transaction) || isZero(net)) continue;
    outside.push({ balanceTransactionId: id, type, currency, net, createdAtMs });
  }
  return outside;
}

function compareBalances(
  { store, explained, gone }: Comparison,
  provider: ProviderSnapshot,
): BalanceComparison[] {
  const ledgers = sumNets(store.balances.map(({ currency, provider: net }) => ({ currency, net })));
  const shown = sumNets(
    provider.balances.map(({ currency, available, pending }) => {
      return { currency, net: addAmounts(available, pending) };
    }),
  );
  const currencies = new Set([...ledgers.keys(), ...shown.keys(), ...explained.keys()]);
  return [...currencies].sort().map((currency) => {
    const of = (nets: Nets): string => nets.get(currency) ?? '0';
    const beyondLedger = subtractAmounts(of(shown), of(ledgers));
    const unexplained = subtractAmounts(beyondLedger, of(explained));
    const ownGone = gone.filter((one) => one.currency === currency).map(({ net }) => net);
    const byGone = explainByGone(unexplained, ownGone);
    return {
      currency,
      ledger: of(ledgers),
      provider: of(shown),
      explained: addAmounts(of(explained), byGone),
      off: subtractAmounts(unexplained, byGone),
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
