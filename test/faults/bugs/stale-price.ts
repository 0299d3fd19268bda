import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** The price that the caller saw is the price to sell at, whenever the deposit comes. */
export const STALE_PRICE: Bug = {
  name: 'stalePrice',
  about: 'sells at the price that the payout was opened with, however old',
  found: [{ seed: 50, by: INVARIANT.PRICE_IS_FRESH }],
  makeActivities: (deps) => {
    const activities = createActivities(deps);
    return {
      ...activities,
      fetchTicker: async (input) => {
        const answer = await activities.fetchTicker(input);
        const bid = (await deps.store.payouts.findPayout(input.payoutId))?.estimatedPrice ?? undefined;
        return answer.kind === 'price' && bid !== undefined
          ? { ...answer, price: { ...answer.price, bid } }
          : answer;
      },
    };
  },
};
