import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { Activities } from '../../../activities/index.js';
import type { Invariant } from '../world.js';

/** A mistake planted on purpose: a campaign that does not find it would not find it in the engine either. */
export interface Bug {
  readonly name: string;
  readonly about: string;
  /** Any of these invariants finds it. */
  readonly breaks: readonly Invariant[];
  /** It is found by each of these. */
  readonly seeds: readonly number[];
  /** Its workflows try requests that move money again. */
  readonly usesNaiveWorkflows?: true;
  readonly makeActivities: (deps: ActivityDependencies) => Activities;
}
