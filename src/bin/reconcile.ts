import { ApplicationFailure } from '@temporalio/common';
import { awaitFreshSync, PATIENT_SYNC_TIMEOUT_MS } from '../../activities/provider/at-provider.js';
import {
  awaitReread,
  compareWithMirror,
  recordRun,
} from '../../activities/reconciliation/reconciliation-run.js';
import { readConfig } from '../config/config.js';
import { createLogger } from '../config/logger.js';
import type { Store } from '../store/store.js';
import { openMigratedStore } from './create-parts.js';
import { withLocalEngine } from './local-engine.js';
import { readFlags, runMain, StartError } from './main.js';
import { renderReport } from './reconciliation-report.js';

const EXIT_CODE = { CLEAN: 0, DISCREPANCIES: 1, COULD_NOT_RUN: 2 } as const;

const USAGE = 'usage: npm run reconcile [-- --json --full --dry-run]';

await runMain(async (env) => {
  const flags = readFlags(['json', 'full', 'dry-run'], USAGE);
  const config = readConfig(await withLocalEngine(env), 'worker');
  // Standard output is the report's alone.
  const logger = createLogger({ level: config.logLevel, name: 'reconcile' }, process.stderr);
  const store = await openMigratedStore(config, logger);
  if (!flags['dry-run']) await untilRead(store, flags.full);
  const run = await compareWithMirror({ store, settings: config }, { isFull: flags.full });
  if (!flags['dry-run']) await recordRun({ store }, run);
  console.log(flags.json ? JSON.stringify(run.report, null, 2) : renderReport(run.report));
  return run.report.clean ? EXIT_CODE.CLEAN : EXIT_CODE.DISCREPANCIES;
}, EXIT_CODE.COULD_NOT_RUN);

/** The worker reads QbitPay. Without it, and without QbitPay, what was read last is compared; the report says when. */
async function untilRead(store: Store, isFull: boolean): Promise<void> {
  try {
    if (isFull) await awaitReread({ store });
    else await awaitFreshSync({ store }, 'npm run reconcile', undefined, PATIENT_SYNC_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    const why = `${error.message} (does a worker run? see GET /v1/provider)`;
    if (isFull) throw new StartError(why);
    console.error(`${why}; what was read last is compared`);
  }
}
