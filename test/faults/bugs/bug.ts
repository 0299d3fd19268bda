import type { ActivityDependencies } from '../../../activities/dependencies.js';
import type { Activities } from '../../../activities/index.js';
import type { IsOwnAccount } from '../../../src/qbitpay/client.js';
import type { Invariant } from '../world.js';

/** A mistake planted on purpose: a campaign that does not find it would not find it in the engine either. */
export interface Bug {
  readonly name: string;
  readonly about: string;
  /** The invariants that it is found by, which nothing but the mistake can break, each in one of its seeds at least. */
  readonly found: readonly { readonly seed: number; readonly by: Invariant }[];
  /** Its workflows try requests that move money again. */
  readonly usesNaiveWorkflows?: true;
  readonly isOwnAccount?: IsOwnAccount;
  readonly makeActivities: (deps: ActivityDependencies) => Activities;
}
