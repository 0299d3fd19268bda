import { FUNDING } from '../../domain/payout-request.js';
import { isFinalStatus } from '../../domain/payout-status.js';
import { inTransaction, type StoreDatabase } from '../database.js';
import { addTimelineEntry, lockPayout } from '../payouts/payout-transitions.js';

export const DECLARATION_OUTCOME = {
  DECLARED: 'declared',
  /** Another payout declared the same transaction. */
  DECLARED_ELSEWHERE: 'declaredElsewhere',
  /** The payout has ended; money for it would be unallocated. */
  PAYOUT_ENDED: 'payoutEnded',
  /** The payout expects no deposit. */
  FUNDED_FROM_BALANCE: 'fundedFromBalance',
  UNKNOWN_PAYOUT: 'unknownPayout',
} as const;
export type DeclarationOutcome = (typeof DECLARATION_OUTCOME)[keyof typeof DECLARATION_OUTCOME];

export interface TransactionDeclaration {
  readonly payoutId: string;
  /** Normalised. */
  readonly txHash: string;
  readonly actor: string;
}

/** Binds a transaction hash to a payout: a deposit that carries it can only be this payout's. */
export async function declareTransaction(
  db: StoreDatabase,
  { payoutId, txHash, actor }: TransactionDeclaration,
): Promise<DeclarationOutcome> {
  return inTransaction(db, async (trx) => {
    const payout = await lockPayout(trx, payoutId);
    if (payout === undefined) return DECLARATION_OUTCOME.UNKNOWN_PAYOUT;
    const existing = await trx
      .selectFrom('declared_transactions')
      .select('payout_id')
      .where('tx_hash', '=', txHash)
      .executeTakeFirst();
    if (existing?.payout_id === payoutId) return DECLARATION_OUTCOME.DECLARED;
    if (existing !== undefined) return DECLARATION_OUTCOME.DECLARED_ELSEWHERE;
    if (isFinalStatus(payout.status)) return DECLARATION_OUTCOME.PAYOUT_ENDED;
    if (payout.funding !== FUNDING.DEPOSIT) return DECLARATION_OUTCOME.FUNDED_FROM_BALANCE;
    const inserted = await trx
      .insertInto('declared_transactions')
      .values({ tx_hash: txHash, payout_id: payoutId, declared_by: actor })
      // Another payout may declare it at the same moment.
      .onConflict((conflict) => conflict.doNothing())
      .returning('tx_hash')
      .executeTakeFirst();
    if (inserted === undefined) return DECLARATION_OUTCOME.DECLARED_ELSEWHERE;
    await addTimelineEntry(trx, payoutId, payout.status, 'transaction of the deposit declared');
    return DECLARATION_OUTCOME.DECLARED;
  });
}
