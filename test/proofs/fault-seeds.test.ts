import { randomUUID } from 'node:crypto';
import { installTestRuntime } from '../support/engine.js';
import { sharedServer } from '../support/shared-servers.js';
import { BUGS, type Bug } from '../faults/bugs/index.js';
import { writeCampaignBundles, type CampaignBundles } from '../faults/campaign-bundle.js';
import type { Job } from '../faults/judgement.js';
import { createPlan } from '../faults/create-plan.js';
import { readRegressionSeeds } from '../faults/regression-seeds.js';
import { runSeed, type SeedResult } from '../faults/seed-run.js';
import type { Servers } from '../faults/servers.js';

/*
 * A small part of the campaign that `npm run faults` plays. The servers are those of all tests, so that they are not
 * struck; everything else of a plan happens.
 */

/** Seeds that failed once. */
const SEEDS = (await readRegressionSeeds()).map(({ seed }) => seed);
/** Found whatever dies when: no other act of the campaign has to come at its moment. */
const BUG = BUGS.find(({ name }) => name === 'depositTrusted');
const [FOUND] = BUG?.found ?? [];
/** All of today's at once. A machine that plays more of them at a time is measured, and not the engine. */
const LANES = 3;

let bundles: CampaignBundles;
let servers: Servers;

beforeAll(async () => {
  await installTestRuntime();
  bundles = await writeCampaignBundles();
  servers = {
    postgresUrl: sharedServer('TEST_POSTGRES_URL'),
    temporalAddress: sharedServer('TEST_TEMPORAL_ADDRESS'),
    strike: undefined,
    stop: () => Promise.resolve(),
  };
});

afterAll(() => bundles.remove());

const play = (seed: number, bug?: Bug): Promise<SeedResult> =>
  runSeed({ plan: createPlan(seed), servers, bundles, bug, runId: randomUUID().slice(0, 8) });

/** All of them, so many at a time. */
async function playAll(jobs: readonly Job[]): Promise<ReadonlyMap<Job, SeedResult>> {
  const results = new Map<Job, SeedResult>();
  const next = jobs.values();
  const runLane = async (): Promise<void> => {
    for (const job of next) results.set(job, await play(job.seed, job.bug));
  };
  await Promise.all(Array.from({ length: LANES }, runLane));
  return results;
}

test('nothing is paid twice, lost or stuck, and an engine that believes a notice is found out', async () => {
  const seeds = SEEDS.map((seed): Job => ({ seed }));
  const planted: Job = { seed: FOUND?.seed ?? 0, ...(BUG === undefined ? {} : { bug: BUG }) };
  const results = await playAll([...seeds, planted]);
  const violationsOf = (job: Job) => results.get(job)?.violations;
  for (const job of seeds) {
    expect({ seed: job.seed, violations: violationsOf(job) }).toEqual({ seed: job.seed, violations: [] });
  }
  expect(seeds.flatMap((job) => results.get(job)?.hits ?? []).length).toBeGreaterThan(0);
  expect(violationsOf(planted)?.map(({ invariant }) => invariant)).toContain(FOUND?.by);
});
