import { createActivities } from '../../../activities/index.js';
import { REQUEST_STATE } from '../../../src/store/schema.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A provider request that always stands open: who comes again sends again. */
export const GUARD_SKIPPED: Bug = {
  name: 'guardSkipped',
  about: 'takes a request that was sent before for one that was not',
  found: [
    { seed: 34, by: INVARIANT.SOLD_ONCE },
    { seed: 29, by: INVARIANT.SOLD_ONCE },
    { seed: 52, by: INVARIANT.PAID_ONCE },
    { seed: 47, by: INVARIANT.PAID_ONCE },
  ],
  makeActivities: (deps) => {
    const { store } = deps;
    const requests: typeof store.requests = {
      ...store.requests,
      find: async (id) => {
        const found = await store.requests.find(id);
        return found && { ...found, state: REQUEST_STATE.PREPARED };
      },
      claim: async (id, sender, asked) => {
        const { sends } = await store.requests.get(id);
        return (await store.requests.claim(id, sender, asked)) ?? sends;
      },
    };
    return createActivities({ ...deps, store: { ...store, requests } });
  },
};
