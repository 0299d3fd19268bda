import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { readRegressionSeeds, runCampaign, type CampaignRun } from './campaign.js';
import { writeReport } from './report.js';

/*
 * npm run faults                      a few seeds, and those that failed once (regression-seeds.json)
 * npm run faults -- --seed 17         one seed, again exactly as it was planned
 * npm run faults -- --seeds 100       seeds 1 to 100
 * npm run faults -- --bugs            the planted mistakes, each of which has to be found
 * npm run faults -- --baseline 20     so many of the seeds once more with the naive activity, "retry three times"
 * npm run faults -- --report FILE     writes what was seen as Markdown
 * npm run faults -- --lanes 2         so many seeds at a time, each lane with servers of its own
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', multiple: true },
    seeds: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    baseline: { type: 'string', default: '0' },
    report: { type: 'string' },
    lanes: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const DEFAULT_SEEDS = 5;

async function wantedSeeds(): Promise<readonly number[]> {
  if (values.seed !== undefined) return values.seed.map(Number);
  if (values.bugs && values.seeds === undefined) return [];
  const first = Array.from({ length: Number(values.seeds ?? DEFAULT_SEEDS) }, (_, index) => index + 1);
  return [...new Set([...first, ...(await readRegressionSeeds())])];
}

// Every server and process of every lane is ended with this one.
process.setMaxListeners(100);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    console.error(`ended by ${signal}`);
    process.exit(128 + constants.signals[signal]);
  });
}
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
});
const { report } = values;
const run: CampaignRun = await runCampaign({
  seeds: await wantedSeeds(),
  withBugs: values.bugs,
  baselineSeeds: Number(values.baseline),
  lanes: Number(values.lanes),
  say: (line) => console.log(line),
  // After each seed: a long run that is ended has its report all the same.
  saw: (soFar) => {
    if (report !== undefined) writeFileSync(report, writeReport(soFar));
  },
  isVerbose: values.verbose,
});
process.exit(run.isSound ? 0 : 1);
