import type { DiscrepancyKind } from './reconciliation.js';

export interface DiscrepancyDescription {
  /** What is different, for anyone who reads it. */
  readonly meaning: string;
  /** What to do about it now. */
  readonly action: string;
}

const describe = (meaning: string, action: string): DiscrepancyDescription => ({ meaning, action });

/**
 * Every kind of discrepancy between the store and QbitPay. The API, the command and docs/operations.md show the same
 * words (a test keeps the page in step).
 */
export const DISCREPANCIES: Readonly<Record<DiscrepancyKind, DiscrepancyDescription>> = {
  MISSING_AT_PROVIDER: describe(
    'QbitPay accepted this payout or order and does not show it any more.',
    'Ask QbitPay what became of the provider id, and pay nothing again before it has answered.',
  ),
  UNKNOWN_AT_PROVIDER: describe(
    'QbitPay has a payout or order whose externalOrderId the store does not know, or knows as never accepted.',
    'Find out who sent it: another system with the same key, or an engine whose store was restored to an earlier moment; stop the workers in the second case.',
  ),
  OUTCOME_NOT_RECORDED: describe(
    'A request was sent, no answer came into the store, and QbitPay has carried it out.',
    'Treat the money as moved: never send it again, and write down the provider id with the payout.',
  ),
  DUPLICATE_AT_PROVIDER: describe(
    'QbitPay has more than one payout or order with the same externalOrderId.',
    'Ask QbitPay at once to cancel the ones that the store does not have.',
  ),
  AMOUNT_DIFFERS: describe(
    'The store and QbitPay have different amounts for the same payout, order or deposit.',
    'Take the amount in the QbitPay dashboard for the true one, and ask QbitPay why it changed.',
  ),
  FEE_DIFFERS: describe(
    'The store and QbitPay have different fees for the same payout or order.',
    'Take the fee in the QbitPay dashboard for the true one, and compare it with the agreed rate.',
  ),
  STATUS_DIFFERS: describe(
    'The store and QbitPay say different things about how a payout or order ended, or only one of them knows of an end.',
    'Look at the payout in the QbitPay dashboard, and pay nothing again before both say the same.',
  ),
  DEPOSIT_UNSEEN: describe(
    'QbitPay shows a deposit that the store does not have.',
    'Wait for the next run, which finds its workflow started; if it is still there then, look at the workers.',
  ),
  DEPOSIT_MISSING: describe(
    'The store has a deposit whose balance transaction QbitPay does not show any more.',
    'Ask QbitPay whether the deposit was taken back; until it has answered, do not pay out more from this account.',
  ),
  RETURN_OVERDUE: describe(
    'A payout failed or was cancelled, and its money has not come back into the store.',
    'Ask QbitPay for the return of the provider id, and pay again only under a new payoutId.',
  ),
  BALANCE_OFF: describe(
    'A balance at QbitPay is not what the ledger says, and nothing else in the report explains it.',
    'Compare the balance transactions in the QbitPay dashboard with the ledger, from the last clean run on.',
  ),
};
