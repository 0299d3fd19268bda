import type { ActivityOptions } from '@temporalio/workflow';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import type { PayoutPolicy } from '../src/domain/policy.js';

/**
 * Time-outs and retry rules of every activity. None has a `scheduleToClose`: a payout may wait for an outage of
 * days, and a retry delay that reaches beyond it would fail the activity at once.
 */

/** Reads of the provider: a few quick attempts, then the workflow shows the reason and waits longer. */
export const READ_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '1h', maximumAttempts: 3 },
};

/**
 * Requests that move money: one attempt; run again by the workflow they find their provider request. The time is more than
 * the request (80 s) and the writing of its answer can take together; a worker that dies is noticed by its heartbeat.
 */
export const POST_PROFILE: ActivityOptions = {
  startToCloseTimeout: '4m',
  heartbeatTimeout: '60s',
  retry: { maximumAttempts: 1 },
};

/**
 * Polls: the retry policy is the poll loop; the activity names the pause itself. A provider that does not answer
 * is no poll: the workflow shows it.
 */
export const POLL_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: {
    initialInterval: '5s',
    backoffCoefficient: 1,
    // Also the limit of the pause that the activity names.
    maximumInterval: '1h',
    nonRetryableErrorTypes: [FAILURE_TYPE.PROVIDER_UNAVAILABLE, FAILURE_TYPE.RATE_LIMITED],
  },
};

/** Readings of all of the provider's list: as polls, but each may take long. */
export const RESOLVE_OUTCOME_PROFILE: ActivityOptions = {
  ...POLL_PROFILE,
  startToCloseTimeout: '30m',
  heartbeatTimeout: '60s',
};

/** Waiting for the provider: for ever; `random` (0 to 1) keeps those who wait from coming back at once. */
export function awaitProviderProfile(
  { retryInitialMs, retryMaxMs }: Pick<PayoutPolicy, 'retryInitialMs' | 'retryMaxMs'>,
  reason: FailureType,
  random: number,
  leaveAloneMs: number,
): ActivityOptions {
  return {
    startToCloseTimeout: '45s',
    summary: `waiting: ${reason}`,
    retry: {
      initialInterval: Math.ceil(retryInitialMs * (1 + random)),
      backoffCoefficient: 2,
      // Also the limit of the pause that the activity names, which is half as long again at most.
      maximumInterval: Math.max(retryMaxMs, retryInitialMs * 2, Math.ceil(leaveAloneMs * 1.5)),
    },
  };
}

/** The store alone: repeated until the database is back. */
export const STORE_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** What a person decided: the store is waited for; a provider that does not answer is told to whoever decided. */
export const OPERATE_PROFILE: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '60s',
  retry: {
    initialInterval: '500ms',
    backoffCoefficient: 2,
    maximumInterval: '30s',
    nonRetryableErrorTypes: [
      FAILURE_TYPE.PROVIDER_UNAVAILABLE,
      FAILURE_TYPE.RATE_LIMITED,
      FAILURE_TYPE.AUTHENTICATION_REFUSED,
    ],
  },
};

/** Pages through the provider's lists; the next run is the retry, and whoever asked is told. */
export const RECONCILE_PROFILE: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '1s', maximumAttempts: 3 },
};

/** The sweep over the webhook inbox: the next sweep is the retry. */
export const SWEEP_PROFILE: ActivityOptions = {
  startToCloseTimeout: '2m',
  retry: { maximumAttempts: 1 },
};
