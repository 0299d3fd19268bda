import { sql, type Selectable } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../domain/failure-type.js';
import { addAmounts, compareAmounts } from '../domain/money.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../domain/payout-status.js';
import type { BookDatabase, BookTransaction } from './database.js';
import { isFunded } from './funding.js';
import { addTimelineEntry, lockExistingPayout, lockPayout, type PayoutRow } from './payouts.js';
import { DECLARATION_OUTCOME, type DeclarationOutcome } from './records.js';
import type { BookSchema } from './schema.js';

type DepositRow = Selectable<BookSchema['deposits']>;

/** A deposit that the provider's API has shown to be there. */
export interface VerifiedDeposit {
  readonly depositKey: string;
  readonly providerDepositId: string | null;
  /** Normalised. */
  readonly txHash: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly address: string | null;
  /** What showed it: the id of the balance transaction, or the balance that was read. */
  readonly proof: string;
}

/** Writes the deposit once, whoever announces it how often. */
export async function recordVerifiedDeposit(
  db: BookDatabase | BookTransaction,
  deposit: VerifiedDeposit,
): Promise<void> {
  await db
    .insertInto('deposits')
    .values({
      deposit_key: deposit.depositKey,
      provider_deposit_id: deposit.providerDepositId,
      tx_hash: deposit.txHash,
      currency: deposit.currency,
      amount: deposit.amount,
      address: deposit.address,
      proof: deposit.proof,
      status: 'verified',
    })
    .onConflict((conflict) => conflict.column('deposit_key').doNothing())
    .execute();
}

export async function isKnownDeposit(
  db: BookDatabase | BookTransaction,
  depositKey: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('deposits')
    .select('deposit_key')
    .where('deposit_key', '=', depositKey)
    .executeTakeFirst();
  return row !== undefined;
}

export type AllocationOutcome =
  | { readonly kind: 'allocated'; readonly payoutId: string; readonly payoutStatus: PayoutStatus }
  | { readonly kind: 'parked'; readonly reason: FailureType; readonly payoutId: string | null };

/**
 * Decides once whose a verified deposit is, in one transaction: the payout that declared its transaction, else
 * the one that expects exactly its amount, else nobody. Nothing is guessed; repeating it answers the same.
 */
export async function allocateDeposit(db: BookDatabase, depositKey: string): Promise<AllocationOutcome> {
  return db.transaction().execute(async (trx) => {
    const deposit = await trx
      .selectFrom('deposits')
      .selectAll()
      .where('deposit_key', '=', depositKey)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (deposit.status !== 'verified') return toOutcome(trx, deposit);
    const match = await findMatch(trx, deposit);
    const payout = match.payoutId === undefined ? undefined : await lockPayout(trx, match.payoutId);
    const reason =
      match.conflict ?? (payout === undefined ? FAILURE_TYPE.UNMATCHED_DEPOSIT : refuse(deposit, payout));
    return reason === undefined && payout !== undefined
      ? allocate(trx, deposit, payout, match.by)
      : park(trx, deposit, reason ?? FAILURE_TYPE.UNMATCHED_DEPOSIT, payout);
  });
}

interface Match {
  readonly payoutId: string | undefined;
  readonly by: 'declaredTransaction' | 'exactAmount';
  readonly conflict: FailureType | undefined;
}

async function findMatch(trx: BookTransaction, deposit: DepositRow): Promise<Match> {
  const declared =
    deposit.tx_hash === null
      ? undefined
      : await trx
          .selectFrom('declared_transactions')
          .select('payout_id')
          .where('tx_hash', '=', deposit.tx_hash)
          .executeTakeFirst();
  const expected = await trx
    .selectFrom('expected_amounts')
    .select('payout_id')
    .where('currency', '=', deposit.currency)
    .where('amount', '=', deposit.amount)
    .executeTakeFirst();
  const contradict =
    declared !== undefined && expected !== undefined && declared.payout_id !== expected.payout_id;
  return {
    payoutId: declared?.payout_id ?? expected?.payout_id,
    by: declared === undefined ? 'exactAmount' : 'declaredTransaction',
    conflict: contradict ? FAILURE_TYPE.CONFLICTING_MATCH : undefined,
  };
}

