import type { z } from 'zod';
import { DIFFERENCES } from '../domain/difference-descriptions.js';
import { atCurrencyScale } from '../domain/money.js';
import type {
  BalanceComparison,
  Difference,
  OutsideActivity,
  ReconciliationReport,
} from '../domain/reconciliation.js';
import type { reconciliation } from './reconciliation-schemas.js';

export function toReconciliation(report: ReconciliationReport): z.output<typeof reconciliation> {
  const { ranAtMs, sinceMs, clean, inFlight, compared } = report;
  const { payouts, orders, deposits, balanceTransactions } = compared;
  return {
    ranAt: toTime(ranAtMs),
    since: toTime(sinceMs),
    clean,
    differences: report.differences.map((difference) => toDifference(difference, ranAtMs)),
    outside: report.outside.map(toOutsideActivity),
    inFlight,
    balances: report.balances.map(toBalanceComparison),
    compared: { payouts, orders, deposits, balanceTransactions },
  };
}

function toDifference(difference: Difference, ranAtMs: number) {
  const { kind, object, currency, payoutId, externalOrderId, providerIds, book, provider } = difference;
  const { meaning, action } = DIFFERENCES[kind];
  return {
    kind,
    object,
    currency,
    payoutId,
    externalOrderId,
    providerIds: [...providerIds],
    book,
    provider,
    since: toTime(difference.sinceMs),
    // The provider's clock may be ahead of ours.
    ageSeconds: Math.max(0, Math.floor((ranAtMs - difference.sinceMs) / 1000)),
    meaning,
    action,
  };
}

function toOutsideActivity({ balanceTransactionId, type, currency, net, createdAtMs }: OutsideActivity) {
  return {
    balanceTransactionId,
    type,
    currency,
    net: atCurrencyScale(net, currency),
    createdAt: toTime(createdAtMs),
  };
}

function toBalanceComparison({ currency, ledger, provider, explained, off }: BalanceComparison) {
  return {
    currency,
    ledger: atCurrencyScale(ledger, currency),
    provider: atCurrencyScale(provider, currency),
    explained: atCurrencyScale(explained, currency),
    off: atCurrencyScale(off, currency),
  };
}

function toTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
