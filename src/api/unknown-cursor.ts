import { UnknownCursorError } from '../store/payouts/payout-records.js';
import { ProblemError } from './problem.js';

/** Answers 400 where the cursor of a list names nothing; all other errors stay what they are. */
export function refuseUnknownCursor(thing: 'payout' | 'deposit' | 'entry') {
  return (error: unknown): never => {
    if (!(error instanceof UnknownCursorError)) throw error;
    throw ProblemError.of('VALIDATION_FAILED', `The cursor names no ${thing}.`, {
      errors: [{ field: error.field, message: `names no ${thing}` }],
    });
  };
}
