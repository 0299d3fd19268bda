import type { ActivityDependencies } from '../dependencies.js';
import { runReconciliation } from './reconciliation-run.js';

/** What a comparison came to; the report itself is in the store. */
export interface ReconcileResult {
  readonly reportId: string;
  /** Kinds of the discrepancies, each once; empty when the books are clean. */
  readonly kinds: readonly string[];
  readonly discrepancies: number;
}

/** Compares ledger and payouts with what QbitPay says, both ways. */
export function createReconcile(
  deps: ActivityDependencies,
): (input: { readonly payoutId: null }) => Promise<ReconcileResult> {
  return async function reconcile() {
    const { reportId, report } = await runReconciliation(deps);
    const kinds = [...new Set(report.discrepancies.map(({ kind }) => kind))];
    return { reportId, kinds, discrepancies: report.discrepancies.length };
  };
}
