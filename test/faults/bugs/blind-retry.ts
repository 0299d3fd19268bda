import { createActivities } from '../../../activities/index.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** Without the deadline of the first one, which would keep the second one back on a slow machine. */
function anew<T extends object>(
  request: T,
): T & { readonly decidedAt: undefined; readonly latestAtMs: undefined } {
  return { ...request, decidedAt: undefined, latestAtMs: undefined };
}

/** "It failed, so try again": after a request whose outcome is not known. */
export const BLIND_RETRY: Bug = {
  name: 'blindRetry',
  about: 'sends a request that moves money once more when no good answer came',
  found: [
    { seed: 73, by: INVARIANT.SOLD_ONCE },
    { seed: 29, by: INVARIANT.SOLD_ONCE },
    { seed: 33, by: INVARIANT.SOLD_ONCE },
    { seed: 37, by: INVARIANT.PAID_ONCE },
    { seed: 34, by: INVARIANT.PAID_ONCE },
  ],
  makeActivities: (deps) => {
    const { qbitpay } = deps;
    return createActivities({
      ...deps,
      qbitpay: {
        ...qbitpay,
        createOrder: (order) => qbitpay.createOrder(order).catch(() => qbitpay.createOrder(anew(order))),
        createPayout: (payout) =>
          qbitpay.createPayout(payout).catch(() => qbitpay.createPayout(anew(payout))),
      },
    });
  },
};
