import { sql, type Selectable } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { addFlag } from '../payouts/payout-transitions.js';
import { bookDeposit } from '../ledger/bookings.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import type { StoreSchema } from '../schema.js';

/** Deposits enter the store once, whoever announces them how often and by which of their names. */

export type DepositRow = Selectable<StoreSchema['deposits']>;

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
 * when one of the two announcements knew no id. Answers with its key.
 */
export async function recordVerifiedDeposit(db: StoreDatabase, deposit: VerifiedDeposit): Promise<string> {
  return inTransaction(db, (trx) => recordInTransaction(trx, deposit));
}

/** As {@link recordVerifiedDeposit}, within the caller's transaction. */
export async function recordInTransaction(trx: StoreTransaction, deposit: VerifiedDeposit): Promise<string> {
  // Two announcements of one deposit must not both find it missing.
  await sql`select pg_advisory_xact_lock(hashtext('deposit names'))`.execute(trx);
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
      tx_index: await countDepositsOf(trx, deposit.txHash),
      currency: deposit.currency,
      amount: deposit.amount,
      address: deposit.address,
      proof: deposit.proof,
      status: 'verified',
    })
    .execute();
  await bookDeposit(trx, deposit.depositKey, deposit);
  return deposit.depositKey;
}

/** The row of the same deposit; two ids of the provider are two deposits, even of one transaction. */
export async function findSameDeposit(
  db: StoreDatabase,
  names: Pick<VerifiedDeposit, 'depositKey' | 'providerDepositId' | 'txHash'>,
): Promise<DepositRow | undefined> {
  const { depositKey, providerDepositId, txHash } = names;
  return db
    .selectFrom('deposits')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb('deposit_id', '=', depositKey),
        ...(providerDepositId === null ? [] : [eb('provider_deposit_id', '=', providerDepositId)]),
        ...(txHash === null
          ? []
          : [
              eb.and([
                eb('tx_hash', '=', txHash),
                ...(providerDepositId === null ? [] : [eb('provider_deposit_id', 'is', null)]),
              ]),
            ]),
      ]),
    )
    .orderBy('tx_index')
    .limit(1)
    .executeTakeFirst();
}

async function learnNames(trx: StoreTransaction, known: DepositRow, deposit: VerifiedDeposit): Promise<void> {
  // A hash that was recorded by hand was found by its amount: the provider's own notice knows better.
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
      tx_index: known.tx_hash !== txHash ? await countDepositsOf(trx, txHash) : known.tx_index,
      address: known.address ?? deposit.address,
    })
    .where('deposit_id', '=', known.deposit_id)
    .execute();
}

/** Somebody got this deposit for a transaction that it was not. */
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

async function countDepositsOf(trx: StoreTransaction, txHash: string | null): Promise<number> {
  if (txHash === null) return 0;
  const row = await trx
    .selectFrom('deposits')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('tx_hash', '=', txHash)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** The provider's deposit ids, of those asked for, whose transaction the store knows: they are no other one's. */
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
    await sql`select pg_advisory_xact_lock(hashtext('deposit names'))`.execute(trx);
    const row = await trx
      .updateTable('deposits')
      .set({ tx_hash: txHash, tx_index: await countDepositsOf(trx, txHash) })
      .where('provider_deposit_id', '=', providerDepositId)
      .where('tx_hash', 'is', null)
      .returning('deposit_id')
      .executeTakeFirst();
    return row?.deposit_id;
  });
}

/** The key of a deposit that is in the store, by any of its names. */
export async function findDepositKey(
  db: StoreDatabase,
  names: Pick<VerifiedDeposit, 'depositKey' | 'providerDepositId' | 'txHash'>,
): Promise<string | undefined> {
  return (await findSameDeposit(db, names))?.deposit_id;
}
