import { createTemporalAccess } from '../../src/bin/create-parts.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { countDuplicates, findStuck, findViolations } from './checker.js';
import { findLostDeposits } from './checker-money.js';
import type { Crash, CrashPoint } from './crash-points.js';
import { collectWorld } from './evidence.js';
import type { Plan } from './plan.js';
import { Play } from './play.js';
import { measureRecovery } from './recovery.js';
import { buildSeedWorld, type SeedOptions, type SeedWorld } from './seed-world.js';
import { INVARIANT, type Violation, type World } from './world.js';

export interface SeedResult {
  readonly seed: number;
  readonly payouts: number;
  readonly violations: readonly Violation[];
  /** Crash points of the plan … */
  readonly planned: readonly CrashPoint[];
  /** … and those that were struck. */
  readonly hits: readonly Pick<Crash, 'point' | 'action'>[];
  readonly interruptions: number;
  readonly serverFaults: number;
  /** Requests to the provider that a planned fault struck. */
  readonly providerFaults: number;
  /** Events of things that never happened, sent to the engine. */
  readonly forgeries: number;
  readonly duplicated: number;
  /** Deposits that the engine never noticed. */
  readonly lost: number;
  readonly stuck: number;
  /** How the payouts ended, by status. */
  readonly ends: Readonly<Record<string, number>>;
  /** Why payouts are held in the end, by reason. */
  readonly holds: Readonly<Record<string, number>>;
  /** Faults of {@link Plan.oddities} and {@link Plan.incidents} that came about, and how often. */
  readonly struck: Readonly<Record<string, number>>;
  readonly recoveriesMs: readonly number[];
  readonly durationMs: number;
  /** What the engine said last; shown when something is wrong. */
  readonly logLines: readonly string[];
}

/** So long nothing may change while something is still to come: far longer than any wait of the campaign's engine. */
const STANDSTILL_MS = 60_000;

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
    const missing = await play.settle(STANDSTILL_MS);
    const planned = plan.payouts.map(({ index }) => play.payoutIdOf(index));
    const evidence = await collectWorld(temporal.client, {
      world,
      plan,
      planned,
      bids: play.bids,
      missing,
      incidents: play.incidents,
    });
    return {
      seed: plan.seed,
      payouts: plan.payouts.length,
      violations: findViolations(evidence),
      planned: plan.crashes.map(({ point }) => point),
      hits: world.supervisor.hits.map(({ point, action }) => ({ point, action })),
      interruptions: world.supervisor.interruptions.length,
      serverFaults: servers.strike === undefined ? 0 : plan.serverFaults.length + countStruck(world),
      providerFaults: evidence.provider.journal.filter(({ fault }) => fault !== null).length,
      forgeries: play.forged,
      duplicated: countDuplicates(evidence),
      lost: findLostDeposits(evidence).length,
      stuck: findStuck(evidence).length,
      ends: count(evidence.store.payouts.map(({ status }) => status)),
      holds: count(
        evidence.store.payouts.flatMap(({ status, holdReason }) =>
          status === PAYOUT_STATUS.HELD ? (holdReason ?? 'no reason') : [],
        ),
      ),
      struck: count([...(play.incidents?.struck ?? []), ...findOddities(evidence, plan)]),
      recoveriesMs: measureRecovery(world.supervisor.interruptions, evidence.store),
      durationMs: Date.now() - startedAtMs,
      logLines: world.logLines,
    };
  } finally {
    await world.stop();
    await forgetWorkflows(temporal.client, world);
    await temporal.client.connection.close();
  }
}

export const ODDITY = {
  FALSE_REFUSAL: 'refusal after its effect',
  ALTERED_ID: 'altered or missing id',
  LATE_LISTS: 'late lists',
  SENT_BACK: 'returned after it was paid',
} as const;

/** By what is left of them, one word for each time. */
function findOddities({ provider, store }: World, { oddities }: Plan): readonly string[] {
  if (oddities === undefined) return [];
  const refused = provider.journal.filter(
    ({ status, effects }) => (status ?? 0) >= 400 && effects.length > 0,
  );
  const returned = store.payouts.filter(({ status }) => status === PAYOUT_STATUS.RETURNED);
  return [
    ...refused.map(() => ODDITY.FALSE_REFUSAL),
    ...[...provider.orders, ...provider.payouts].map(() => ODDITY.ALTERED_ID),
    ...(oddities.visibleAfterMs > 0 ? [ODDITY.LATE_LISTS] : []),
    ...returned.map(() => ODDITY.SENT_BACK),
  ];
}

function count(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** What is reported of a seed that could not be played to its end. */
export function brokenResult(plan: Plan, error: unknown): SeedResult {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    seed: plan.seed,
    payouts: plan.payouts.length,
    violations: [{ invariant: INVARIANT.WAS_PLAYED, subject: `seed ${plan.seed}`, detail }],
    planned: plan.crashes.map(({ point }) => point),
    hits: [],
    interruptions: 0,
    serverFaults: 0,
    providerFaults: 0,
    forgeries: 0,
    duplicated: 0,
    lost: 0,
    stuck: 0,
    ends: {},
    holds: {},
    struck: {},
    recoveriesMs: [],
    durationMs: 0,
    logLines: [],
  };
}

function countStruck({ supervisor }: SeedWorld): number {
  return supervisor.hits.filter(({ action }) => action === 'temporal' || action === 'postgres').length;
}

/** What is held would stay on the shared server, and the schedule outlives its workers. */
async function forgetWorkflows(
  client: ReturnType<typeof createTemporalAccess>['client'],
  { taskQueue }: SeedWorld,
): Promise<void> {
  await client.schedule
    .getHandle(`reconcile/${taskQueue}`)
    .delete()
    .catch(() => undefined);
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
