import { parseArgs } from 'node:util';

/** What `npm run faults -- …` was asked for; see run.ts. */
export interface RunArguments {
  /** Null: the first so many, and those that failed once. */
  readonly seeds: readonly number[] | null;
  readonly seedCount: number;
  readonly withBugs: boolean;
  readonly baselineSeeds: number;
  readonly lanes: number;
  readonly report: string | undefined;
  readonly isVerbose: boolean;
}

const DEFAULT_SEEDS = 5;

/** @throws with what is wrong: a campaign that misreads its arguments would play nothing, and find nothing */
export function readRunArguments(args: readonly string[]): RunArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', multiple: true },
      seeds: { type: 'string' },
      bugs: { type: 'boolean', default: false },
      baseline: { type: 'string' },
      report: { type: 'string' },
      lanes: { type: 'string', default: '1' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const { seed, seeds, bugs: withBugs, baseline, report, lanes, verbose: isVerbose } = values;
  if (seed !== undefined && seeds !== undefined) throw new Error('--seed and --seeds exclude each other');
  const isBugsOnly = withBugs && seed === undefined && seeds === undefined && baseline === undefined;
  const common = {
    withBugs,
    baselineSeeds: baseline === undefined ? 0 : readCount('baseline', baseline),
    lanes: readCount('lanes', lanes),
    report,
    isVerbose,
  };
  if (isBugsOnly) return { ...common, seeds: [], seedCount: 0 };
  if (seed !== undefined) {
    const wanted = seed.map((one) => readCount('seed', one));
    return withEnough({ ...common, seeds: wanted, seedCount: wanted.length });
  }
  const seedCount = seeds === undefined ? DEFAULT_SEEDS : readCount('seeds', seeds);
  return withEnough({ ...common, seeds: null, seedCount });
}

function readCount(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`--${option} takes a whole number from 1 on, not "${text}"`);
}

function withEnough(run: RunArguments): RunArguments {
  if (run.baselineSeeds <= run.seedCount) return run;
  throw new Error(`--baseline ${run.baselineSeeds} plays some of the seeds, and there are ${run.seedCount}`);
}
