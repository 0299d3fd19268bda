import { ApplicationFailure } from '@temporalio/activity';

/**
 * "Not yet": the activity's retry policy is the poll loop, so that a poll adds an attempt and no event. Benign,
 * or every poll would be logged as a failure. `nextPollMs` wins over the pause of that policy.
 */
export function notYet(message: string, nextPollMs?: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'NOT_YET',
    message,
    ...(nextPollMs === undefined ? {} : { nextRetryDelay: nextPollMs }),
    category: 'BENIGN',
  });
}
