import type { CloseOutcome } from '../src/book/funding.js';
import type { FailureType } from '../src/domain/failure-type.js';
import { MILESTONE } from '../src/domain/milestone.js';
import type { ActivityDependencies } from './dependencies.js';
import { toBookOrigin, type PayoutOriginInput } from './payout-origin.js';

export interface CloseFundingInput {
  readonly origin: PayoutOriginInput;
  readonly to: 'cancelled' | 'expired' | 'failed' | 'rejected';
  /** One line for the timeline. */
  readonly detail: string;
  readonly failure: { readonly type: FailureType; readonly message: string } | null;
}

/** Ends a payout whose money has not left, under the lock that deposits are allocated under. */
export function createCloseFunding({ book, reached }: ActivityDependencies) {
  return async function closeFunding(input: CloseFundingInput): Promise<CloseOutcome> {
    const outcome = await book.payouts.close({
      origin: await toBookOrigin(book, input.origin),
      to: input.to,
      detail: input.detail,
      ...(input.failure === null ? {} : { failure: input.failure }),
    });
    await reached(MILESTONE.FUNDING_CLOSED);
    return outcome;
  };
}
