import { FUNDING } from '../../domain/payout-request.js';
import { isFinalStatus } from '../../domain/payout-status.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { addTimelineEntry, lockPayout, type PayoutRow } from '../payouts/payout-transitions.js';
import { DECLARATION_OUTCOME, type DeclarationOutcome } from '../payouts/payout-records.js';

export interface TransactionDeclaration {
  readonly payoutId: string;
  /** Normalised. */
  readonly txHash: string;
  readonly actor: string;
}

/** Binds a transaction hash to a payout: a deposit that carries it can only be this payout's. */
export async function declareTransaction(
  db: StoreDatabase,
  declaration: TransactionDeclaration,
): Promise<DeclarationOutcome> {
  return inTransaction(db, async (trx) => {
    const payout = await lockPayout(trx, declaration.payoutId);
    if (payout === undefined) return DECLARATION_OUTCOME.UNKNOWN_PAYOUT;
    const inserted = takesDeposits(payout) ? await insertDeclaration(trx, declaration) : undefined;
    if (inserted !== undefined) {
      await addTimelineEntry(trx, payout.payout_id, payout.status, 'transaction of the deposit declared');
      return DECLARATION_OUTCOME.DECLARED;
    }
    const existing = await trx
      .selectFrom('declared_transactions')
      .select('payout_id')
      .where('tx_hash', '=', declaration.txHash)
      .executeTakeFirst();
    if (existing?.payout_id === declaration.payoutId) return DECLARATION_OUTCOME.DECLARED;
    if (existing !== undefined) return DECLARATION_OUTCOME.DECLARED_ELSEWHERE;
    return isFinalStatus(payout.status)
      ? DECLARATION_OUTCOME.PAYOUT_ENDED
      : DECLARATION_OUTCOME.FUNDED_FROM_BALANCE;
  });
}

function takesDeposits(payout: PayoutRow): boolean {
  return payout.funding === FUNDING.DEPOSIT && !isFinalStatus(payout.status);
}

async function insertDeclaration(
  trx: StoreTransaction,
  { txHash, payoutId, actor }: TransactionDeclaration,
): Promise<unknown> {
  return trx
    .insertInto('declared_transactions')
    .values({ tx_hash: txHash, payout_id: payoutId, declared_by: actor })
    .onConflict((conflict) => conflict.doNothing())
    .returning('tx_hash')
    .executeTakeFirst();
}
