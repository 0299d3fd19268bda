import type { ActivityOptions } from '@temporalio/workflow';

/**
 * Time-outs and retry rules of every activity. None has a `scheduleToClose`: a payout may wait for an outage of
 * days, and a retry delay that reaches beyond it would fail the activity at once.
 */

/** Reads of the provider: a few quick attempts, then the workflow shows the reason and waits longer. */
export const READ_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5s', maximumAttempts: 3 },
};

/** Requests that move money: one attempt; run again by the workflow they find their fence. */
export const POST_PROFILE: ActivityOptions = {
  startToCloseTimeout: '90s',
  retry: { maximumAttempts: 1 },
};

/** Polls: the retry policy is the poll loop; the activity names the pause itself. */
export const POLL_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' },
};

/** The book alone: repeated until the database is back. */
export const BOOK_PROFILE: ActivityOptions = {
  startToCloseTimeout: '45s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** The sweep over the webhook inbox: the next sweep is the retry. */
export const SWEEP_PROFILE: ActivityOptions = {
  startToCloseTimeout: '2m',
  retry: { maximumAttempts: 1 },
};
