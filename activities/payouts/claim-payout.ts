import { findPayoutRequestProblems, type PayoutOrigin } from '../../src/domain/payout-request.js';
import { FAILURES } from '../../src/domain/failure-type.js';
import { isText } from '../../src/domain/field-problems.js';
import { DEFAULT_OWNER } from '../../src/domain/identifiers.js';
import { DEFAULT_PAYOUT_POLICY, type PayoutPolicy } from '../../src/domain/policy.js';
import { ACCEPTANCE, type ClaimedPayout } from '../../src/store/payouts/acceptance.js';
import { currentRunId } from '../current-run.js';
import type { ActivityDependencies } from '../dependencies.js';

export interface ClaimPayoutInput {
  readonly payoutId: string;
  /** What a run brings that was started without the API; null where the payout has to be in the store. */
  readonly asked:
    (Pick<PayoutOrigin, 'request' | 'maker'> & { readonly policy: Partial<PayoutPolicy> }) | null;
}

export type ClaimPayoutResult =
  | ({ readonly kind: 'claimed' | 'superseded' } & ClaimedPayout)
  /** The run cannot be about any payout; the row that may be there stays as it is. */
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'conflict' };

/**
 * The first step of every run: makes it the one that carries the payout, and answers with what the store says of it. A
 * payout that a Temporal client started is accepted here, by the rules and the function of the API.
 */
export function createClaimPayout({ store }: ActivityDependencies) {
  return async function claimPayout({ payoutId, asked }: ClaimPayoutInput): Promise<ClaimPayoutResult> {
    if (asked !== null) {
      const problems = findPayoutRequestProblems(asked.request).map(({ field }) => field);
      if (!isText(asked.maker)) problems.push('maker');
      if (problems.length > 0) return invalid(problems.join(', '));
      const policy = { ...DEFAULT_PAYOUT_POLICY, ...asked.policy };
      const acceptance = await store.payouts.accept({ ...asked, owner: DEFAULT_OWNER, policy });
      if (acceptance === ACCEPTANCE.CONFLICT) return { kind: 'conflict' };
    }
    const claimed = await store.payouts.claim(payoutId, currentRunId());
    if (claimed === undefined) return invalid('the store has no such payout, and the input brings none');
    return { kind: claimed.isCarried ? 'claimed' : 'superseded', ...claimed };
  };
}

function invalid(detail: string): ClaimPayoutResult {
  return { kind: 'invalid', message: `${FAILURES.INVALID_REQUEST.meaning} (${detail})` };
}
