import { BalancesMovingError } from '../../activities/provider/provider-balances.js';
import { runReconciliation } from '../../activities/reconciliation/reconciliation-run.js';
import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import type { ReconciliationReport } from '../domain/reconciliation.js';
import { createProviderClient, openMigratedStore, toActivitySettings } from './create-parts.js';
import { withLocalEngine, type LocalEnvironment } from './local-engine.js';
import { readFlags, runMain, StartError } from './main.js';
import { renderReport } from './reconciliation-report.js';

const EXIT_CODE = { CLEAN: 0, DISCREPANCIES: 1, COULD_NOT_RUN: 2 } as const;

await runMain(async (env) => {
  const { json } = readFlags(['json'], 'usage: npm run reconcile [-- --json]');
  const report = await reconcile(await withLocalEngine(env));
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report));
  return report.clean ? EXIT_CODE.CLEAN : EXIT_CODE.DISCREPANCIES;
}, EXIT_CODE.COULD_NOT_RUN);

/** As the worker does it on schedule: what is found is booked, and the next sync is asked for deposits that nobody has. */
async function reconcile({ env, providerName }: LocalEnvironment): Promise<ReconciliationReport> {
  const config = readConfig(env, 'worker');
  // Standard output is the report's alone.
  const logger = createLogger({ level: config.logLevel, name: 'reconcile' }, process.stderr);
  const store = await openMigratedStore(config.databaseUrl, logger);
  await store.claimForProvider(providerName ?? config.qbitpay.baseUrl);
  const qbitpay = await createProviderClient(config);
  try {
    const { report } = await runReconciliation({ store, qbitpay, settings: toActivitySettings(config) });
    return report;
  } catch (error) {
    throw error instanceof BalancesMovingError ? new StartError(error.message) : error;
  }
}
