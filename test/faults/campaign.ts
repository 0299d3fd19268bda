import { randomUUID } from 'node:crypto';
import { BUGS, NAIVE_PAYOUT } from './bugs/index.js';
import { writeCampaignBundles, type CampaignBundles } from './campaign-bundle.js';
import { judge, type CampaignRun, type Done, type Job } from './judgement.js';
import { createPlan } from './create-plan.js';
import { hashPlan } from './regression-seeds.js';
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
  /** Shows what the engine logged. */
  readonly isVerbose: boolean;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignRun> {
  const startedAtMs = Date.now();
  const bugs = options.withBugs ? BUGS : [];
  const jobs: Job[] = [
    ...bugs.flatMap((bug) => bug.found.map(({ seed }) => ({ seed, bug }))),
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
    options.saw(judge(jobs, done, Date.now() - startedAtMs));
  };
  try {
    const lanes = Array.from({ length: Math.min(options.lanes, jobs.length) }, () =>
      runLane(next, bundles, note),
    );
    await Promise.all(lanes);
  } finally {
    await bundles.remove();
  }
  const run = judge(jobs, done, Date.now() - startedAtMs);
  const failing = run.results.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed);
  if (failing.length > 0) {
    options.say(
      `failing seeds: ${failing.join(', ')} (npm run faults -- --seed N); for regression-seeds.json:`,
    );
    for (const seed of failing) {
      options.say(JSON.stringify({ seed, planHash: hashPlan(createPlan(seed)), why: '' }));
    }
  }
  return run;
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

const MAX_SHOWN = 12;

function describe({ seed, bug }: Job, result: SeedResult, isVerbose: boolean): string {
  const { violations, hits, durationMs, ends } = result;
  const name = bug === undefined ? `seed ${seed}` : `bug ${bug.name}, seed ${seed}`;
  const verdict = violations.length === 0 ? 'sound' : `${violations.length} violations`;
  const counts = Object.entries(ends).map(([status, count]) => `${count} ${status}`);
  const seconds = (durationMs / 1_000).toFixed(1);
  const lines = [
    `${name}: ${verdict}; ${counts.join(', ')}; crashes: ${hits.map(({ point, action }) => `${action} at ${point}`).join(', ') || 'none'}; ${seconds} s`,
  ];
  for (const { invariant, subject, detail } of violations.slice(0, MAX_SHOWN)) {
    lines.push(`  ${invariant} ${subject}: ${detail}`);
  }
  if (isVerbose) lines.push(...result.logLines);
  return lines.join('\n');
}
