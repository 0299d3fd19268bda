import type { FailureType } from '../src/domain/failure-type.js';
import type { ActivityDependencies } from './dependencies.js';
import { hold, type Superseded } from './superseded.js';

export interface HoldPayoutInput {
  readonly payoutId: string;
  readonly reason: FailureType;
  readonly detail: string;
}

/** Puts a payout aside for a person; answers with the status that the book then has. */
export function createHoldPayout({ book }: ActivityDependencies) {
  return async function holdPayout(input: HoldPayoutInput): Promise<Superseded> {
    return hold(book, input.payoutId, input.reason, input.detail);
  };
}
