import { createActivities } from '../../../activities/index.js';
import type { QbitPayClient } from '../../../src/qbitpay/client.js';
import { isUnknownId } from '../../../activities/provider/missing-object.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** There is no such payout, so it was not paid. */
export const VANISHED_IS_FAILED: Bug = {
  name: 'vanishedIsFailed',
  about: 'takes a payout that QbitPay does not show any more for failed',
  found: [{ seed: 3, by: INVARIANT.COMES_TO_AN_END }],
  makeActivities: (deps) => {
    const { store, qbitpay } = deps;
    const asFailed =
      (getPayout: QbitPayClient['getPayout']): QbitPayClient['getPayout'] =>
      async (id) => {
        try {
          return await getPayout(id);
        } catch (error) {
          const known = await store.mirror.findObject('payout', id);
          if (!isUnknownId(error) || known === undefined) throw error;
          return { ...known.content, status: 'failed' } as Awaited<ReturnType<typeof getPayout>>;
        }
      };
    const background = { ...qbitpay.background, getPayout: asFailed(qbitpay.background.getPayout) };
    return createActivities({
      ...deps,
      qbitpay: { ...qbitpay, background, getPayout: asFailed(qbitpay.getPayout) },
    });
  },
};
