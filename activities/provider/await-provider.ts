import { activityInfo } from '@temporalio/activity';
import type { ActivityDependencies } from '../dependencies.js';
import { RetryLaterError, spread } from '../retry-later.js';

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
export function createAwaitProvider({ qbitpay }: ActivityDependencies) {
  return async function awaitProvider({ leaveAloneMs = 0 }: AwaitProviderInput): Promise<void> {
    if (leaveAloneMs > 0 && activityInfo().attempt === 1) {
      throw new RetryLaterError('QbitPay asked to be left alone', { afterMs: spread(leaveAloneMs) });
    }
    await qbitpay.getAccount();
  };
}
