import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { FAILURE_TYPE, FAILURES, isFailureType, type FailureType } from '../src/domain/failure-type.js';

/** Why an activity did not answer, in the engine's words; a time-out or a lost database is the engine's own. */
export function failureTypeOf(error: unknown): FailureType {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const type = cause instanceof ApplicationFailure ? (cause.type ?? '') : '';
  return isFailureType(type) ? type : FAILURE_TYPE.ENGINE_UNAVAILABLE;
}

/** The pause that the provider asked for, in milliseconds; the attempts of the activity that knew it are used up. */
export function retryAfterMsOf(error: unknown): number {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const [detail] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  const { retryAfterMs } = (detail ?? {}) as { readonly retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' ? retryAfterMs : 0;
}

/** Fails the workflow: it was started with something that is no payout request. */
export function invalidRequest(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: FAILURE_TYPE.INVALID_REQUEST, message, nonRetryable: true });
}

/** Whoever decided is told that QbitPay has to be read first, and why it cannot be; nothing was changed. */
export function cannotBeRead(type: FailureType): ApplicationFailure {
  return ApplicationFailure.create({ type, message: FAILURES[type].meaning, nonRetryable: true });
}
