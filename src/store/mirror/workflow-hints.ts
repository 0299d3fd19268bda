import { sql } from 'kysely';
import { NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import type { HintSignal } from '../schema.js';

/**
 * Signals to the workflows of payouts: each says that something stands in the store that the workflow has not seen. A hint
 * is written with what it is about, and stays until Temporal took the signal: a crash between the two loses none. Of each
 * signal a payout has one at most, however much happens to it. Whoever reads what it is about takes it away: before that
 * it is not sent again.
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
    .where('delivered_at', 'is', null)
    .where('refused_at', 'is', null)
    .orderBy('hint_no')
    .limit(limit)
    .execute();
}

/** The run that has it will read what this is about: whatever happens before it does, it is told. */
export async function noteDelivered(db: StoreDatabase, { hintNo }: WorkflowHint): Promise<void> {
  await db.updateTable('workflow_hints').set({ delivered_at: NOW }).where('hint_no', '=', hintNo).execute();
}

/** The run takes no more signals: only another one can be told. */
export async function noteRefused(db: StoreDatabase, { hintNo }: WorkflowHint): Promise<void> {
  await db.updateTable('workflow_hints').set({ refused_at: NOW }).where('hint_no', '=', hintNo).execute();
}

/** Payouts whose workflow takes no more signals: at most this many. */
export async function listUntold(db: StoreDatabase, limit: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('workflow_hints')
    .select('payout_id')
    .distinct()
    .where('refused_at', 'is not', null)
    .orderBy('payout_id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.payout_id);
}

/** Another run carries the payout by now: what the one before was told and has not read, this one has to be told. */
export async function tellAnew(trx: StoreTransaction, payoutId: string): Promise<void> {
  await trx
    .updateTable('workflow_hints')
    .set({ delivered_at: null, refused_at: null })
    .where('payout_id', '=', payoutId)
    .execute();
}

/** Called before what the signal is about is read: what happens from now on is a hint of its own. */
export async function takeHint(db: StoreDatabase, payoutId: string, signal: HintSignal): Promise<void> {
  await db
    .deleteFrom('workflow_hints')
    .where('payout_id', '=', payoutId)
    .where('signal', '=', signal)
    .execute();
}

/** The signal was taken, or there is nobody to take it. */
export async function forgetHint(db: StoreDatabase, { hintNo }: WorkflowHint): Promise<void> {
  await db.deleteFrom('workflow_hints').where('hint_no', '=', hintNo).execute();
}
