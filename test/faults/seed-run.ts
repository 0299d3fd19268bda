import { createTemporalAccess } from '../../src/bin/create-parts.js';
import { countDuplicates, findStuck, findViolations } from './checker.js';
import { findLostDeposits } from './checker-money.js';
import type { CrashPoint } from './crash-points.js';
import { collectWorld } from './evidence.js';
import { Play } from './play.js';
import { measureRecovery } from './recovery.js';
import { buildSeedWorld, type SeedOptions, type SeedWorld } from './seed-world.js';
import type { Violation } from './world.js';

export interface SeedResult {
  readonly seed: number;
  readonly payouts: number;
  readonly violations: readonly Violation[];
  readonly hits: readonly CrashPoint[];
  readonly interruptions: number;
  readonly serverFaults: number;
  readonly duplicated: number;
  /** Deposits that the engine never noticed. */
  readonly lost: number;
  readonly stuck: number;
  /** How the payouts ended, by status. */
  readonly ends: Readonly<Record<string, number>>;
  readonly recoveriesMs: readonly number[];
  readonly durationMs: number;
  /** What the engine said last; shown when something is wrong. */
  readonly logLines: readonly string[];
}

/** Plays one seed from an empty database to its judgement. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const startedAtMs = Date.now();
  const { plan, servers } = options;
  const world = await buildSeedWorld(options);
  const temporal = createTemporalAccess({ TEMPORAL_ADDRESS: servers.temporalAddress });
  try {
    await world.supervisor.start();
    const play = new Play(world, plan, servers, options.runId);
    await play.harm();
    await play.settle();
    const evidence = await collectWorld(world, temporal.client, plan, play.bids);
    const ends: Record<string, number> = {};
    for (const { status } of evidence.book.payouts) ends[status] = (ends[status] ?? 0) + 1;
    return {
      seed: plan.seed,
      payouts: plan.payouts.length,
      violations: findViolations(evidence),
      hits: world.supervisor.hits.map(({ point }) => point),
      interruptions: world.supervisor.interruptions.length,
      serverFaults: servers.strike === undefined ? 0 : plan.serverFaults.length + countStruck(world),
      duplicated: countDuplicates(evidence),
      lost: findLostDeposits(evidence).length,
      stuck: findStuck(evidence).length,
      ends,
      recoveriesMs: measureRecovery(world.supervisor.interruptions, evidence.book),
      durationMs: Date.now() - startedAtMs,
      logLines: world.logLines,
    };
  } finally {
    await world.stop();
    await forgetWorkflows(temporal.client, world);
    await temporal.client.connection.close();
  }
}

function countStruck({ supervisor }: SeedWorld): number {
  return supervisor.hits.filter(({ action }) => action === 'temporal' || action === 'postgres').length;
}

/** What is held would stay on the shared server, and schedules outlive their workers. */
async function forgetWorkflows(
  client: ReturnType<typeof createTemporalAccess>['client'],
  { taskQueue }: SeedWorld,
): Promise<void> {
  for (const schedule of ['sweep-webhooks', 'reconcile']) {
    await client.schedule
      .getHandle(`${schedule}/${taskQueue}`)
      .delete()
      .catch(() => undefined);
  }
  const running = client.workflow.list({
    query: `TaskQueue = "${taskQueue}" AND ExecutionStatus = "Running"`,
  });
  for await (const { workflowId } of running) {
    await client.workflow
      .getHandle(workflowId)
      .terminate('the seed is over')
      .catch(() => undefined);
  }
}
