import { sql, type UpdateObject } from 'kysely';
import { FAILURE_TYPE, type FailureType } from '../../domain/failure-type.js';
import { addAmounts, compareAmounts, subtractAmounts } from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../domain/payout-status.js';
import { bookAllocation, type AllocationPart } from '../ledger/bookings.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { missingDeposit } from '../payouts/funding.js';
import {
  addFlag,
  addTimelineEntry,
  lockPayout,
  transitionPayout,
  updatePayout,
} from '../payouts/payout-transitions.js';
import { findWaitingForBalance } from '../payouts/reservations.js';
import type { DepositRecord } from './deposit-reading.js';
import { DEPOSIT_STATUS, type DepositRow, type PayoutRow, type StoreSchema } from '../schema.js';

/** Decides whose a verified deposit is: once, in one transaction, by what is certain or by a person. */

export type AllocationOutcome =
  | {
      readonly kind: 'allocated';
      readonly payoutId: string;
      readonly payoutStatus: PayoutStatus;
      /** What the payout still lacks; "0" when it is funded. */
      readonly missing: string;
      /** Payouts that wait for the available balance, which may have got a part. */
      readonly wake: readonly string[];
    }
  /** All of it went to the available balance. */
  | { readonly kind: 'freed'; readonly wake: readonly string[] }
  | { readonly kind: 'unallocated'; readonly reason: FailureType; readonly payoutId: string | null };

/** Where an unallocated deposit goes: parts that add up to it exactly, or all of it to the available balance. */
export type Assignment = 'available' | readonly { readonly payoutId: string; readonly amount: string }[];

/**
 * Gives a verified deposit to the payout that declared its transaction, else to the one that expects exactly its
 * amount, else to nobody. Nothing is guessed; repeating it answers the same. An unallocated deposit is looked at again:
 * its transaction may have been declared meanwhile.
 */
export async function allocateDeposit(db: StoreDatabase, depositKey: string): Promise<AllocationOutcome> {
  return inTransaction(db, async (trx) => {
    const deposit = await lockDeposit(trx, depositKey);
    if (deposit === undefined) throw new Error(`deposit ${depositKey} is not in the store`);
    if (deposit.status === DEPOSIT_STATUS.ALLOCATED) return describeAllocation(trx, deposit);
    const match = await findMatch(trx, deposit);
    const isUnexplained = deposit.unallocated_reason === FAILURE_TYPE.UNMATCHED_DEPOSIT;
    if (deposit.status === DEPOSIT_STATUS.UNALLOCATED && !(match.declared !== null && isUnexplained)) {
      return describeUnallocated(deposit);
    }
    const payoutId = match.declared ?? match.expected;
    const payout = payoutId === null ? undefined : await lockPayout(trx, payoutId);
    if (payout === undefined) return leaveUnallocated(trx, deposit, FAILURE_TYPE.UNMATCHED_DEPOSIT);
    const reason = refuse(deposit, payout, match);
    if (reason !== undefined) return leaveUnallocated(trx, deposit, reason, payout);
    await give(trx, deposit, [{ payout, amount: deposit.amount }], {
      by: match.declared === null ? 'exactAmount' : 'declaredTransaction',
      detail: 'confirmed',
    });
    return describeAllocation(trx, deposit);
  });
}

