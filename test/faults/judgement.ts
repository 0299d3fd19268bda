import type { Bug } from './bugs/index.js';
import { CRASH_POINTS } from './crash-points.js';
import { INCIDENT } from './play-incidents.js';
import { ODDITY, type SeedResult } from './seed-run.js';

/** What a campaign as a whole says: more than that no seed of it went wrong. */

export interface Job {
  readonly seed: number;
  readonly bug?: Bug;
  readonly isBaseline?: true;
}

export interface Done {
  readonly job: Job;
  readonly result: SeedResult;
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
  /** Why the run proves nothing, or the opposite; none where it is sound. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

/** From so many seeds on, a run has to have been everywhere. */
const FULL_RUN_SEEDS = 100;
const LEAST_HITS = 5;
const LEAST_FAULTS = 10;

/** Of all that was to be played, what was played so far. */
export function judge(jobs: readonly Job[], done: readonly Done[], durationMs: number): CampaignRun {
  const of = (wanted: (job: Job) => boolean): readonly SeedResult[] =>
    done.filter(({ job }) => wanted(job)).map(({ result }) => result);
  const planted = jobs.filter(({ isBaseline }) => isBaseline !== true).flatMap(({ bug }) => bug ?? []);
  const results = of(({ bug }) => bug === undefined);
  const baseline = of(({ isBaseline }) => isBaseline === true);
  const bugs = [...new Set(planted)].map((bug) =>
    judgeBug(
      bug,
      of((job) => job.bug === bug && job.isBaseline !== true),
    ),
  );
  const left = jobs.length - done.length;
  const problems = [
    ...(jobs.length === 0 ? ['nothing was to be played'] : []),
    ...(left === 0 ? [] : [`${left} of ${jobs.length} seeds were not played`]),
    ...results
      .filter(({ violations }) => violations.length > 0)
      .map(({ seed, violations }) => `seed ${seed}: ${violations.length} violations`),
    ...bugs.filter(({ isCaught }) => !isCaught).map(({ bug }) => `${bug.name} was not caught`),
    ...(results.length >= FULL_RUN_SEEDS ? [...findRarePoints(results), ...findRareFaults(results)] : []),
    ...(baseline.length > 0 && baseline.every(({ duplicated }) => duplicated === 0)
      ? ['the naive baseline duplicated nothing: the campaign would not see it']
      : []),
  ];
  return { results, bugs, baseline, problems, durationMs };
}

/** By every invariant that it has to be found by, in one of the seeds for that: when a process dies is never the same. */
function judgeBug(bug: Bug, results: readonly SeedResult[]): BugResult {
  const played = bug.found.flatMap(({ seed, by }) =>
    results.filter((result) => result.seed === seed).map(({ violations }) => ({ by, violations })),
  );
  const found = played.filter(({ by, violations }) => violations.some(({ invariant }) => invariant === by));
  const isCaught = played.length > 0 && played.every(({ by }) => found.some((one) => one.by === by));
  return { bug, results, isCaught };
}

function findRarePoints(results: readonly SeedResult[]): readonly string[] {
  const hits = results.flatMap((result) => result.hits);
  return CRASH_POINTS.map((point) => [point, hits.filter((hit) => hit.point === point).length] as const)
    .filter(([, count]) => count < LEAST_HITS)
    .map(([point, count]) => `${point} was struck ${count} times, and has to be ${LEAST_HITS} times`);
}

export function addCounts(counts: readonly Readonly<Record<string, number>>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [word, count] of counts.flatMap((one) => Object.entries(one))) {
    sums.set(word, (sums.get(word) ?? 0) + count);
  }
  return sums;
}

/** How often each fault of a plan came about, those included that never did. */
export function countStruck(results: readonly SeedResult[]): ReadonlyMap<string, number> {
  const none = Object.fromEntries(
    [...Object.values(ODDITY), ...Object.values(INCIDENT)].map((fault) => [fault, 0]),
  );
  return addCounts([none, ...results.map(({ struck }) => struck)]);
}

function findRareFaults(results: readonly SeedResult[]): readonly string[] {
  return [...countStruck(results)]
    .filter(([, times]) => times < LEAST_FAULTS)
    .map(([fault, times]) => `${fault}: ${times} times, and has to be ${LEAST_FAULTS} times`);
}
