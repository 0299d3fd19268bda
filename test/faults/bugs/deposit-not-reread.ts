import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A deposit was confirmed once: where should it go? */
export const DEPOSIT_NOT_REREAD: Bug = {
  name: 'depositNotReread',
  about: 'uses a deposit without asking whether it is still there',
  found: [{ seed: 58, by: INVARIANT.PROVEN_WHEN_USED }],
  makeActivities: (deps) => {
    const { deposits } = deps.store;
    const listUnprovenDeposits: typeof deposits.listUnprovenDeposits = () => Promise.resolve([]);
    return createActivities({
      ...deps,
      store: { ...deps.store, deposits: { ...deposits, listUnprovenDeposits } },
    });
  },
};
