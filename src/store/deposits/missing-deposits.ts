import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { isFinalStatus, UNSENT_STATUSES } from '../../domain/payout-status.js';
import { BALANCE_TRANSACTION_STATUS } from '../../domain/provider-status.js';
import { engage } from '../controls/brakes.js';
import { inTransaction, NOW, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookFound, bookMissing } from '../ledger/missing-money.js';
import { isGranted, readClock, wishForSync } from '../mirror/sync-state.js';
import { addFlag, holdFor, lockExistingPayout, lockPayouts } from '../payouts/payout-transitions.js';
import { freeFunds } from '../payouts/reservations.js';
import { DEPOSIT_STATUS, OBJECT_KIND, type DepositRow } from '../schema.js';
import { lockDeposits } from './allocation.js';
import { NET } from './deposit-intake.js';

/** Deposits that QbitPay showed once: it is asked for them again when their money is used. */

/** What shows a deposit's money: a balance transaction. Those that only the balance proves are left out. */
export interface ProvenDeposit {
  readonly depositId: string;
  readonly proof: string;
  readonly isMissing: boolean;
}

/**
 * So long a deposit that was read need not be read again. Reading many takes longer than the price lives that they are sold
 * at: the next price finds those read before still proven.
 */
const PROOF_LIFETIME_SECONDS = 300;

/**
 * QbitPay shows a deposit's own transaction as available in its currency, and what all transactions of the same source moved
 * covers what was booked. What takes money away counts before it is available.
 */
const IS_COVERED = sql<boolean>`(
  exists (select from provider_objects object where kind = ${OBJECT_KIND.TRANSACTION} and provider_id = deposits.proof
    and object.currency = deposits.currency and object.status = ${BALANCE_TRANSACTION_STATUS.AVAILABLE}
    and problem is null and missing_since is null)
  and deposits.amount <= (select sum(${NET}) from provider_objects object where kind = ${OBJECT_KIND.TRANSACTION}
    and (provider_id = deposits.proof or source = deposits.provider_deposit_id) and object.currency = deposits.currency
    and (object.status = ${BALANCE_TRANSACTION_STATUS.AVAILABLE} or ${NET} < 0)
    and problem is null and missing_since is null))`;

/** The deposits that a payout lives on, and that QbitPay was not asked for just now, or has taken back since. */
export async function listUnprovenDeposits(
  db: StoreDatabase,
  payoutId: string,
): Promise<readonly ProvenDeposit[]> {
  const rows = await db
    .selectFrom('deposits')
    .innerJoin('deposit_allocations as part', 'part.deposit_id', 'deposits.deposit_id')
    .select(['deposits.deposit_id', 'proof', 'status'])
    .where('part.payout_id', '=', payoutId)
    .where('proof', 'not like', 'available %')
    .where(
      sql<boolean>`(status = ${DEPOSIT_STATUS.MISSING} or proven_at is null
        or proven_at < ${NOW} - make_interval(secs => ${PROOF_LIFETIME_SECONDS}) or not ${IS_COVERED})`,
    )
    .orderBy('sequence')
    .execute();
  return rows.map((row) => ({
    depositId: row.deposit_id,
    proof: row.proof,
    isMissing: row.status === DEPOSIT_STATUS.MISSING,
  }));
}

/** QbitPay was just asked for them again. Answers with those that the mirror, as it is now, proves. */
export async function noteProven(
  db: StoreDatabase,
  depositIds: readonly string[],
): Promise<readonly string[]> {
  const rows = await db
    .updateTable('deposits')
    .set({ proven_at: NOW })
    .where(sql<boolean>`deposit_id = any(${depositIds})`)
    .where(IS_COVERED)
    .returning('deposit_id')
    .execute();
  return rows.map((row) => row.deposit_id);
}

/**
 * QbitPay does not show it any more: nothing of its currency leaves until a person has seen that, its money is missing,
 * and the payouts that live on it are held, or flagged.
 */
