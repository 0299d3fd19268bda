import { activityInfo } from '@temporalio/activity';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import type { ActivityDependencies } from '../dependencies.js';
import { RetryLaterError, spread } from '../retry-later.js';

export interface AwaitProviderInput {
  /** Whose reason for waiting is kept up to date in the store; null when it is not a payout that waits. */
  readonly payoutId: string | null;
  readonly reason: FailureType;
  /** How long it asked to be left alone. @default 0 */
  readonly leaveAloneMs?: number;
}

const FIRST_SYNC_PAUSE_MS = 2_000;
const FIRST_ANSWER_PAUSE_MS = 1_000;

/**
 * Reads the account until the provider answers with the key that is in force; who waits for the first sync, or the
 * first answer, asks the store alone. Its retry policy is the wait, so that an outage of days adds attempts and no events.
 */
export function createAwaitProvider({ store, qbitpay, seen }: ActivityDependencies) {
  return async function awaitProvider({
    payoutId,
    reason,
    leaveAloneMs = 0,
  }: AwaitProviderInput): Promise<void> {
    if (reason === FAILURE_TYPE.FIRST_SYNC) {
      if (await store.mirror.isGranted(seen.startWish)) return;
      const afterMs = spread(FIRST_SYNC_PAUSE_MS);
      throw new RetryLaterError('QbitPay was not read to its end yet', { afterMs, waitsFor: reason });
    }
    if (reason === FAILURE_TYPE.FIRST_ANSWER) {
      if (payoutId === null || (await store.requests.mayBeSent(payoutId))) return;
      const afterMs = spread(FIRST_ANSWER_PAUSE_MS);
      throw new RetryLaterError('another payout is not answered yet', { afterMs, waitsFor: reason });
    }
    if (leaveAloneMs > 0 && activityInfo().attempt === 1) {
      throw new RetryLaterError('QbitPay asked to be left alone', { afterMs: spread(leaveAloneMs) });
    }
    await qbitpay.getAccount();
  };
}
