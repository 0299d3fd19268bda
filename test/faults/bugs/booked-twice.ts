import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A deposit that has a name of its own wherever it is heard of. */
export const BOOKED_TWICE: Bug = {
  name: 'bookedTwice',
  about: 'books a deposit under each of its names',
  found: [{ seed: 12, by: INVARIANT.MONEY_AGREES }],
  makeActivities: (deps) => {
    const activities = createActivities(deps);
    return {
      ...activities,
      verifyDeposit: async (input) => {
        const proof = await activities.verifyDeposit(input);
        const { currency, amount } = input.notice;
        const names = { depositKey: `${input.depositKey}-again`, providerDepositId: null, txHash: null };
        await deps.store.deposits.recordVerifiedDeposit({
          ...names,
          currency,
          amount,
          address: null,
          proof: 'the notice',
        });
        return proof;
      },
    };
  },
};
