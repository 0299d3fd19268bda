import { ACCOUNT_NOT_KNOWN } from './account-not-known.js';
import { BLIND_RETRY } from './blind-retry.js';
import { BOOKED_TWICE } from './booked-twice.js';
import { BRAKE_IGNORED } from './brake-ignored.js';
import type { Bug } from './bug.js';
import { DEPOSIT_NOT_REREAD } from './deposit-not-reread.js';
import { DEPOSIT_TRUSTED } from './deposit-trusted.js';
import { GUARD_SKIPPED } from './guard-skipped.js';
import { GIVES_UP } from './gives-up.js';
import { NAIVE_PAYOUT } from './naive-payout.js';
import { NOBODY_SUPERVISES } from './nobody-supervises.js';
import { RECIPIENT_MIXED_UP } from './recipient-mixed-up.js';
import { REFUSAL_BELIEVED } from './refusal-believed.js';
import { STALE_PRICE } from './stale-price.js';
import { TWIN_IGNORED } from './twin-ignored.js';
import { VANISHED_IS_FAILED } from './vanished-is-failed.js';
import { WEBHOOK_TRUSTED } from './webhook-trusted.js';

export type { Bug };
export { NAIVE_PAYOUT };

/** Names the planted mistake of a worker. */
export const BUG_VARIABLE = 'FAULTS_BUG';

export const BUGS: readonly Bug[] = [
  BLIND_RETRY,
  GUARD_SKIPPED,
  WEBHOOK_TRUSTED,
  DEPOSIT_TRUSTED,
  STALE_PRICE,
  BOOKED_TWICE,
  GIVES_UP,
  REFUSAL_BELIEVED,
  TWIN_IGNORED,
  DEPOSIT_NOT_REREAD,
  RECIPIENT_MIXED_UP,
  VANISHED_IS_FAILED,
  NOBODY_SUPERVISES,
  ACCOUNT_NOT_KNOWN,
  BRAKE_IGNORED,
  NAIVE_PAYOUT,
];

/** @throws for a name that no bug has: an engine without its mistake would be taken for one with it */
export function findBug(name: string | undefined): Bug | undefined {
  const bug = BUGS.find((one) => one.name === name);
  if (name !== undefined && bug === undefined) throw new Error(`${BUG_VARIABLE}: there is no bug ${name}`);
  return bug;
}
