import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import type { StoreTransaction } from '../database.js';
import { reclaimFunds } from '../ledger/releases.js';
import { addFlag, lockExistingPayout, transitionPayout } from './payout-transitions.js';
import type { PayoutRow } from '../schema.js';

/**
 * QbitPay carries a payout out that had ended, or was held because its attempt had failed: it is in transit again, with
 * what is there of the money that it had left. The supervisor starts a workflow for it. Answers with the payout as it is now.
 */
export async function reopenPayout(trx: StoreTransaction, row: PayoutRow, shown: string): Promise<PayoutRow> {
  const detail = `carried out after all: ${shown}`;
  const status = await transitionPayout(trx, row, PAYOUT_STATUS.IN_TRANSIT, { detail, resumes: true });
  await addFlag(trx, { ...row, status }, FAILURE_TYPE.REOPENED, detail);
  await reclaimFunds(trx, row.payout_id);
  return lockExistingPayout(trx, row.payout_id);
}
