import { ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import type { Store } from '../src/store/store.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import { classifyReadError, toReadFailure } from './failure-mapping.js';

/** As {@link showingOutages}; what the payout waited for is over when the provider has answered. */
export async function watched<T>(store: Store, payoutId: string, step: () => Promise<T>): Promise<T> {
  const result = await showingOutages(store, payoutId, step);
  await store.payouts.clearWaiting(payoutId);
  return result;
}

/**
 * Runs a step of a payout that reads the provider. While the provider does not answer, or the engine cannot finish the
 * step, the store shows what the payout waits for; the error that reaches Temporal is the engine's own.
 */
export async function showingOutages<T>(store: Store, payoutId: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof QbitPayError) {
      await noteWaiting(store, payoutId, classifyReadError(error).type);
      throw toReadFailure(error);
    }
    // What a step itself says to Temporal (not yet, refused) is an answer; anything else has to be seen.
    if (!(error instanceof ApplicationFailure || error instanceof CancelledFailure))
      await noteWaiting(store, payoutId, FAILURE_TYPE.ENGINE_UNAVAILABLE);
    throw error;
  }
}

/** Shows a reason in the store; that it cannot be shown must not hide the reason itself. */
export async function noteWaiting(store: Store, payoutId: string, reason: FailureType): Promise<void> {
  try {
    await store.payouts.noteWaiting(payoutId, reason);
  } catch (error) {
    log.warn('the store did not take the reason for waiting', { payoutId, reason, error: String(error) });
  }
}
