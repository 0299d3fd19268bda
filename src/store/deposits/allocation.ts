import { sql } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import {
  addAmounts,
  compareAmounts,
  isSameInCurrency,
  leastAmount,
  subtractAmounts,
} from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../domain/payout-status.js';
import { bookAllocations, type AllocationPart } from '../ledger/bookings.js';
import { NOW, type StoreTransaction } from '../database.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import { missingDeposit } from '../payouts/funding.js';
import {
  addFlag,
  addTimelineEntry,
  lockPayout,
  transitionPayout,
  updatePayout,
} from '../payouts/payout-transitions.js';
import { hintWaiting } from '../payouts/reservations.js';
import type { DepositRecord } from './deposit-reading.js';
import { DEPOSIT_STATUS, type DepositRow, type PayoutRow } from '../schema.js';

/**
 * Whose a deposit is: decided once, in one transaction, by what is certain or by a person. Whoever decides locks the rows
 * of deposits first, then those of payouts, each in the order of their ids, then the ledger.
 */

/**
 * Gives a deposit to the payout that declared its transaction, else to the one that expects exactly its amount, else to
 * nobody: nothing is guessed.
 */
export async function allocateDeposit(trx: StoreTransaction, deposit: DepositRow): Promise<void> {
  const match = await findMatch(trx, deposit);
  const payoutId = match.declared ?? match.expected;
  const payout = payoutId === null ? undefined : await lockPayout(trx, payoutId);
  if (payout === undefined) return leaveUnallocated(trx, deposit, FAILURE_TYPE.UNMATCHED_DEPOSIT);
  const reason = refuse(deposit, payout, match);
  if (reason !== undefined) return leaveUnallocated(trx, deposit, reason, payout);
  const isReleased = await give(trx, deposit, [{ payout, amount: deposit.amount }], {
    by: match.declared === null ? 'exactAmount' : 'declaredTransaction',
    detail: 'confirmed',
  });
  if (isReleased) await hintWaiting(trx, [deposit.currency]);
}

/** Looks again at a locked deposit that was nobody's: its transaction may be known, or declared, by now. */
export async function matchAgain(trx: StoreTransaction, deposit: DepositRow): Promise<void> {
  const isUnexplained = deposit.unallocated_reason === FAILURE_TYPE.UNMATCHED_DEPOSIT;
  if (deposit.status !== DEPOSIT_STATUS.UNALLOCATED || !isUnexplained) return;
  const { declared } = await findMatch(trx, deposit);
  if (declared !== null) await allocateDeposit(trx, deposit);
}

/** Keeps every other writer of these deposits waiting until the transaction ends. */
export async function lockDeposits(
  trx: StoreTransaction,
  depositIds: readonly string[],
): Promise<readonly DepositRow[]> {
  return (
    trx
      .selectFrom('deposits')
      .selectAll()
      .where('deposit_id', '=', sql<string>`any(${[...depositIds]}::text[])`)
      // By bytes, as JavaScript sorts; the database's collation may sort otherwise.
      .orderBy(sql`deposit_id collate "C"`)
      .forNoKeyUpdate()
      .execute()
  );
}

/** The payouts that declared the deposit's transaction, and that expect exactly its amount. */
interface Match {
  readonly declared: string | null;
  readonly expected: string | null;
}

async function findMatch(
  trx: StoreTransaction,
  { tx_hash: txHash, currency, amount }: DepositRow,
): Promise<Match> {
  const { rows } = await sql<Match>`select
    (select payout_id from declared_transactions where tx_hash = ${txHash}) as declared,
    (select payout_id from expected_deposits where currency = ${currency} and amount = ${amount}) as expected`.execute(
    trx,
  );
  return rows[0] ?? { declared: null, expected: null };
}

/** Why this deposit is not this payout's after all; undefined when it is. */
function refuse(deposit: DepositRow, payout: PayoutRow, { expected }: Match): FailureType | undefined {
  if (expected !== null && expected !== payout.payout_id) return FAILURE_TYPE.CONFLICTING_MATCH;
  if (isFinalStatus(payout.status)) return FAILURE_TYPE.LATE_DEPOSIT;
  if (payout.funding !== FUNDING.DEPOSIT) return FAILURE_TYPE.UNMATCHED_DEPOSIT;
  if (deposit.currency !== payout.funding_currency) return FAILURE_TYPE.WRONG_CURRENCY;
  if (deposit.address !== null && !isSameAddress(deposit.address, payout.deposit_address)) {
    return FAILURE_TYPE.WRONG_ADDRESS;
  }
  return undefined;
}

/** Hexadecimal addresses differ in case by their checksum only; other chains' addresses are case-sensitive. */
function isSameAddress(left: string, right: string | null): boolean {
  const normalise = (address: string): string =>
    /^0x[0-9a-f]{40}$/i.test(address) ? address.toLowerCase() : address;
  return right !== null && normalise(left) === normalise(right);
}

export interface Part {
  readonly payout: PayoutRow;
  readonly amount: string;
}

export interface Decision {
  readonly by: DepositRecord['allocations'][number]['matchedBy'];
  /** How it came about, for the timelines. */
  readonly detail: string;
  readonly actor?: string;
}

