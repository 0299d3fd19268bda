import type { Incidents, PlannedPayout } from './plan.js';
import { createRandom } from './random.js';

/** So many that each incident strikes twelve times in a hundred seeds; the other seeds stay what they were. */
const INCIDENT_PLAN_EVERY = 5;
const INCIDENTS_OFFSET = 3_000_000;
const INCIDENTS_OF_A_PLAN = 3;

/** Behind by more than a price lives, nothing is sold until the clock is right again. */
const CLOCK_OFFSETS_MS = [-660_000, -20_000, 180_000, 660_000, 840_000] as const;

/**
 * A brake by hand, or three of five others, in turn; from a source of their own, so that they change nothing else of a plan.
 */
export function planIncidents(seed: number, nextIndex: number): Incidents | undefined {
  const random = createRandom(seed + INCIDENTS_OFFSET);
  if (seed % INCIDENT_PLAN_EVERY === 0) return { brakedAtMs: random.between(0, 2_000) };
  if (seed % INCIDENT_PLAN_EVERY !== 3) return undefined;
  const all: readonly Partial<Incidents>[] = [
    { vanished: nextIndex },
    { anotherAccountAtMs: random.between(3_000, 8_000) },
    { takenBack: nextIndex + 1 },
    { flooded: 0 },
    { temporalLostAtMs: random.between(3_000, 8_000) },
  ];
  const turn = Math.floor(seed / INCIDENT_PLAN_EVERY);
  const first = turn % all.length;
  const chosen = [...all, ...all].slice(first, first + INCIDENTS_OF_A_PLAN);
  const clockOffsetMs = CLOCK_OFFSETS_MS[(turn + Math.floor(turn / all.length)) % CLOCK_OFFSETS_MS.length];
  return Object.assign({ clockOffsetMs, pageSize: random.between(2, 6) }, ...chosen);
}

/** The payouts that exist for an incident: nothing else goes wrong with them. */
export function planAffected(incidents: Incidents | undefined): readonly PlannedPayout[] {
  const request = { amount: '350', currency: 'USDT', amountMode: 'receive', funding: 'deposit' } as const;
  const payout = { request, startsAtMs: 0, cancelAfterMs: undefined, repeats: 0, hasConflict: false };
  const { vanished, takenBack } = incidents ?? {};
  return [
    ...(vanished === undefined
      ? []
      : [{ ...payout, index: vanished, deposit: { kind: 'exact', delayMs: 0 }, outcome: 'stuck' } as const]),
    ...(takenBack === undefined
      ? []
      : [
          {
            ...payout,
            index: takenBack,
            deposit: { kind: 'takenBack', delayMs: 0 },
            outcome: 'paid',
          } as const,
        ]),
  ];
}
