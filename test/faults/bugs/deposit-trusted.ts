import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** The notice names currency and amount: why ask where the money is? */
export const DEPOSIT_TRUSTED: Bug = {
  name: 'depositTrusted',
  about: 'books a deposit as its notice says, without reading its money',
  found: [{ seed: 12, by: INVARIANT.READ_BEFORE_BELIEVED }],
  makeActivities: (deps) => ({
    ...createActivities(deps),
    verifyDeposit: async ({ depositKey, notice }) => ({
      depositKey: await deps.store.deposits.recordVerifiedDeposit({
        ...notice,
        depositKey,
        proof: 'the notice',
      }),
    }),
  }),
};
