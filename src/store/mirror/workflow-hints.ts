import { sql } from 'kysely';
import type { StoreDatabase, StoreTransaction } from '../database.js';
import type { HintSignal } from '../schema.js';

/**
 * Signals to the workflows of payouts: each says that something stands in the store that the workflow has not seen. A hint
 * is written with what it is about, and stays until Temporal took the signal: a crash between the two loses none. Of each
 * signal a payout has one at most, however much happens to it.
 */

export async function hintPayouts(
  trx: StoreTransaction,
  payoutIds: readonly string[],
  signal: HintSignal,
): Promise<void> {
  if (payoutIds.length === 0) return;
  await trx
    .insertInto('workflow_hints')
    // In one order, or two writers could wait for each other.
    .values([...new Set(payoutIds)].toSorted().map((payoutId) => ({ payout_id: payoutId, signal })))
    // A new number: whoever is just delivering the hint before must not take this one away.
    .onConflict((conflict) =>
      conflict.columns(['payout_id', 'signal']).doUpdateSet({ hint_no: sql`default` }),
    )
    .execute();
  // Only hastens it: who delivers looks by himself as well.
  await sql`notify workflow_hints`.execute(trx);
}

export interface WorkflowHint {
  readonly payoutId: string;
  readonly signal: HintSignal;
  readonly hintNo: string;
}

/** The oldest hints that wait to be delivered. */
export async function readHints(db: StoreDatabase, limit: number): Promise<readonly WorkflowHint[]> {
  return db
    .selectFrom('workflow_hints')
    .select(['payout_id as payoutId', 'signal', 'hint_no as hintNo'])
    .orderBy('hint_no')
    .limit(limit)
    .execute();
}

/** The signal was taken, or there is nobody to take it. */
export async function forgetHint(db: StoreDatabase, { hintNo }: WorkflowHint): Promise<void> {
  await db.deleteFrom('workflow_hints').where('hint_no', '=', hintNo).execute();
}
