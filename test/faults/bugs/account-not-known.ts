import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A key is the account's by being configured. */
export const ACCOUNT_NOT_KNOWN: Bug = {
  name: 'accountNotKnown',
  about: 'takes every account that a key reads for its own',
  found: [
    { seed: 23, by: INVARIANT.BRAKES_HOLD },
    { seed: 48, by: INVARIANT.BRAKES_HOLD },
    { seed: 73, by: INVARIANT.BRAKES_HOLD },
  ],
  isOwnAccount: () => Promise.resolve(true),
  makeActivities: createActivities,
};
