import { sql, type UpdateObject } from 'kysely';
import {
  FAILURE_KIND,
  FAILURE_TYPE,
  failureTypesOfKind,
  type Failure,
  type FailureType,
} from '../../domain/failure-type.js';
import {
  canTransition,
  isFinalStatus,
  PAYOUT_STATUS,
  type PayoutStatus,
} from '../../domain/payout-status.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import type { PayoutRow, StoreSchema } from '../schema.js';

/** An expected amount cannot be given to another payout for this long after its own has closed. */
const EXPECTED_AMOUNT_REST_DAYS = 30;

export interface TransitionDetail {
  /** One line for the timeline; never personal data. */
  readonly detail: string;
  readonly holdReason?: FailureType;
  readonly failure?: Failure;
  /** Takes a held payout on: decided by a person, or by the money that was missing. */
  readonly resumes?: boolean;
  /** What is known of it from now on. */
  readonly columns?: UpdateObject<StoreSchema, 'payouts'>;
}

/** Reads a payout and keeps every other writer of it waiting until the transaction ends. */
export async function lockPayout(trx: StoreTransaction, payoutId: string): Promise<PayoutRow | undefined> {
  // Who only refers to the row, as its hints do, need not wait.
  return selectPayout(trx, payoutId).forNoKeyUpdate().executeTakeFirst();
}

/** For who will need them all, or after the ledger: in one order, or two transactions could wait for each other. */
export async function lockPayouts(trx: StoreTransaction, payoutIds: readonly string[]): Promise<void> {
  if (payoutIds.length === 0) return;
  await sql`select from payouts where payout_id = any(${[...payoutIds]}::text[])
    order by payout_id collate "C" for no key update`.execute(trx);
}

export function selectPayout(db: StoreDatabase, payoutId: string) {
  return db.selectFrom('payouts').selectAll().where('payout_id', '=', payoutId);
}

/** Writes columns of a payout, and when that was. */
export async function updatePayout(
  trx: StoreTransaction,
  payoutId: string,
  changes: UpdateObject<StoreSchema, 'payouts'>,
): Promise<void> {
  await trx
    .updateTable('payouts')
    .set({ updated_at: NOW, ...changes })
    .where('payout_id', '=', payoutId)
    .execute();
}

/** As {@link lockPayout}, for payouts that must be there. */
export async function lockExistingPayout(trx: StoreTransaction, payoutId: string): Promise<PayoutRow> {
  const row = await lockPayout(trx, payoutId);
  if (row === undefined) throw new Error(`payout ${payoutId} is not in the store`);
  return row;
}

/** True for the run that claimed the payout last. */
export function isCarriedBy({ run_ids: runIds }: Pick<PayoutRow, 'run_ids'>, runId: string): boolean {
  return runIds.at(-1) === runId;
}

/**
 * Moves a locked payout on, if the table of legal transitions allows it. Answers with the status that the payout then
 * has; the caller goes on from that. Repeating a transition changes nothing.
 */
export async function transitionPayout(
  trx: StoreTransaction,
  row: PayoutRow,
  to: PayoutStatus,
  detail: TransitionDetail,
): Promise<PayoutStatus> {
  return (await movePayout(trx, row, to, detail)).status;
}

