import { createActivities } from '../../../activities/index.js';
import { FENCE_STATE } from '../../../src/book/schema.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A fence that always stands open: who comes again sends again. */
export const FENCE_SKIPPED: Bug = {
  name: 'fenceSkipped',
  about: 'takes a request that was sent before for one that was not',
  found: [
    { seed: 34, by: INVARIANT.SOLD_ONCE },
    { seed: 29, by: INVARIANT.SOLD_ONCE },
    { seed: 52, by: INVARIANT.PAID_ONCE },
    { seed: 47, by: INVARIANT.PAID_ONCE },
  ],
  makeActivities: (deps) => {
    const { book } = deps;
    const attempts: typeof book.attempts = {
      ...book.attempts,
      findFence: async (id) => {
        const fence = await book.attempts.findFence(id);
        return fence && { ...fence, state: FENCE_STATE.PREPARED };
      },
      claimSending: async (id, asked) => {
        const { sends } = await book.attempts.getFence(id);
        return (await book.attempts.claimSending(id, asked)) ?? sends;
      },
    };
    return createActivities({ ...deps, book: { ...book, attempts } });
  },
};
