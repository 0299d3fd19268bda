import { sql } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookDeposit } from '../ledger/bookings.js';
import { claimedBalance } from '../ledger/provider-account.js';
import { addFlag } from '../payouts/payout-transitions.js';
import { DEPOSIT_STATUS, type DepositRow } from '../schema.js';

/** Deposits enter the store once, however often and under whichever of their names they are announced. */

/** A deposit that the provider's API has shown to be there. */
export interface VerifiedDeposit {
  /** What it is announced as: its key, when it is new. */
  readonly depositKey: string;
  readonly providerDepositId: string | null;
  /** Normalised. */
  readonly txHash: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly address: string | null;
  /** A person named the transaction; the provider's deposit was found by its amount. */
  readonly isByHand?: boolean;
  /** What showed it: the id of the balance transaction, or the balance that was read. */
  readonly proof: string;
}

/**
 * Writes and books the deposit, unless it is there under one of its names: the provider's id, or its transaction
 * if one of the two announcements had no id. Answers with its key.
 */
export async function recordVerifiedDeposit(db: StoreDatabase, deposit: VerifiedDeposit): Promise<string> {
  return inTransaction(db, async (trx) => {
    await lockDepositNames(trx);
    const known = await findSameDeposit(trx, deposit);
    if (known !== undefined) {
      await learnNames(trx, known, deposit);
      return known.deposit_id;
    }
    await trx
      .insertInto('deposits')
      .values({
        deposit_id: deposit.depositKey,
        provider_deposit_id: deposit.providerDepositId,
        tx_hash: deposit.txHash,
        tx_index: nextIndexOf(deposit.txHash),
        currency: deposit.currency,
        amount: deposit.amount,
        address: deposit.address,
        proof: deposit.proof,
        status: DEPOSIT_STATUS.VERIFIED,
      })
      .execute();
    await bookDeposit(trx, deposit.depositKey, deposit);
    return deposit.depositKey;
  });
}

/**
 * For a provider that shows no balance transaction for a deposit: accepts it if `available`, read between the two
 * looks at the claims, covers them and the deposit. One decision at a time per currency, or two deposits would be
 * proven by the same money. Answers with the deposit's key.
 */
export async function recordDepositIfCovered(
  db: StoreDatabase,
  deposit: VerifiedDeposit,
  claimedBefore: string,
  available: string,
): Promise<string | undefined> {
  return inTransaction(db, async (trx) => {
    const lock = sql`select pg_advisory_xact_lock(hashtext('claimed_balance'), hashtext(${deposit.currency}))`;
    await lock.execute(trx);
    // Written by an attempt whose answer was lost: it must not be asked to cover itself again.
    const known = await findSameDeposit(trx, deposit);
    if (known !== undefined) return recordVerifiedDeposit(trx, deposit);
    const claimedNow = await claimedBalance(trx, deposit.currency);
    if (claimedNow === undefined) return undefined;
    const claimed = compareAmounts(claimedBefore, claimedNow) > 0 ? claimedBefore : claimedNow;
    if (compareAmounts(available, addAmounts(claimed, deposit.amount)) < 0) return undefined;
    return recordVerifiedDeposit(trx, deposit);
  });
}

/** Two announcements of one deposit must not both find it missing. */
async function lockDepositNames(trx: StoreTransaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('deposit names'))`.execute(trx);
}

type DepositNames = Pick<VerifiedDeposit, 'depositKey' | 'providerDepositId' | 'txHash'>;

/** The row of the same deposit; two ids of the provider are two deposits, even of one transaction. */
async function findSameDeposit(
  db: StoreDatabase,
  { depositKey, providerDepositId, txHash }: DepositNames,
): Promise<DepositRow | undefined> {
  return db
    .selectFrom('deposits')
    .selectAll()
    .where(
      sql<boolean>`deposit_id = ${depositKey} or provider_deposit_id = ${providerDepositId}
        or (tx_hash = ${txHash} and (${providerDepositId}::text is null or provider_deposit_id is null))`,
    )
    .orderBy('tx_index')
    .limit(1)
    .executeTakeFirst();
}

/** The key of a deposit that is in the store, by any of its names. */
export async function findDepositKey(db: StoreDatabase, names: DepositNames): Promise<string | undefined> {
  return (await findSameDeposit(db, names))?.deposit_id;
}

/** The place of another deposit of the transaction. */
function nextIndexOf(txHash: string | null) {
  return sql<number>`(select count(*) from deposits where tx_hash = ${txHash})`;
}

async function learnNames(trx: StoreTransaction, known: DepositRow, deposit: VerifiedDeposit): Promise<void> {
  // A deposit that was recorded by hand was found by its amount: the hash in the provider's notice is the right one.
  const isCorrected =
    known.tx_hash !== null &&
    deposit.txHash !== null &&
    known.tx_hash !== deposit.txHash &&
    deposit.isByHand !== true;
  if (isCorrected) await flagOwners(trx, known, deposit.txHash);
  const txHash = isCorrected ? deposit.txHash : (known.tx_hash ?? deposit.txHash);
  await trx
    .updateTable('deposits')
    .set({
      provider_deposit_id: known.provider_deposit_id ?? deposit.providerDepositId,
      tx_hash: txHash,
      ...(known.tx_hash === txHash ? {} : { tx_index: nextIndexOf(txHash) }),
      address: known.address ?? deposit.address,
    })
    .where('deposit_id', '=', known.deposit_id)
    .execute();
}

/** The deposit was allocated by the hash of another transaction. */
async function flagOwners(trx: StoreTransaction, known: DepositRow, txHash: string): Promise<void> {
  const owners = await trx
    .selectFrom('deposit_allocations')
    .innerJoin('payouts', 'payouts.payout_id', 'deposit_allocations.payout_id')
    .select(['payouts.payout_id', 'payouts.status'])
    .where('deposit_id', '=', known.deposit_id)
    .execute();
  for (const owner of owners) {
    const detail = `deposit ${known.deposit_id} came in with transaction ${txHash}, not with the one that was recorded by hand`;
    await addFlag(trx, owner, FAILURE_TYPE.CONFLICTING_MATCH, detail);
  }
}

/** Those of the provider's deposits whose transaction the store knows: no other transaction brought them. */
export async function findExplainedDeposits(
  db: StoreDatabase,
  providerDepositIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('deposits')
    .select('provider_deposit_id')
    .where('provider_deposit_id', '=', sql<string>`any(${[...providerDepositIds]}::text[])`)
    .where('tx_hash', 'is not', null)
    .execute();
  return new Set(rows.flatMap((row) => row.provider_deposit_id ?? []));
}

/**
 * Notes the transaction of a deposit that came into the store without it, as reconciliation finds deposits. Answers
 * with the deposit's key when it was news: somebody may have declared it.
 */
export async function learnTransaction(
  db: StoreDatabase,
  { providerDepositId, txHash }: { readonly providerDepositId: string; readonly txHash: string },
): Promise<string | undefined> {
  return inTransaction(db, async (trx) => {
    await lockDepositNames(trx);
    const row = await trx
      .updateTable('deposits')
      .set({ tx_hash: txHash, tx_index: nextIndexOf(txHash) })
      .where('provider_deposit_id', '=', providerDepositId)
      .where('tx_hash', 'is', null)
      .returning('deposit_id')
      .executeTakeFirst();
    return row?.deposit_id;
  });
}
