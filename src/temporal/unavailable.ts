import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { TemporalUnavailableError } from './payout-gateway.js';

/**
 * gRPC status codes by which a server, or a network, says that it did not do it now, or does not know whether it did:
 * a worker that takes a task and stands still makes the server give up a request in several of these words.
 */
const PASSING_CODES: readonly number[] = [
  1 /* cancelled */, 2 /* unknown */, 4 /* deadline */, 8 /* exhausted */, 10 /* aborted */,
  13 /* internal */, 14 /* unavailable */, 15 /* data loss */,
];

/** True when Temporal did not answer in time or not at all. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && PASSING_CODES.includes(cause.code);
}

/** Runs a call to Temporal; that it cannot be reached becomes a {@link TemporalUnavailableError}. */
export async function orUnavailable<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new TemporalUnavailableError('Temporal does not answer', { cause: error });
  }
}
