import { ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import type { Book } from '../src/book/book.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { QbitPayError } from '../src/qbitpay/errors.js';
import { classifyReadError, toReadFailure } from './failure-mapping.js';

/** As {@link showingOutages}; what the payout waited for is over when the provider has answered. */
export async function watched<T>(book: Book, payoutId: string, step: () => Promise<T>): Promise<T> {
  const result = await showingOutages(book, payoutId, step);
  await book.payouts.clearWaiting(payoutId);
  return result;
}

/**
 * Runs a step of a payout that reads the provider. While the provider does not answer, or the engine cannot finish the
 * step, the book shows what the payout waits for; the error that reaches Temporal is the engine's own.
 */
export async function showingOutages<T>(book: Book, payoutId: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof QbitPayError) {
      await noteWaiting(book, payoutId, classifyReadError(error).type);
      throw toReadFailure(error);
    }
    // What a step itself says to Temporal (not yet, refused) is an answer; anything else has to be seen.
    if (!(error instanceof ApplicationFailure || error instanceof CancelledFailure))
      await noteWaiting(book, payoutId, FAILURE_TYPE.ENGINE_UNAVAILABLE);
    throw error;
  }
}

/** Shows a reason in the book; that it cannot be shown must not hide the reason itself. */
export async function noteWaiting(book: Book, payoutId: string, reason: FailureType): Promise<void> {
  try {
    await book.payouts.noteWaiting(payoutId, reason);
  } catch (error) {
    log.warn('the book did not take the reason for waiting', { payoutId, reason, error: String(error) });
  }
}