/**
 * Gives each payout up to what it lacks. What is beyond that its owner is owed, and of more than the smallest unit the
 * payout gets a flag; what is in no part becomes available. True when money was freed by that.
 */
export async function give(
  trx: StoreTransaction,
  deposit: DepositRow,
  parts: readonly Part[],
  decision: Decision,
): Promise<boolean> {
  const booked: AllocationPart[] = [];
  const rest = subtractAmounts(deposit.amount, addAmounts(...parts.map(({ amount }) => amount)));
  const excess = new Map<string | null, string>(compareAmounts(rest, '0') > 0 ? [[null, rest]] : []);
  for (const { payout, amount } of parts) {
    const missing = canStillBeFunded(payout) ? missingDeposit(payout) : '0';
    const given = leastAmount(amount, missing);
    const beyond = subtractAmounts(amount, given);
    if (compareAmounts(given, '0') > 0) {
      booked.push({ payoutId: payout.payout_id, owner: null, amount: given });
      await fundPayout(trx, payout, given, `deposit of ${amount} ${deposit.currency} ${decision.detail}`);
    }
    if (compareAmounts(beyond, '0') > 0) {
      excess.set(payout.owner, addAmounts(excess.get(payout.owner) ?? '0', beyond));
    }
    if (!isSameInCurrency(beyond, '0', deposit.currency)) {
      const detail = `${beyond} ${deposit.currency} more than needed was deposited; it is owed to the payout's owner`;
      await addFlag(trx, payout, FAILURE_TYPE.EXCESS_DEPOSIT, detail);
    }
  }
  for (const [owner, amount] of excess) booked.push({ payoutId: null, owner, amount });
  await writeAllocations(trx, [{ deposit, parts: booked }], decision);
  return excess.size > 0;
}

/** A payout that has come further does not use more money. */
export function canStillBeFunded(payout: PayoutRow): boolean {
  return (
    payout.status === PAYOUT_STATUS.AWAITING_DEPOSIT ||
    (payout.status === PAYOUT_STATUS.HELD && payout.held_from === PAYOUT_STATUS.AWAITING_DEPOSIT)
  );
}

async function fundPayout(
  trx: StoreTransaction,
  payout: PayoutRow,
  amount: string,
  detail: string,
): Promise<void> {
  const received = addAmounts(payout.deposit_received, amount);
  await updatePayout(trx, payout.payout_id, { deposit_received: received });
  const missing = missingDeposit({ ...payout, deposit_received: received });
  const isFunded = compareAmounts(missing, '0') === 0;
  const progress = isFunded ? detail : `${detail}; ${missing} ${payout.funding_currency} missing`;
  await addTimelineEntry(trx, payout.payout_id, payout.status, progress);
  await hintPayouts(trx, [payout.payout_id], 'depositAllocated');
  // The payout was held because the deadline had passed. With all the money there, nothing is left to decide.
  if (isFunded && payout.hold_reason === FAILURE_TYPE.UNDERFUNDED) {
    await transitionPayout(trx, payout, PAYOUT_STATUS.AWAITING_DEPOSIT, {
      detail: 'the rest of the deposit came in after the deadline',
      resumes: true,
    });
  }
}

/** Deposits, and whose they are: the parts of each add up to it. */
export type Allocated = readonly {
  readonly deposit: DepositRow;
  readonly parts: readonly AllocationPart[];
}[];

export async function writeAllocations(
  trx: StoreTransaction,
  allocated: Allocated,
  { by, actor }: Decision,
): Promise<void> {
  if (allocated.length === 0) return;
  await trx
    .insertInto('deposit_allocations')
    .values(
      allocated.flatMap(({ deposit, parts }) =>
        parts.map(({ payoutId, owner, amount }) => ({
          deposit_id: deposit.deposit_id,
          payout_id: payoutId,
          owner,
          amount,
          matched_by: by,
        })),
      ),
    )
    .execute();
  const depositIds = allocated.map(({ deposit }) => deposit.deposit_id);
  await trx
    .updateTable('deposits')
    .set({
      status: DEPOSIT_STATUS.ALLOCATED,
      decided_at: NOW,
      payout_id: sql`coalesce(
      (select min(payout_id) from deposit_allocations as part where part.deposit_id = deposits.deposit_id), payout_id)`,
    })
    .where('deposit_id', '=', sql<string>`any(${depositIds}::text[])`)
    .execute();
  const allocations = allocated.map(({ deposit, parts }) => ({
    depositKey: deposit.deposit_id,
    currency: deposit.currency,
    parts,
  }));
  await bookAllocations(trx, allocations, actor);
}

async function leaveUnallocated(
  trx: StoreTransaction,
  deposit: DepositRow,
  reason: FailureType,
  payout?: PayoutRow,
): Promise<void> {
  await trx
    .updateTable('deposits')
    .set({ unallocated_reason: reason, payout_id: payout?.payout_id ?? null, decided_at: NOW })
    .where('deposit_id', '=', deposit.deposit_id)
    .execute();
  const detail = `deposit of ${deposit.amount} ${deposit.currency} unallocated: ${reason}`;
  if (payout !== undefined) await addFlag(trx, payout, reason, detail);
}
