import { recordAccepted } from '../../../activities/payouts/accepted-object.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { createActivities, type Activities } from '../../../activities/index.js';
import { REQUEST_OPERATION } from '../../../src/store/schema.js';
import { payoutExternalId } from '../../../src/domain/identifiers.js';
import { postAmountFor } from '../../../src/domain/quote.js';
import { INVARIANT } from '../world.js';
import type { Bug } from './bug.js';

/** What everybody writes first: an activity that posts, and a retry policy of three attempts. The baseline. */
export const NAIVE_PAYOUT: Bug = {
  name: 'naivePayout',
  about: 'createPayout without a provider request, tried three times by Temporal: the naive baseline',
  found: [
    { seed: 52, by: INVARIANT.PAID_ONCE },
    { seed: 21, by: INVARIANT.PAID_ONCE },
  ],
  usesNaiveWorkflows: true,
  makeActivities: (deps) => ({ ...createActivities(deps), createPayout: createNaivePayout(deps) }),
};

function createNaivePayout(deps: ActivityDependencies): Activities['createPayout'] {
  return async ({ payoutId }) => {
    const payout = await deps.store.payouts.getPayout(payoutId);
    const { request, feeTerms, payoutAttempt } = payout;
    const externalOrderId = payoutExternalId(payoutId, payoutAttempt);
    const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
    await deps.store.requests.prepare(payoutId, id, 'sending');
    if (feeTerms === null) throw new Error('the payout was never opened');
    const { currency, destination } = request;
    const own = await deps.store.ledger.fundsOf(payoutId);
    const funds = own.find((one) => one.currency === currency)?.amount ?? '0';
    const amount = postAmountFor(request, funds, feeTerms);
    const answer = await deps.qbitpay.createPayout({ amount, currency, destination, externalOrderId });
    return recordAccepted(deps, payout, { id, answer, asked: { amount, currency } });
  };
}
