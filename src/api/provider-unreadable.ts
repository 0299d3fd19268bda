import { ProblemError } from './problem.js';

const RETRY_AFTER_SECONDS = '10';

/** What a person decides about has to be read at QbitPay first, and was not to be had. */
export function providerUnreadable(message: string): ProblemError {
  return ProblemError.of('UNAVAILABLE', `${message} Nothing was changed: try again later.`, {
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
}
