import { createActivities } from '../../../activities/index.js';
import { QbitPayInvalidRequestError } from '../../../src/qbitpay/errors.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** Nobody is ever paid twice by an engine that does not try: every failure is final. */
export const GIVES_UP: Bug = {
  name: 'givesUp',
  about: 'takes every answer to a request that moves money that is not a success for a refusal',
  found: [{ seed: 59, by: INVARIANT.HAS_A_REASON }],
  makeActivities: (deps) => {
    const { qbitpay } = deps;
    const refuse = (operation: string) => (): never => {
      throw new QbitPayInvalidRequestError({
        operation,
        words: 'it did not work',
        status: 400,
        hasErrorObject: true,
        isEmpty: false,
        retryAfterMs: undefined,
      });
    };
    return createActivities({
      ...deps,
      qbitpay: {
        ...qbitpay,
        createOrder: (order) => qbitpay.createOrder(order).catch(refuse('createOrder')),
        createPayout: (payout) => qbitpay.createPayout(payout).catch(refuse('createPayout')),
      },
    });
  },
};
