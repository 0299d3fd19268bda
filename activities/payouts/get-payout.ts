import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { PayoutPolicy } from '../../src/domain/policy.js';
import { OBJECT_KIND } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import { readUnlessFailing } from '../provider/missing-object.js';
import { readShown } from '../provider/shown-object.js';
import { postShown } from './post-shown.js';

export interface GetPayoutInput extends Pick<PayoutPolicy, 'unknownOutcomeWaitSeconds'> {
  readonly payoutId: string;
}

/**
 * Posts what QbitPay shows of an accepted payout. The mirror answers, unless a webhook announced an end since it was read.
 */
export function createGetPayout(deps: ActivityDependencies) {
  return async function getPayout(input: GetPayoutInput): Promise<PayoutState<'unshown'>> {
    const { store } = deps;
    const { payoutId } = input;
    await store.mirror.takeHint(payoutId, 'payoutEvent');
    const state = await readState(store, payoutId);
    const { providerPayoutId } = state;
    if (providerPayoutId === null) return state;
    const unread = await store.mirror.findUnread(payoutId);
    const others = unread.filter(
      ({ kind, providerId }) => kind === OBJECT_KIND.PAYOUT && providerId !== providerPayoutId,
    );
    // At once: others that do not answer must not use up the time of the one that is settled.
    const [{ object: payout, forMs }] = await Promise.all([
      readShown(deps, 'payout', providerPayoutId),
      ...others.map(({ providerId }) => readUnlessFailing(() => readShown(deps, 'payout', providerId))),
    ]);
    await postShown(deps, payoutId, { unread, own: providerPayoutId });
    // A 404 right after it was created means "not visible yet"; a read never ends a payout by itself.
    return payout === undefined
      ? awaitShown(deps, input, providerPayoutId, forMs)
      : readState(store, payoutId);
  };
}

/** Until it has not been shown for as long as it may be late. */
async function awaitShown(
  { store }: ActivityDependencies,
  { payoutId, unknownOutcomeWaitSeconds }: GetPayoutInput,
  providerPayoutId: string,
  forMs: number,
): Promise<PayoutState<'unshown'>> {
  const state = await readState(store, payoutId);
  if (forMs < unknownOutcomeWaitSeconds * 1_000) return { ...state, next: 'unshown' };
  if (state.status !== PAYOUT_STATUS.IN_TRANSIT) return state;
  const detail = `QbitPay does not show payout ${providerPayoutId}`;
  return putOnHold(store, payoutId, { reason: FAILURE_TYPE.STATUS_NOT_KNOWN, detail });
}
