import type { Bug } from './bugs/bug.js';
import { BUGS } from './bugs/index.js';
import { CRASH_POINTS } from './crash-points.js';
import { countStruck, judge, type Done, type Job } from './judgement.js';
import { createPlan } from './create-plan.js';
import { INVARIANT, type Invariant } from './world.js';
import { brokenResult, type SeedResult } from './seed-run.js';

const [bug] = BUGS;
const KILLS = CRASH_POINTS.map((point) => ({ point, action: 'kill' as const }));
const STRUCK = Object.fromEntries([...countStruck([]).keys()].map((fault) => [fault, 1]));
const broken = (seed: number): SeedResult => brokenResult(createPlan(seed), new Error('no server'));
const sound = (seed: number): SeedResult => ({
  ...broken(seed),
  violations: [],
  hits: KILLS,
  struck: STRUCK,
});
const play = (jobs: readonly Job[], resultOf = sound): readonly Done[] =>
  jobs.map((job) => ({ job, result: resultOf(job.seed) }));
const seeds = (count: number): readonly Job[] =>
  Array.from({ length: count }, (_, index) => ({ seed: index + 1 }));
const problemsOf = (jobs: readonly Job[], done: readonly Done[]): readonly string[] =>
  judge(jobs, done, 0).problems;

test('a run without violations is sound', () => {
  expect(problemsOf(seeds(3), play(seeds(3)))).toEqual([]);
});

test('a run of nothing, or of a part, is not', () => {
  expect(problemsOf([], [])).toEqual(['nothing was to be played']);
  expect(problemsOf(seeds(3), play(seeds(2)))).toEqual(['1 of 3 seeds were not played']);
});

test('a seed that could not be played is a violation that names it', () => {
  expect(problemsOf(seeds(2), play(seeds(2), broken))).toEqual([
    'seed 1: 1 violations',
    'seed 2: 1 violations',
  ]);
  expect(broken(2).violations[0]).toMatchObject({ invariant: 'wasPlayed', subject: 'seed 2' });
});

test('a full run has to strike every crash point at least five times', () => {
  const without = (seed: number): SeedResult => ({
    ...sound(seed),
    hits: seed <= 4 ? KILLS : KILLS.slice(1),
  });
  expect(problemsOf(seeds(100), play(seeds(100)))).toEqual([]);
  expect(problemsOf(seeds(100), play(seeds(100), without))).toEqual([
    `${CRASH_POINTS[0] ?? ''} was struck 4 times, and has to be 5 times`,
  ]);
  expect(problemsOf(seeds(99), play(seeds(99), without))).toEqual([]);
});

test('and every fault of a plan at least ten times', () => {
  const [rare = '', ...others] = Object.keys(STRUCK);
  const without = (seed: number): SeedResult => ({
    ...sound(seed),
    struck: Object.fromEntries((seed <= 9 ? [rare, ...others] : others).map((fault) => [fault, 1])),
  });
  expect(problemsOf(seeds(100), play(seeds(100), without))).toEqual([
    `${rare}: 9 times, and has to be 10 times`,
  ]);
});

test('a planted mistake has to be caught, by its own invariant', () => {
  const jobs = bug?.found.map(({ seed }): Job => ({ seed, bug })) ?? [];
  const broke =
    (invariant: (seed: number) => Invariant) =>
    (seed: number): SeedResult => ({
      ...sound(seed),
      violations: [{ invariant: invariant(seed), subject: '', detail: '' }],
    });
  const own = broke((seed) => bug?.found.find((one) => one.seed === seed)?.by ?? INVARIANT.WAS_PLAYED);
  expect(problemsOf(jobs, play(jobs, own))).toEqual([]);
  const others = broke(() => INVARIANT.COMES_TO_AN_END);
  expect(problemsOf(jobs, play(jobs, others))).toEqual([`${bug?.name ?? ''} was not caught`]);
  expect(problemsOf(jobs, play(jobs))).toEqual([`${bug?.name ?? ''} was not caught`]);
  expect(problemsOf(jobs, play(jobs, broken))).toEqual([`${bug?.name ?? ''} was not caught`]);
});

test('by each of its invariants, in one of the seeds for that', () => {
  const { SOLD_ONCE, PAID_ONCE } = INVARIANT;
  const found = [
    { seed: 1, by: SOLD_ONCE },
    { seed: 2, by: SOLD_ONCE },
    { seed: 3, by: PAID_ONCE },
  ];
  const planted = { ...(BUGS[0] as Bug), name: 'planted', found };
  const jobs = found.map(({ seed }): Job => ({ seed, bug: planted }));
  const brokenIn =
    (broke: Readonly<Record<number, Invariant>>) =>
    (seed: number): SeedResult => {
      const invariant = broke[seed];
      return {
        ...sound(seed),
        violations: invariant === undefined ? [] : [{ invariant, subject: '', detail: '' }],
      };
    };
  expect(problemsOf(jobs, play(jobs, brokenIn({ 2: SOLD_ONCE, 3: PAID_ONCE })))).toEqual([]);
  expect(problemsOf(jobs, play(jobs, brokenIn({ 1: SOLD_ONCE, 2: SOLD_ONCE })))).toHaveLength(1);
  expect(problemsOf(jobs, play(jobs, brokenIn({ 1: PAID_ONCE, 3: PAID_ONCE })))).toHaveLength(1);
});

test('the baseline has to show duplicates', () => {
  const jobs: readonly Job[] = bug === undefined ? [] : [{ seed: 1, bug, isBaseline: true }];
  expect(problemsOf(jobs, play(jobs))).toHaveLength(1);
  expect(
    problemsOf(
      jobs,
      play(jobs, (seed) => ({ ...sound(seed), duplicated: 1 })),
    ),
  ).toEqual([]);
});
