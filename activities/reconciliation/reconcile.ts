import type { ActivityDependencies } from '../dependencies.js';
import { awaitFreshSync, PATIENT_SYNC_TIMEOUT_MS } from '../provider/at-provider.js';
import { compareWithMirror, recordRun } from './reconciliation-run.js';

/** What a comparison came to; the report itself is in the store. */
export interface ReconcileResult {
  readonly reportId: string;
  /** Kinds of the discrepancies, each once; empty when the books are clean. */
  readonly kinds: readonly string[];
  readonly discrepancies: number;
}

/** Compares ledger and payouts with what QbitPay says now, both ways. */
export function createReconcile(
  deps: ActivityDependencies,
): (input: { readonly payoutId: null }) => Promise<ReconcileResult> {
  return async function reconcile() {
    await awaitFreshSync(deps, 'reconciliation', undefined, PATIENT_SYNC_TIMEOUT_MS);
    const run = await compareWithMirror(deps, { isFull: false });
    const { discrepancies } = run.report;
    const kinds = [...new Set(discrepancies.map(({ kind }) => kind))];
    return { reportId: await recordRun(deps, run), kinds, discrepancies: discrepancies.length };
  };
}
