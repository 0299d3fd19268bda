import { FUNDING } from '../../domain/payout-request.js';
import { isFinalStatus } from '../../domain/payout-status.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { addTimelineEntry, lockPayout } from '../payouts/payout-transitions.js';
import type { DepositRow } from '../schema.js';
import { lockDeposits, matchAgain } from './allocation.js';
import { lockDepositNames } from './deposit-notices.js';

/** As the API says it, where it was not declared. */
export type DeclarationOutcome =
  'DECLARED' | 'TRANSACTION_DECLARED_ELSEWHERE' | 'PAYOUT_ENDED' | 'NO_DEPOSIT_EXPECTED' | 'PAYOUT_NOT_FOUND';

export interface TransactionDeclaration {
  readonly payoutId: string;
  /** Normalised. */
  readonly txHash: string;
  readonly actor: string;
}

/**
 * Binds a transaction hash to a payout: a deposit that carries it can only be this payout's. One that came before anybody
 * said whose it is becomes the payout's now.
 */
export async function declareTransaction(
  db: StoreDatabase,
  { payoutId, txHash, actor }: TransactionDeclaration,
): Promise<DeclarationOutcome> {
  return inTransaction(db, async (trx) => {
    await lockDepositNames(trx);
    const deposits = await lockDepositsOf(trx, txHash);
    const payout = await lockPayout(trx, payoutId);
    if (payout === undefined) return 'PAYOUT_NOT_FOUND';
    const existing = await trx
      .selectFrom('declared_transactions')
      .select('payout_id')
      .where('tx_hash', '=', txHash)
      .executeTakeFirst();
    if (existing?.payout_id === payoutId) return 'DECLARED';
    if (existing !== undefined) return 'TRANSACTION_DECLARED_ELSEWHERE';
    if (isFinalStatus(payout.status)) return 'PAYOUT_ENDED';
    if (payout.funding !== FUNDING.DEPOSIT) return 'NO_DEPOSIT_EXPECTED';
    await trx
      .insertInto('declared_transactions')
      .values({ tx_hash: txHash, payout_id: payoutId, declared_by: actor })
      .execute();
    await addTimelineEntry(trx, payoutId, payout.status, 'transaction of the deposit declared');
    for (const deposit of deposits) await matchAgain(trx, deposit);
    return 'DECLARED';
  });
}

async function lockDepositsOf(trx: StoreTransaction, txHash: string): Promise<readonly DepositRow[]> {
  const rows = await trx.selectFrom('deposits').select('deposit_id').where('tx_hash', '=', txHash).execute();
  return lockDeposits(
    trx,
    rows.map((row) => row.deposit_id),
  );
}
