import type { ReconciliationReport } from '../domain/reconciliation.js';

/** How the comparison of store and provider is run from outside. */
export interface ReconciliationGateway {
  /**
   * Compares now, or joins a comparison that runs, and waits for the report; undefined when it did not finish in time.
   * @throws TemporalUnavailableError
   */
  run(): Promise<ReconciliationReport | undefined>;
}
