import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { runCampaign } from './campaign.js';
import { readRegressionSeeds } from './regression-seeds.js';
import { writeReport } from './report.js';
import { readRunArguments, type RunArguments } from './run-arguments.js';

/*
 * npm run faults                      a few seeds, and those that failed once (regression-seeds.json)
 * npm run faults -- --seed 17         one seed, again exactly as it was planned
 * npm run faults -- --seeds 100       seeds 1 to 100
 * npm run faults -- --bugs            the planted mistakes, each of which has to be found
 * npm run faults -- --baseline 20     so many of the seeds once more with the naive activity, "retry three times"
 * npm run faults -- --report FILE     writes what was seen as Markdown
 * npm run faults -- --lanes 2         so many seeds at a time, each lane with servers of its own
 */
async function wantedSeeds({ seeds, seedCount }: RunArguments): Promise<readonly number[]> {
  if (seeds !== null) return seeds;
  const first = Array.from({ length: seedCount }, (_, index) => index + 1);
  return [...new Set([...first, ...(await readRegressionSeeds()).map(({ seed }) => seed)])];
}

function readArguments(): RunArguments {
  try {
    return readRunArguments(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return process.exit(2);
  }
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
const wanted = readArguments();
const { report, withBugs, baselineSeeds, lanes, isVerbose } = wanted;
const run = await runCampaign({
  seeds: await wantedSeeds(wanted),
  withBugs,
  baselineSeeds,
  lanes,
  say: (line) => console.log(line),
  // After each seed: a long run that is ended has its report all the same.
  saw: (soFar) => {
    if (report !== undefined) writeFileSync(report, writeReport(soFar));
  },
  isVerbose,
});
for (const problem of run.problems) console.log(`unsound: ${problem}`);
process.exit(run.problems.length === 0 ? 0 : 1);
