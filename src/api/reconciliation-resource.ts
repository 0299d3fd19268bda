import type { z } from 'zod';
import { DISCREPANCIES } from '../domain/discrepancy-descriptions.js';
import { atCurrencyScale } from '../domain/money.js';
import type {
  BalanceComparison,
  Discrepancy,
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
    discrepancies: report.discrepancies.map((discrepancy) => toDiscrepancy(discrepancy, ranAtMs)),
    outside: report.outside.map(toOutsideActivity),
    inFlight,
    balances: report.balances.map(toBalanceComparison),
    compared: { payouts, orders, deposits, balanceTransactions },
  };
}

function toDiscrepancy(discrepancy: Discrepancy, ranAtMs: number) {
  const { kind, object, currency, payoutId, externalOrderId, providerIds, store, provider } = discrepancy;
  const { meaning, action } = DISCREPANCIES[kind];
  return {
    kind,
    object,
    currency,
    payoutId,
    externalOrderId,
    providerIds: [...providerIds],
    store,
    provider,
    since: toTime(discrepancy.sinceMs),
    // The provider's clock may be ahead of ours.
    ageSeconds: Math.max(0, Math.floor((ranAtMs - discrepancy.sinceMs) / 1000)),
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