async function lockDeposit(trx: StoreTransaction, depositKey: string): Promise<DepositRow | undefined> {
  return trx
    .selectFrom('deposits')
    .selectAll()
    .where('deposit_id', '=', depositKey)
    .forUpdate()
    .executeTakeFirst();
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

interface Part {
  readonly payout: PayoutRow;
  readonly amount: string;
}

interface Decision {
  readonly by: DepositRecord['allocations'][number]['matchedBy'];
  /** How it came about, for the timelines. */
  readonly detail: string;
  readonly actor?: string;
}

/** Gives each payout up to what it lacks. What is beyond that becomes available, and the payout gets a flag. */
async function give(
  trx: StoreTransaction,
  deposit: DepositRow,
  parts: readonly Part[],
  decision: Decision,
): Promise<void> {
  const booked: AllocationPart[] = [];
  let excess = '0';
  for (const { payout, amount } of parts) {
    const missing = canStillBeFunded(payout) ? missingDeposit(payout) : '0';
    const given = compareAmounts(amount, missing) < 0 ? amount : missing;
    const beyond = subtractAmounts(amount, given);
    excess = addAmounts(excess, beyond);
    if (compareAmounts(given, '0') > 0) {
      booked.push({ payoutId: payout.payout_id, amount: given });
      await fundPayout(trx, payout, given, `deposit of ${amount} ${deposit.currency} ${decision.detail}`);
    }
    if (compareAmounts(beyond, '0') > 0) {
      const detail = `${beyond} ${deposit.currency} more than needed was deposited; it is in the available balance`;
      await addFlag(trx, payout, FAILURE_TYPE.EXCESS_DEPOSIT, detail);
    }
  }
  if (compareAmounts(excess, '0') > 0) booked.push({ payoutId: null, amount: excess });
  await writeAllocation(trx, deposit, booked, decision);
}

/** A payout that has come further does not use more money. */
function canStillBeFunded(payout: PayoutRow): boolean {
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
  // The payout was held because the deadline had passed. With all the money there, nothing is left to decide.
  if (isFunded && payout.hold_reason === FAILURE_TYPE.UNDERFUNDED) {
    await transitionPayout(trx, payout, PAYOUT_STATUS.AWAITING_DEPOSIT, {
      detail: 'the rest of the deposit came in after the deadline',
      resumes: true,
    });
  }
}

async function writeAllocation(
  trx: StoreTransaction,
  deposit: DepositRow,
  parts: readonly AllocationPart[],
  { by, actor }: Decision,
): Promise<void> {
  const [only] = parts.flatMap(({ payoutId }) => payoutId ?? []);
  const owner = { payout_id: only ?? deposit.payout_id };
  await updateDeposit(trx, deposit, { ...owner, status: DEPOSIT_STATUS.ALLOCATED });
  await trx
    .insertInto('deposit_allocations')
    .values(
      parts.map(({ payoutId, amount }) => ({
        deposit_id: deposit.deposit_id,
        payout_id: payoutId,
        amount,
        matched_by: by,
      })),
    )
    .execute();
  await bookAllocation(trx, deposit.deposit_id, deposit.currency, parts, actor);
}

async function updateDeposit(
  trx: StoreTransaction,
  { deposit_id: depositId }: DepositRow,
  decided: UpdateObject<StoreSchema, 'deposits'>,
): Promise<void> {
  await trx
    .updateTable('deposits')
    .set({ ...decided, decided_at: NOW })
    .where('deposit_id', '=', depositId)
    .execute();
}

async function leaveUnallocated(
  trx: StoreTransaction,
  deposit: DepositRow,
  reason: FailureType,
  payout?: PayoutRow,
): Promise<AllocationOutcome> {
  const columns = { unallocated_reason: reason, payout_id: payout?.payout_id ?? null };
  await updateDeposit(trx, deposit, { ...columns, status: DEPOSIT_STATUS.UNALLOCATED });
  const detail = `deposit of ${deposit.amount} ${deposit.currency} unallocated: ${reason}`;
  if (payout !== undefined) await addFlag(trx, payout, reason, detail);
  return describeUnallocated(columns);
}

function describeUnallocated({
  unallocated_reason: reason,
  payout_id: payoutId,
}: Pick<DepositRow, 'unallocated_reason' | 'payout_id'>): AllocationOutcome {
  return { kind: 'unallocated', reason: reason ?? FAILURE_TYPE.UNMATCHED_DEPOSIT, payoutId };
}

async function describeAllocation(trx: StoreTransaction, deposit: DepositRow): Promise<AllocationOutcome> {
  const [owner] = await lockOwners(trx, deposit);
  const wake = await findWaitingForBalance(trx, [deposit.currency]);
  if (owner === undefined) return { kind: 'freed', wake };
  const { payout_id: payoutId, status: payoutStatus } = owner;
  return { kind: 'allocated', payoutId, payoutStatus, missing: missingDeposit(owner), wake };
}

/** The payouts that a deposit was given to, locked in the order in which {@link assign} locks them. */
async function lockOwners(trx: StoreTransaction, deposit: DepositRow): Promise<PayoutRow[]> {
  return (
    trx
      .selectFrom('payouts')
      .selectAll('payouts')
      .innerJoin('deposit_allocations as part', 'part.payout_id', 'payouts.payout_id')
      .where('part.deposit_id', '=', deposit.deposit_id)
      // By bytes, as JavaScript sorts; the database's collation may sort otherwise.
      .orderBy(sql`payouts.payout_id collate "C"`)
      .forUpdate('payouts')
      .execute()
  );
}

export type AssignOutcome =
  | {
      readonly kind: 'assigned';
      readonly payouts: readonly { readonly payoutId: string; readonly missing: string }[];
      /** Payouts that wait for the available balance. */
      readonly wake: readonly string[];
    }
  | { readonly kind: 'refused'; readonly message: string };

/** A person says whose an unallocated deposit is; all of it has to go somewhere. Repeating it answers the same. */
export async function assignDeposit(
  db: StoreDatabase,
  depositKey: string,
  to: Assignment,
  actor: string,
): Promise<AssignOutcome> {
  return inTransaction(db, async (trx) => {
    const deposit = await lockDeposit(trx, depositKey);
    if (deposit === undefined) return refused('there is no such deposit');
    if (deposit.status === DEPOSIT_STATUS.VERIFIED) return refused('the deposit is being matched; try again');
    if (deposit.status === DEPOSIT_STATUS.UNALLOCATED) {
      const refusal = await assign(trx, deposit, to, actor);
      if (refusal !== undefined) return refused(refusal);
    }
    return describeAssignment(trx, deposit);
  });
}

async function describeAssignment(trx: StoreTransaction, deposit: DepositRow): Promise<AssignOutcome> {
  const owners = await lockOwners(trx, deposit);
  const payouts = owners.map((owner) => ({ payoutId: owner.payout_id, missing: missingDeposit(owner) }));
  return { kind: 'assigned', payouts, wake: await findWaitingForBalance(trx, [deposit.currency]) };
}

function refused(message: string): AssignOutcome {
  return { kind: 'refused', message };
}

/** Undefined when it is done, else why not. */
async function assign(
  trx: StoreTransaction,
  deposit: DepositRow,
  to: Assignment,
  actor: string,
): Promise<string | undefined> {
  const decision = { by: 'person', detail: `assigned by ${actor}`, actor } as const;
  if (to === 'available') {
    await writeAllocation(trx, deposit, [{ payoutId: null, amount: deposit.amount }], decision);
    return undefined;
  }
  const total = addAmounts(...to.map(({ amount }) => amount));
  if (compareAmounts(total, deposit.amount) !== 0) {
    return `the parts are ${total} ${deposit.currency} together, the deposit is ${deposit.amount}`;
  }
  const parts: Part[] = [];
  // In one order, or two assignments could wait for each other.
  for (const { payoutId, amount } of to.toSorted((one, other) => (one.payoutId < other.payoutId ? -1 : 1))) {
    const payout = await lockPayout(trx, payoutId);
    const refusal = refuseAssignment(deposit, payout);
    if (payout === undefined || refusal !== undefined) return `payout ${payoutId} ${refusal ?? ''}`;
    parts.push({ payout, amount });
  }
  await give(trx, deposit, parts, decision);
  return undefined;
}

function refuseAssignment(deposit: DepositRow, payout: PayoutRow | undefined): string | undefined {
  if (payout === undefined) return 'does not exist';
  if (payout.funding !== FUNDING.DEPOSIT)
    return 'is funded from the balance: assign the deposit to "available"';
  if (payout.funding_currency !== deposit.currency) return `is funded in ${payout.funding_currency}`;
  if (!canStillBeFunded(payout)) return `is ${payout.status} and takes no money any more`;
  return compareAmounts(missingDeposit(payout), '0') === 0 ? 'has all its money already' : undefined;
}