/** As {@link transitionPayout}; answers with the row as it then is, or as it was given where nothing changes. */
export async function movePayout(
  trx: StoreTransaction,
  row: PayoutRow,
  to: PayoutStatus,
  { detail, holdReason, failure, resumes, columns }: TransitionDetail,
): Promise<PayoutRow> {
  if (row.status === to || !canTransition(row.status, to)) return row;
  // A step does not take a payout out of a person's hands. An end that QbitPay shows does.
  if (row.status === PAYOUT_STATUS.HELD && !isFinalStatus(to) && resumes !== true) return row;
  const entry = { payout_id: row.payout_id, status: to, detail };
  const moved = await trx
    .with('entry', (cte) => cte.insertInto('payout_timeline').values(entry))
    .updateTable('payouts')
    .set({
      ...columns,
      updated_at: NOW,
      status: to,
      hold_reason: holdReason ?? null,
      held_from: to === PAYOUT_STATUS.HELD ? row.status : null,
      failure_type: failure?.type ?? null,
      failure_message: failure?.message ?? null,
    })
    .where('payout_id', '=', row.payout_id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (isFinalStatus(to)) await restExpectedAmount(trx, row.payout_id);
  return moved;
}

export async function addTimelineEntry(
  trx: StoreTransaction,
  payoutId: string,
  status: PayoutStatus,
  detail: string,
): Promise<void> {
  await trx.insertInto('payout_timeline').values({ payout_id: payoutId, status, detail }).execute();
}

/** Flags a payout, whatever its status: something about it is worth a look. */
export async function addFlag(
  trx: StoreTransaction,
  { payout_id: payoutId, status }: Pick<PayoutRow, 'payout_id' | 'status'>,
  flag: FailureType,
  detail: string,
): Promise<void> {
  await updatePayout(trx, payoutId, {
    flags: sql<FailureType[]>`case when ${flag} = any(flags) then flags else flags || ${flag}::text end`,
  });
  await addTimelineEntryOnce(trx, payoutId, status, detail);
}

/** A provider that comes and goes must not fill the timeline with the same line. */
export async function addTimelineEntryOnce(
  trx: StoreTransaction,
  payoutId: string,
  status: PayoutStatus,
  detail: string,
): Promise<void> {
  const last = await trx
    .selectFrom('payout_timeline')
    .select('detail')
    .where('payout_id', '=', payoutId)
    .orderBy('entry_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last?.detail !== detail) await addTimelineEntry(trx, payoutId, status, detail);
}

export async function isInTimeline(
  trx: StoreTransaction,
  payoutId: string,
  detail: string,
): Promise<boolean> {
  const entry = await trx
    .selectFrom('payout_timeline')
    .select('entry_id')
    .where('payout_id', '=', payoutId)
    .where('detail', '=', detail)
    .executeTakeFirst();
  return entry !== undefined;
}

async function restExpectedAmount(trx: StoreTransaction, payoutId: string): Promise<void> {
  await trx
    .updateTable('expected_deposits')
    .set({
      rests_until: sql<Date>`clock_timestamp() + make_interval(days => ${EXPECTED_AMOUNT_REST_DAYS})`,
    })
    .where('payout_id', '=', payoutId)
    .execute();
}

/** Holds a payout, or gives a held one another reason to be held. */
export async function holdFor(
  trx: StoreTransaction,
  row: PayoutRow,
  hold: TransitionDetail & { readonly holdReason: FailureType },
): Promise<PayoutStatus> {
  if (await changeHold(trx, row, hold)) return row.status;
  return transitionPayout(trx, row, PAYOUT_STATUS.HELD, hold);
}

/** A held payout has another reason to be held now; false when nothing changes. */
export async function changeHold(
  trx: StoreTransaction,
  row: PayoutRow,
  { detail, holdReason }: TransitionDetail,
): Promise<boolean> {
  if (row.status !== PAYOUT_STATUS.HELD || holdReason === undefined || holdReason === row.hold_reason) {
    return false;
  }
  await updatePayout(trx, row.payout_id, { hold_reason: holdReason });
  await addTimelineEntry(trx, row.payout_id, row.status, detail);
  // Whoever wrote it may not be the workflow that waits for a person.
  await hintPayouts(trx, [row.payout_id], 'payoutEvent');
  return true;
}

/** Shows what an open payout waits for; the status stays. */
export async function noteWaiting(db: StoreDatabase, payoutId: string, reason: FailureType): Promise<void> {
  await inTransaction(db, async (trx) => {
    const row = await lockPayout(trx, payoutId);
    if (row === undefined || isFinalStatus(row.status) || row.status === PAYOUT_STATUS.HELD) return;
    if (row.hold_reason === reason) return;
    await updatePayout(trx, payoutId, { hold_reason: reason });
    await addTimelineEntryOnce(trx, payoutId, row.status, `waiting: ${reason}`);
  });
}

/** An answer of QbitPay's ends none of these: what it says does. */
const NOT_OVER_BY_AN_ANSWER: readonly FailureType[] = [FAILURE_TYPE.SETTLEMENT_OVERDUE];

/** Ends what {@link noteWaiting} showed; a hold that needs a person stays. */
export async function clearWaiting(db: StoreDatabase, payoutId: string): Promise<void> {
  await db
    .updateTable('payouts')
    .set({ hold_reason: null, updated_at: NOW })
    .where('payout_id', '=', payoutId)
    .where('hold_reason', 'in', [...failureTypesOfKind(FAILURE_KIND.WAITING)])
    .where('hold_reason', 'not in', [...NOT_OVER_BY_AN_ANSWER])
    .execute();
}