export async function markMissing(db: StoreDatabase, depositId: string): Promise<void> {
  await brakeFor(db, depositId);
  await inTransaction(db, async (trx) => {
    const found = await lockWithPayouts(trx, depositId);
    if (found === undefined) return;
    const { deposit, payoutIds } = found;
    if (deposit.status !== DEPOSIT_STATUS.MISSING) {
      await setStatus(trx, deposit, DEPOSIT_STATUS.MISSING);
      await bookMissing(trx, depositId, deposit);
    }
    const detail = `QbitPay does not show deposit ${depositId} of ${deposit.amount} ${deposit.currency} any more`;
    for (const payoutId of payoutIds) await nameMissing(trx, payoutId, detail);
  });
}

/** Once: what a person has seen and released stays so. First, and by itself: the ledger is locked before its brake nowhere. */
async function brakeFor(db: StoreDatabase, depositId: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    const deposit = await trx
      .selectFrom('deposits')
      .select(['status', 'currency', 'amount'])
      .where('deposit_id', '=', depositId)
      .executeTakeFirst();
    if (deposit === undefined || deposit.status === DEPOSIT_STATUS.MISSING) return;
    const { currency, amount } = deposit;
    const detail = `QbitPay does not show deposit ${depositId} of ${amount} ${currency} any more`;
    await engage(trx, { kind: BRAKE_KIND.DEPOSIT_GONE, currency, detail });
  });
}

/** A payout that has used its money is flagged; one that has not is held. */
async function nameMissing(trx: StoreTransaction, payoutId: string, detail: string): Promise<void> {
  const row = await lockExistingPayout(trx, payoutId);
  const holdReason = FAILURE_TYPE.DEPOSIT_MISSING;
  const sent = await trx
    .selectFrom('provider_requests')
    .select('external_order_id')
    .where('payout_id', '=', payoutId)
    .where('sends', '>', 0)
    .executeTakeFirst();
  const isUnused = UNSENT_STATUSES.includes(row.status) && sent === undefined;
  const status = isUnused ? await holdFor(trx, row, { holdReason, detail }) : row.status;
  await addFlag(trx, { ...row, status }, holdReason, detail);
}

/** QbitPay shows it again: it is whose it was. */
export async function markFound(db: StoreDatabase, depositId: string): Promise<void> {
  await inTransaction(db, async (trx) => {
    const found = await lockWithPayouts(trx, depositId);
    if (found?.deposit.status !== DEPOSIT_STATUS.MISSING) return;
    const isAllocated = found.isAllocated;
    await setStatus(trx, found.deposit, isAllocated ? DEPOSIT_STATUS.ALLOCATED : DEPOSIT_STATUS.UNALLOCATED);
    for (const payoutId of await bookFound(trx, depositId, found.deposit)) {
      const row = await lockExistingPayout(trx, payoutId);
      if (isFinalStatus(row.status)) await freeFunds(trx, row);
    }
  });
}

async function lockWithPayouts(trx: StoreTransaction, depositId: string) {
  const [deposit] = await lockDeposits(trx, [depositId]);
  if (deposit === undefined) return undefined;
  const parts = await trx
    .selectFrom('deposit_allocations')
    .select('payout_id')
    .where('deposit_id', '=', depositId)
    .execute();
  const payoutIds = parts.flatMap((part) => part.payout_id ?? []);
  await lockPayouts(trx, payoutIds);
  return { deposit, payoutIds, isAllocated: parts.length > 0 };
}

async function setStatus(
  trx: StoreTransaction,
  { deposit_id: depositId }: DepositRow,
  status: DepositRow['status'],
): Promise<void> {
  await trx.updateTable('deposits').set({ status }).where('deposit_id', '=', depositId).execute();
}

/** How long nothing may be read while somebody waits for it, and the pause between two looks. */
const READ_TIMEOUT_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/** More than that are not read one by one, each by a request. */
const MOST_READ = 100;

/**
 * Has the sync read deposits again before a person gives them to somebody, where they can still be given. What two readings
 * do not prove is missing. Of many, the balance must show that none is gone. Answers with those that are not proven so in
 * time.
 */
