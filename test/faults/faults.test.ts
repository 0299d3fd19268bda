import { randomUUID } from 'node:crypto';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { sharedServer } from '../support/engine.js';
import { BUGS } from './bugs/index.js';
import { writeCampaignBundles, type CampaignBundles } from './campaign-bundle.js';
import { createPlan } from './plan.js';
import { runSeed, type SeedResult } from './seed-run.js';
import type { Servers } from './servers.js';

/*
 * A small part of the campaign that `npm run faults` plays. The servers are those of all tests, so that they are not
 * struck; everything else of a plan happens.
 */

const TIMEOUT_MS = 330_000;
/** Between them: the worker dies before, in and after a request that moves money, and the API with a webhook. */
const SEEDS = [8, 10, 21];

let bundles: CampaignBundles;
let servers: Servers;

beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  bundles = await writeCampaignBundles();
  servers = {
    postgresUrl: sharedServer('TEST_POSTGRES_URL'),
    temporalAddress: sharedServer('TEST_TEMPORAL_ADDRESS'),
    strike: undefined,
    stop: () => Promise.resolve(),
  };
});

afterAll(() => bundles.remove());

const play = (seed: number, bug?: (typeof BUGS)[number]): Promise<SeedResult> =>
  runSeed({ plan: createPlan(seed), servers, bundles, bug, runId: randomUUID().slice(0, 8) });

test(
  'nothing is paid twice, lost or stuck, whenever a process dies',
  async () => {
    const results = await Promise.all(SEEDS.map((seed) => play(seed)));
    for (const { seed, violations } of results)
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(results.flatMap(({ hits }) => hits).length).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'an engine that tries again blindly is found out',
  async () => {
    const [bug] = BUGS;
    const { violations } = await play(bug?.seeds[0] ?? 0, bug);
    expect(violations.filter(({ invariant }) => bug?.breaks.includes(invariant))).not.toEqual([]);
  },
  TIMEOUT_MS,
);
