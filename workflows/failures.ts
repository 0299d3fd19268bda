import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { FAILURE_TYPE, isFailureType, type FailureType } from '../src/domain/failure-type.js';

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

/** What whoever started, asked or decided something is told; repeating the same changes nothing. */
export function refusal(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true });
}