export async function readAgain(
  db: StoreDatabase,
  depositIds: readonly string[],
): Promise<readonly string[]> {
  let asked: readonly GivableDeposit[] = await db
    .selectFrom('deposits')
    .select(['deposit_id', 'proof', 'status'])
    .where(sql<boolean>`deposit_id = any(${depositIds})`)
    .where('status', '<>', DEPOSIT_STATUS.ALLOCATED)
    .where('proof', 'not like', 'available %')
    .execute();
  if (asked.length > MOST_READ) return listUncovered(db, asked);
  const unread: string[] = [];
  for (let readings = 1; readings <= 2 && asked.length > 0; readings += 1) {
    const { shown, gone, left } = await readDeposits(db, asked);
    for (const { deposit_id: id, status } of shown) {
      if (status === DEPOSIT_STATUS.MISSING) await markFound(db, id);
    }
    unread.push(...left.map((one) => one.deposit_id));
    asked = gone;
  }
  for (const { deposit_id: id } of asked) await markMissing(db, id);
  return unread;
}

/** Those in a currency of which QbitPay holds less than the ledger says, in a sync that begins after now. */
async function listUncovered(db: StoreDatabase, deposits: readonly GivableDeposit[]): Promise<string[]> {
  const ids = deposits.map((one) => one.deposit_id);
  const wishId = await wishForSync(db, 'deposits are assigned');
  for (const endMs = performance.now() + READ_TIMEOUT_MS; !(await isGranted(db, wishId));) {
    if (performance.now() > endMs) return ids;
    await sleep(LOOK_AGAIN_MS);
  }
  const { rows } = await sql<{ deposit_id: string }>`
    select deposit_id from deposits where deposit_id = any(${ids}::text[]) and (not ${IS_COVERED} or not exists (
      select from provider_balance_readings reading join provider_sync on reading.read_at >= provider_sync.began_at
        join ledger_accounts ledger using (currency, funding_account)
      where ledger.kind = ${ACCOUNT_KIND.PROVIDER} and reading.currency = deposits.currency
        and reading.available + reading.pending >= ledger.balance))`.execute(db);
  return rows.map((row) => row.deposit_id);
}

type GivableDeposit = Pick<DepositRow, 'deposit_id' | 'proof' | 'status'>;

/** Waits for a reading of each that began after now, as long as others of them are being read. */
async function readDeposits(db: StoreDatabase, deposits: readonly GivableDeposit[]) {
  const wishedAt = await readClock(db);
  await inTransaction(db, async (trx) => {
    for (const { proof: providerId } of deposits) {
      await wishForSync(trx, 'a deposit is assigned', { kind: OBJECT_KIND.TRANSACTION, providerId });
    }
  });
  let left = deposits.length;
  for (let endMs = performance.now() + READ_TIMEOUT_MS; ;) {
    const read = await db
      .selectFrom('deposits')
      .innerJoin('provider_objects as own', 'own.provider_id', 'proof')
      .select(['deposit_id', IS_COVERED.as('isCovered')])
      .where('own.kind', '=', OBJECT_KIND.TRANSACTION)
      .where(sql<boolean>`deposit_id = any(${deposits.map((one) => one.deposit_id)})`)
      .where('own.read_at', '>', wishedAt)
      // One that cannot be read says nothing.
      .where('own.problem', 'is', null)
      .execute();
    const isCovered = new Map(read.map((one) => [one.deposit_id, one.isCovered]));
    if (isCovered.size === deposits.length || performance.now() > endMs) {
      const are = (state: boolean | undefined) =>
        deposits.filter((one) => isCovered.get(one.deposit_id) === state);
      return { shown: are(true), gone: are(false), left: are(undefined) };
    }
    if (deposits.length - isCovered.size < left) endMs = performance.now() + READ_TIMEOUT_MS;
    left = deposits.length - isCovered.size;
    await sleep(LOOK_AGAIN_MS);
  }
}
