import { FAILURE_KIND, FAILURE_TYPE, FAILURES, type FailureType } from '../../domain/failure-type.js';
import type { PayoutStatus } from '../../domain/payout-status.js';
import type { StoreTransaction } from '../database.js';
import type { Refusal } from '../outcome.js';
import { addFlag, holdFor, isInTimeline } from './payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/** What about an object of QbitPay's needs a person. */
export interface Discrepancy {
  readonly reason: FailureType;
  /** Names the object: the words of another attempt are other ones. */
  readonly detail: string;
}

/**
 * Flags the payout for what was found, once, and holds it where a person has to decide about that. If QbitPay shows the
 * payout as ended, the payout ends all the same, and what was found stays to be seen.
 */
export async function markDiscrepancy(
  trx: StoreTransaction,
  row: PayoutRow,
  { reason: holdReason, detail }: Discrepancy,
  { ends }: { readonly ends: boolean } = { ends: false },
): Promise<PayoutStatus> {
  if (await isInTimeline(trx, row.payout_id, detail)) return row.status;
  const isFlag = FAILURES[holdReason].kind === FAILURE_KIND.FLAGGED;
  const status = ends || isFlag ? row.status : await holdFor(trx, row, { holdReason, detail });
  // A hold has put it in the timeline; otherwise the flag does.
  await addFlag(trx, { ...row, status }, holdReason, detail);
  return status;
}

/** Holds a payout whose money went out of more than the ledger knows of. */
export function holdUncovered(
  trx: StoreTransaction,
  row: PayoutRow,
  { message }: Refusal,
): Promise<PayoutStatus> {
  return holdFor(trx, row, { holdReason: FAILURE_TYPE.DEBIT_EXCEEDS_LEDGER, detail: message });
}
