import { Comparison, type CaseKey } from '../../src/domain/comparison.js';
import { compareBalances, compareCase } from '../../src/domain/reconcile.js';
import type { ReconciliationReport } from '../../src/domain/reconciliation.js';
import type { ReconciliationSnapshot } from '../../src/store/reconciliation/reconciliation.js';
import type { ActivityDependencies, ActivitySettings } from '../dependencies.js';
import { awaitFreshSync, PATIENT_SYNC_TIMEOUT_MS } from '../provider/at-provider.js';

export type ReconciliationDependencies = Pick<ActivityDependencies, 'store'> & {
  readonly settings: Pick<ActivitySettings, 'reconciliation'>;
};

export interface ReconciliationRun {
  readonly report: ReconciliationReport;
  /** What the next run has to look at again. */
  readonly open: readonly CaseKey[];
}

/**
 * Compares the store with the mirror of QbitPay both ways, and writes nothing. `isFull`: everything since the opening of the
 * account, and not only what may have changed since the run before.
 * @throws NotReadError
 */
export async function compareWithMirror(
  { store, settings }: ReconciliationDependencies,
  scope: { readonly isFull: boolean },
): Promise<ReconciliationRun> {
  const graceMs = settings.reconciliation.graceSeconds * 1_000;
  return store.reconciliation.withSnapshot(scope, (snapshot) => compareSnapshot(snapshot, graceMs));
}

/** Books what nobody else would (outside activity), and keeps the report: answers with its id. */
export async function recordRun(
  { store }: Pick<ReconciliationDependencies, 'store'>,
  { report, open }: ReconciliationRun,
): Promise<string> {
  await store.reconciliation.recordOutsideActivity(report.outside);
  return store.reconciliation.storeReport(report, open);
}

async function compareSnapshot(
  { times, sinceMs, cases, balances }: ReconciliationSnapshot,
  graceMs: number,
): Promise<ReconciliationRun> {
  const comparison = new Comparison({ ...times, graceMs });
  for await (const batch of cases) for (const one of batch) compareCase(comparison, one);
  const compared = compareBalances(comparison, balances);
  const { discrepancies, inFlight, open } = comparison;
  const report: ReconciliationReport = {
    ranAtMs: times.ranAtMs,
    readAtMs: times.syncedAtMs,
    sinceMs,
    clean: discrepancies.length === 0,
    discrepancies,
    // Oldest first: what came in is booked before it went out again.
    outside: comparison.outside.toSorted((one, other) => one.createdAtMs - other.createdAtMs),
    inFlight,
    balances: compared,
    compared: comparison.compared,
  };
  return { report, open };
}

/**
 * Resolves when the syncs have read everything anew.
 * @throws ApplicationFailure `PROVIDER_UNAVAILABLE` when a sync fails meanwhile, or none comes to its end in time
 */
export async function awaitReread({ store }: Pick<ReconciliationDependencies, 'store'>): Promise<void> {
  await store.mirror.wishForReread();
  do {
    await awaitFreshSync({ store }, 'everything is read anew', undefined, PATIENT_SYNC_TIMEOUT_MS);
  } while ((await store.mirror.readLists()).some(({ rereadFrom }) => rereadFrom !== null));
}
