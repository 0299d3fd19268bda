import { ApplicationFailure } from '@temporalio/activity';
import { REQUEST_OPERATION, type RequestOperation } from '../src/store/schema.js';
import { FAILURE_TYPE, FAILURES, type FailureType } from '../src/domain/failure-type.js';
import type { QbitPayError } from '../src/qbitpay/errors.js';
import {
  QbitPayAnotherAccountError,
  QbitPayAuthenticationError,
  QbitPayConnectionError,
  QbitPayInvalidRequestError,
  QbitPayProviderError,
  QbitPayRateLimitError,
} from '../src/qbitpay/errors.js';
import { spread, type RetryLaterError } from './retry-later.js';

/**
 * The one place where a provider error becomes what the engine does about it. Reads are repeated: a few
 * times by the activity's retry policy, then, visibly, by the workflow. Requests that move money are never
 * repeated by Temporal: their verdict says what the provider request is set to and what follows.
 */

export interface ReadVerdict {
  readonly type: FailureType;
  /** False: repeating within the activity is no use, the workflow shows the reason and waits. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
}

/** A delay of zero is no pause to Temporal: it takes it for "never again", and a payout would end by it. */
const SHORTEST_DELAY_MS = 1;

export function classifyReadError(error: QbitPayError): ReadVerdict {
  if (error instanceof QbitPayAuthenticationError) {
    return { type: FAILURE_TYPE.AUTHENTICATION_REFUSED, retryable: false, retryAfterMs: undefined };
  }
  if (error instanceof QbitPayAnotherAccountError) {
    return { type: FAILURE_TYPE.ACCOUNT_CHANGED, retryable: false, retryAfterMs: undefined };
  }
  if (error instanceof QbitPayRateLimitError) {
    const { retryAfterMs } = error;
    const delayMs = retryAfterMs === undefined ? undefined : Math.max(SHORTEST_DELAY_MS, retryAfterMs);
    return { type: FAILURE_TYPE.RATE_LIMITED, retryable: true, retryAfterMs: delayMs };
  }
  return {
    type: FAILURE_TYPE.PROVIDER_UNAVAILABLE,
    retryable: !(error instanceof QbitPayInvalidRequestError),
    retryAfterMs: undefined,
  };
}

/** What crosses to Temporal: a code and the operation, never the provider's text. */
export function toReadFailure(error: QbitPayError): ApplicationFailure {
  const { type, retryable, retryAfterMs } = classifyReadError(error);
  const status = error instanceof QbitPayProviderError ? ` (HTTP ${error.status})` : '';
  return ApplicationFailure.create({
    type,
    message: `${type}: ${error.operation} got no usable answer${status}`,
    nonRetryable: !retryable,
    // The delay is for the activity's next attempt; after its last one the workflow reads the details.
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs, details: [{ retryAfterMs }] }),
  });
}

/** For an activity that waits until the provider answers: every attempt is one more, for as long as it takes. */
export function toWaitingFailure(error: QbitPayError): ApplicationFailure {
  const { type, retryAfterMs } = classifyReadError(error);
  return ApplicationFailure.create({
    type,
    message: `${type}: still waiting for QbitPay`,
    category: 'BENIGN',
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: spread(retryAfterMs) }),
  });
}

/** Benign: otherwise every poll would be logged as a failure. */
export function toRetryLaterFailure({ message, afterMs }: RetryLaterError): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'RETRY_LATER',
    message,
    ...(afterMs === undefined ? {} : { nextRetryDelay: afterMs }),
    category: 'BENIGN',
  });
}

/** What an answer to a request that moves money says became of it; every refusal is provisional. */
export type PostVerdict =
  /** No byte of it left. */
  | { readonly kind: 'notSent' }
  /** QbitPay wants it later, or with another key. */
  | { readonly kind: 'retryLater'; readonly reason: FailureType; readonly afterMs: number }
  /** The price is no longer valid: ask for a new one. Orders only. */
  | { readonly kind: 'priceRefused' }
  /** `invalid`: an `invalid_request_error`. `refused`: understood and refused, for a person to look at. */
  | { readonly kind: 'invalid' | 'refused' }
  /** It may have taken effect. */
  | { readonly kind: 'unknown' };

const UNKNOWN: PostVerdict = { kind: 'unknown' };

/** The refusals that are documented (contract, section Errors); any other 4xx may be somebody else's, after the effect. */
const DOCUMENTED_REFUSALS: readonly number[] = [400, 401, 402, 403, 404];
const TOO_MANY_REQUESTS = 429;

/**
 * The outcome of a request that moves money. Only what is documented, with its error object, counts as refused
 * (a key refusal also without any body: contract, section Errors); everything that is not certain is unknown.
 */
export function classifyPostError(operation: RequestOperation, error: unknown): PostVerdict {
  if (error instanceof QbitPayConnectionError && !error.sent) {
    return { kind: 'notSent' };
  }
  if (!(error instanceof QbitPayProviderError)) return UNKNOWN;
  if (error.status !== TOO_MANY_REQUESTS && !DOCUMENTED_REFUSALS.includes(error.status)) return UNKNOWN;
  const isKeyRefused = error instanceof QbitPayAuthenticationError;
  if (!error.hasErrorObject && !(isKeyRefused && error.isEmpty)) return UNKNOWN;
  if (isKeyRefused) return { kind: 'retryLater', reason: FAILURE_TYPE.AUTHENTICATION_REFUSED, afterMs: 0 };
  if (error instanceof QbitPayRateLimitError) {
    return { kind: 'retryLater', reason: FAILURE_TYPE.RATE_LIMITED, afterMs: error.retryAfterMs ?? 0 };
  }
  if (error instanceof QbitPayInvalidRequestError) {
    return operation === REQUEST_OPERATION.ORDER && error.status === PRICE_REFUSED_STATUS
      ? { kind: 'priceRefused' }
      : { kind: 'invalid' };
  }
  // [I] `api_error` says that the request was understood and refused with 402 only; else its outcome is unknown.
  return error.status === UNDERSTOOD_AND_REFUSED_STATUS ? { kind: 'refused' } : UNKNOWN;
}

const UNDERSTOOD_AND_REFUSED_STATUS = 402;

/** [I] An order whose price is no longer valid is refused with 402 `invalid_request_error` (contract, section Orders). */
const PRICE_REFUSED_STATUS = 402;

/** Thrown by a step that cannot be taken now: the workflow shows the reason, and tries again when it may be gone. */
export function waitFor(type: FailureType): ApplicationFailure {
  return ApplicationFailure.create({ type, message: FAILURES[type].meaning, nonRetryable: true });
}
