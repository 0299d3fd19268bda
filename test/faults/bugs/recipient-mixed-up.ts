import { createActivities } from '../../../activities/index.js';
import type { QbitPayClient } from '../../../src/qbitpay/client.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** A variable that outlives its request. */
export const RECIPIENT_MIXED_UP: Bug = {
  name: 'recipientMixedUp',
  about: 'sends every payout where the first one of its kind went',
  found: [{ seed: 2, by: INVARIANT.PAYS_THE_RECIPIENT }],
  makeActivities: (deps) => {
    const first = new Map<string, Parameters<QbitPayClient['createPayout']>[0]['destination']>();
    const createPayout: QbitPayClient['createPayout'] = (payout) => {
      const { type } = payout.destination;
      const destination = first.get(type) ?? payout.destination;
      first.set(type, destination);
      return deps.qbitpay.createPayout({ ...payout, destination });
    };
    return createActivities({ ...deps, qbitpay: { ...deps.qbitpay, createPayout } });
  },
};
