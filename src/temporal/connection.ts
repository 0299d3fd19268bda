import {
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import { TemporalUnavailableError } from './temporal-unavailable-error.js';

/**
 * Runs a call to Temporal with a deadline.
 * @throws TemporalUnavailableError when there is no answer in time, or none at all
 */
export async function callTemporal<T>(client: Client, timeoutMs: number, call: () => Promise<T>): Promise<T> {
  try {
    return await client.withDeadline(Date.now() + timeoutMs, call);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new TemporalUnavailableError('Temporal does not answer', { cause: error });
  }
}

/**
 * gRPC status codes by which a server, or a network, says that it did not do it now, or does not know whether it did.
 * When a worker takes a task and stands still, the server gives up the request with one of several of these codes.
 */
const PASSING_CODES: readonly number[] = [
  1 /* cancelled */, 2 /* unknown */, 4 /* deadline */, 8 /* exhausted */, 10 /* aborted */,
  13 /* internal */, 14 /* unavailable */, 15 /* data loss */,
];

function isUnavailable(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && PASSING_CODES.includes(cause.code);
}
