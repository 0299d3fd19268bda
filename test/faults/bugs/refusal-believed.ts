import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** The provider says no: what else should have happened? */
export const REFUSAL_BELIEVED: Bug = {
  name: 'refusalBelieved',
  about: 'takes a refusal for final at once',
  found: [
    { seed: 1, by: INVARIANT.PAID_ONCE },
    { seed: 46, by: INVARIANT.PAID_ONCE },
  ],
  makeActivities: (deps) => {
    const { requests } = deps.store;
    const endUnknown: typeof requests.endUnknown = async (id, sends, refused) => {
      const state = await requests.endUnknown(id, sends, refused);
      if (refused !== undefined) await requests.confirmRefusal(id, sends);
      return state;
    };
    return createActivities({ ...deps, store: { ...deps.store, requests: { ...requests, endUnknown } } });
  },
};
