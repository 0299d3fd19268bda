import { heartbeat } from '@temporalio/activity';
import { QbitPayError } from '../../src/qbitpay/errors.js';
import type { ActivityDependencies } from '../dependencies.js';
import { toReadFailure } from '../failure-mapping.js';
import { runReconciliation } from './reconciliation-run.js';

/** What a comparison came to; the report itself is in the store. */
export interface ReconcileResult {
  readonly reportId: string;
  /** Kinds of the discrepancies, each once; empty when the books are clean. */
  readonly kinds: readonly string[];
  readonly discrepancies: number;
  readonly wake: readonly string[];
}

/** Compares ledger and payouts with what QbitPay says, both ways. */
export function createReconcile(deps: ActivityDependencies) {
  return async function reconcile(): Promise<ReconcileResult> {
    try {
      const { reportId, report, wake } = await runReconciliation(deps, () => heartbeat());
      const kinds = [...new Set(report.discrepancies.map(({ kind }) => kind))];
      return { reportId, kinds, discrepancies: report.discrepancies.length, wake };
    } catch (error) {
      throw error instanceof QbitPayError ? toReadFailure(error) : error;
    }
  };
}