/** Why this deposit is not this payout's after all; undefined when it is. */
function refuse(deposit: DepositRow, payout: PayoutRow): FailureType | undefined {
  if (isFinalStatus(payout.status)) return FAILURE_TYPE.LATE_DEPOSIT;
  if (payout.status !== PAYOUT_STATUS.AWAITING_DEPOSIT || isFunded(payout))
    return FAILURE_TYPE.EXCESS_DEPOSIT;
  if (deposit.address !== null && !isSameAddress(deposit.address, payout.deposit_address))
    return FAILURE_TYPE.WRONG_ADDRESS;
  if (deposit.currency !== payout.funding_currency) return FAILURE_TYPE.WRONG_AMOUNT;
  if (payout.deposit_amount === null || compareAmounts(deposit.amount, payout.deposit_amount) !== 0) {
    return FAILURE_TYPE.WRONG_AMOUNT;
  }
  return undefined;
}

/** Hexadecimal addresses differ in case by their checksum only; other chains' addresses are case-sensitive. */
function isSameAddress(left: string, right: string | null): boolean {
  const normalise = (address: string): string =>
    /^0x[0-9a-f]{40}$/i.test(address) ? address.toLowerCase() : address;
  return right !== null && normalise(left) === normalise(right);
}

async function allocate(
  trx: BookTransaction,
  deposit: DepositRow,
  payout: PayoutRow,
  matchedBy: Match['by'],
): Promise<AllocationOutcome> {
  const allocated = await decide(trx, deposit, {
    status: 'allocated',
    payout_id: payout.payout_id,
    matched_by: matchedBy,
  });
  await trx
    .updateTable('payouts')
    .set({
      deposit_received: addAmounts(payout.deposit_received, deposit.amount),
      updated_at: sql<Date>`clock_timestamp()`,
    })
    .where('payout_id', '=', payout.payout_id)
    .execute();
  await addTimelineEntry(
    trx,
    payout.payout_id,
    payout.status,
    `deposit of ${deposit.amount} ${deposit.currency} confirmed`,
  );
  return toOutcome(trx, allocated);
}

async function park(
  trx: BookTransaction,
  deposit: DepositRow,
  reason: FailureType,
  payout: PayoutRow | undefined,
): Promise<AllocationOutcome> {
  const parked = await decide(trx, deposit, { status: 'parked', park_reason: reason });
  if (payout !== undefined) {
    await addTimelineEntry(
      trx,
      payout.payout_id,
      payout.status,
      `deposit of ${deposit.amount} ${deposit.currency} parked: ${reason}`,
    );
  }
  return toOutcome(trx, parked);
}

async function decide(
  trx: BookTransaction,
  deposit: DepositRow,
  decision: Partial<Pick<DepositRow, 'status' | 'payout_id' | 'matched_by' | 'park_reason'>>,
): Promise<DepositRow> {
  return trx
    .updateTable('deposits')
    .set({ ...decision, decided_at: sql<Date>`clock_timestamp()` })
    .where('deposit_key', '=', deposit.deposit_key)
    .returningAll()
    .executeTakeFirstOrThrow();
}

async function toOutcome(trx: BookTransaction, deposit: DepositRow): Promise<AllocationOutcome> {
  const { payout_id: payoutId } = deposit;
  if (deposit.status !== 'allocated' || payoutId === null) {
    return { kind: 'parked', reason: deposit.park_reason ?? FAILURE_TYPE.UNMATCHED_DEPOSIT, payoutId };
  }
  const { status } = await lockExistingPayout(trx, payoutId);
  return { kind: 'allocated', payoutId, payoutStatus: status };
}

/** Binds a transaction hash (normalised) to a payout: a deposit that carries it can only be this payout's. */
export async function declareTransaction(
  db: BookDatabase,
  declaration: { readonly payoutId: string; readonly txHash: string; readonly actor: string },
): Promise<DeclarationOutcome> {
  return db.transaction().execute(async (trx) => {
    const payout = await lockPayout(trx, declaration.payoutId);
    if (payout === undefined) return DECLARATION_OUTCOME.UNKNOWN_PAYOUT;
    const inserted = isFinalStatus(payout.status) ? undefined : await insertDeclaration(trx, declaration);
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
    return existing === undefined ? DECLARATION_OUTCOME.PAYOUT_ENDED : DECLARATION_OUTCOME.DECLARED_ELSEWHERE;
  });
}

async function insertDeclaration(
  trx: BookTransaction,
  declaration: { readonly payoutId: string; readonly txHash: string; readonly actor: string },
): Promise<unknown> {
  return trx
    .insertInto('declared_transactions')
    .values({
      tx_hash: declaration.txHash,
      payout_id: declaration.payoutId,
      declared_by: declaration.actor,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('tx_hash')
    .executeTakeFirst();
}
