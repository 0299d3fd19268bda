import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { QbitPayError } from '../../src/qbitpay/errors.js';
import type { ActivityDependencies } from '../dependencies.js';
import { classifyReadError } from '../failure-mapping.js';
import { retryLater, spread } from '../retry-later.js';
import { noteWaiting } from '../watched.js';

export interface AwaitProviderInput {
  /** Whose reason for waiting is kept up to date in the store; null when it is not a payout that waits. */
  readonly payoutId: string | null;
  /** How long it asked to be left alone. @default 0 */
  readonly leaveAloneMs?: number;
}

/**
 * Reads the account until the provider answers with the key that is in force. Its retry policy is the wait, so
 * that an outage of days adds attempts and no events.
 */
export function createAwaitProvider({ store, qbitpay }: ActivityDependencies) {
  return async function awaitProvider(input: AwaitProviderInput): Promise<void> {
    const { payoutId, leaveAloneMs = 0 } = input;
    if (leaveAloneMs > 0 && activityInfo().attempt === 1) {
      throw retryLater('QbitPay asked to be left alone', spread(leaveAloneMs));
    }
    try {
      await qbitpay.getAccount();
    } catch (error) {
      if (!(error instanceof QbitPayError)) throw error;
      const { type, retryAfterMs } = classifyReadError(error);
      if (payoutId !== null) await noteWaiting(store, payoutId, type);
      throw ApplicationFailure.create({
        type,
        message: `${type}: still waiting for QbitPay`,
        category: 'BENIGN',
        ...(retryAfterMs === undefined ? {} : { nextRetryDelay: spread(retryAfterMs) }),
      });
    }
  };
}
