import type { FailureType } from '../src/domain/failure-type.js';

export interface RetryLaterOptions {
  /** Wins over the pause of the activity's retry policy, in milliseconds. */
  readonly afterMs?: number | undefined;
  /** What the store shows the payout to wait for meanwhile. @default nothing: the provider has answered */
  readonly waitsFor?: FailureType | undefined;
}

/**
 * Thrown by an activity that has nothing to answer yet. Its retry policy is the poll loop, so that a poll adds an
 * attempt to the history and no event.
 */
export class RetryLaterError extends Error {
  override readonly name = 'RetryLaterError';
  readonly afterMs: number | undefined;
  readonly waitsFor: FailureType | undefined;

  constructor(message: string, { afterMs, waitsFor }: RetryLaterOptions = {}) {
    super(message);
    this.afterMs = afterMs;
    this.waitsFor = waitsFor;
  }
}

/** All who wait were told the same time: they come back spread over half as long again. */
export function spread(delayMs: number): number {
  return Math.ceil(delayMs * (1 + Math.random() / 2));
}
