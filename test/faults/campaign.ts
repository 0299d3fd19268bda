import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../src/bin/project-files.js';
import { BUGS, NAIVE_PAYOUT, type Bug } from './bugs/index.js';
import { writeCampaignBundles, type CampaignBundles } from './campaign-bundle.js';
import { createPlan } from './plan.js';
import { brokenResult, runSeed, type SeedResult } from './seed-run.js';
import { removeLeftovers, startServers, type Servers } from './servers.js';

export interface CampaignOptions {
  readonly seeds: readonly number[];
  readonly withBugs: boolean;
  /** Plays so many of the seeds once more with {@link NAIVE_PAYOUT}. */
  readonly baselineSeeds: number;
  /** Seeds that run side by side, each lane with servers of its own. */
  readonly lanes: number;
  readonly say: (line: string) => void;
  /** Called with what was seen so far, after each seed. */
  readonly saw: (run: CampaignRun) => void;
  /** Shows what the engine logged in seeds that failed. */
  readonly isVerbose: boolean;
}

export interface BugResult {
  readonly bug: Bug;
  readonly results: readonly SeedResult[];
  readonly isCaught: boolean;
}

export interface CampaignRun {
  readonly results: readonly SeedResult[];
  readonly bugs: readonly BugResult[];
  /** The naive baseline: some of the same seeds; empty when it was not part of the run. */
  readonly baseline: readonly SeedResult[];
  /** Nothing was violated, and every planted mistake was found. */
  readonly isSound: boolean;
  readonly durationMs: number;
}

interface Job {
  readonly seed: number;
  readonly bug?: Bug;
  readonly isBaseline?: true;
}

const REGRESSION_SEEDS = join(PROJECT_ROOT, 'test', 'faults', 'regression-seeds.json');

/** Seeds that failed once; each is played in every run of all seeds. */
export async function readRegressionSeeds(): Promise<readonly number[]> {
  const { seeds } = JSON.parse(await readFile(REGRESSION_SEEDS, 'utf8')) as {
    readonly seeds: readonly number[];
  };
  return seeds;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignRun> {
  const startedAtMs = Date.now();
  const bugs = options.withBugs ? BUGS : [];
  const jobs: Job[] = [
    ...bugs.flatMap((bug) => bug.seeds.map((seed) => ({ seed, bug }))),
    ...options.seeds.map((seed) => ({ seed })),
    ...options.seeds.slice(0, options.baselineSeeds).map((seed): Job => ({
      seed,
      bug: NAIVE_PAYOUT,
      isBaseline: true,
    })),
  ];
  const done: Done[] = [];
  await removeLeftovers();
  const bundles = await writeCampaignBundles();
  const next = jobs.values();
  const note = (job: Job, result: SeedResult): void => {
    done.push({ job, result });
    options.say(describe(job, result, options.isVerbose));
    options.saw(judge(done, bugs, Date.now() - startedAtMs));
  };
  try {
    const lanes = Array.from({ length: Math.min(options.lanes, jobs.length) }, () =>
      runLane(next, bundles, note),
    );
    await Promise.all(lanes);
  } finally {
    await bundles.remove();
  }
  const run = judge(done, bugs, Date.now() - startedAtMs);
  const failing = run.results.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  if (failing.length > 0) options.say(`failing seeds: ${failing.join(', ')} (npm run faults -- --seed N)`);
  return run;
}

interface Done {
  readonly job: Job;
  readonly result: SeedResult;
}

function judge(done: readonly Done[], bugs: readonly Bug[], durationMs: number): CampaignRun {
  const of = (wanted: (job: Job) => boolean): SeedResult[] =>
    done.filter(({ job }) => wanted(job)).map(({ result }) => result);
  const results = of(({ bug }) => bug === undefined);
  const bugResults = bugs.map((bug) =>
    judgeBug(
      bug,
      of((job) => job.bug === bug && job.isBaseline !== true),
    ),
  );
  return {
    results,
    bugs: bugResults,
    baseline: of(({ isBaseline }) => isBaseline === true),
    isSound:
      results.every(({ violations }) => violations.length === 0) &&
      bugResults.every(({ isCaught }) => isCaught),
    durationMs,
  };
}

/** One after the other, on servers that the lane has to itself: a server that dies takes no other lane with it. */
async function runLane(
  jobs: Iterator<Job>,
  bundles: CampaignBundles,
  note: (job: Job, result: SeedResult) => void,
): Promise<void> {
  let servers: Servers = await startServers();
  try {
    for (let job = jobs.next(); job.done !== true; job = jobs.next()) {
      const { seed, bug } = job.value;
      const plan = createPlan(seed);
      const runId = randomUUID().slice(0, 8);
      try {
        note(job.value, await runSeed({ plan, servers, bundles, bug, runId }));
      } catch (error) {
        note(job.value, brokenResult(plan, error));
        // Who knows what is left of them.
        await servers.stop().catch(() => undefined);
        servers = await startServers();
      }
    }
  } finally {
    await servers.stop();
  }
}

function judgeBug(bug: Bug, results: readonly SeedResult[]): BugResult {
  const isCaught =
    results.length > 0 &&
    results.every(({ violations }) => violations.some(({ invariant }) => bug.breaks.includes(invariant)));
  return { bug, results, isCaught };
}

const MAX_SHOWN = 12;

function describe({ seed, bug }: Job, result: SeedResult, isVerbose: boolean): string {
  const { violations, hits, durationMs, ends } = result;
  const name = bug === undefined ? `seed ${seed}` : `bug ${bug.name}, seed ${seed}`;
  const verdict = violations.length === 0 ? 'sound' : `${violations.length} violations`;
  const counts = Object.entries(ends).map(([status, count]) => `${count} ${status}`);
  const seconds = (durationMs / 1_000).toFixed(1);
  const lines = [
    `${name}: ${verdict}; ${counts.join(', ')}; crashes: ${hits.join(', ') || 'none'}; ${seconds} s`,
  ];
  for (const { invariant, subject, detail } of violations.slice(0, MAX_SHOWN)) {
    lines.push(`  ${invariant} ${subject}: ${detail}`);
  }
  if (isVerbose && violations.length > 0) lines.push(...result.logLines);
  return lines.join('\n');
}
