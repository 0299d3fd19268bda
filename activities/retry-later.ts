import { ApplicationFailure } from '@temporalio/activity';

/**
 * "Not yet": the activity's retry policy is the poll loop, so that a poll adds an attempt and no event. Benign,
 * or every poll would be logged as a failure. `nextPollMs` wins over the pause of that policy.
 */
export function retryLater(message: string, nextPollMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'RETRY_LATER',
    message,
    ...(nextPollMs === undefined ? {} : { nextRetryDelay: nextPollMs }),
    category: 'BENIGN',
  });
}

/** Everybody who waits was told the same time: they come back spread over half as long again. */
export function spread(delayMs: number): number {
  return Math.ceil(delayMs * (1 + Math.random() / 2));
}
