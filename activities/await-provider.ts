import { ApplicationFailure } from '@temporalio/activity';
import { QbitPayError } from '../src/qbitpay/errors.js';
import type { ActivityDependencies } from './dependencies.js';
import { classifyReadError } from './failure-mapping.js';
import { noteWaiting } from './watched.js';

export interface AwaitProviderInput {
  /** Whose reason for waiting is kept up to date in the book; null when it is not a payout that waits. */
  readonly payoutId: string | null;
}

/**
 * Reads the account until the provider answers with the key that is in force. Its retry policy is the wait, so
 * that an outage of days adds attempts and no events.
 */
export function createAwaitProvider({ book, qbitpay }: ActivityDependencies) {
  return async function awaitProvider({ payoutId }: AwaitProviderInput): Promise<void> {
    try {
      await qbitpay.getAccount();
    } catch (error) {
      if (!(error instanceof QbitPayError)) throw error;
      const { type, retryAfterMs } = classifyReadError(error);
      if (payoutId !== null) await noteWaiting(book, payoutId, type);
      throw ApplicationFailure.create({
        type,
        message: `${type}: still waiting for QbitPay`,
        category: 'BENIGN',
        ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
      });
    }
  };
}
