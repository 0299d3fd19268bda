import { sql } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { depositKeyOfTransaction } from '../../domain/identifiers.js';
import { attempt, inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { wishForSync } from '../mirror/sync-state.js';
import { readPage, type Page, type PageRequest } from '../paging.js';
import { addFlag } from '../payouts/payout-transitions.js';
import type { DepositNoticeRow, DepositRow } from '../schema.js';
import { lockDeposits, matchAgain } from './allocation.js';

/**
 * What webhooks and persons say of deposits. A notice proves nothing and costs no reading: the next sync shows the money,
 * or does not. It says which transaction brought a deposit, and to which address, whichever of the two comes first.
 */

export interface DepositNotice {
  readonly providerDepositId: string | null;
  /** Normalised; one of the two names is there. */
  readonly txHash: string | null;
  readonly address: string | null;
  readonly currency: string;
  readonly amount: string;
}

/** Remembers the notice, and asks for a sync where it says something new. */
export async function noteDeposit(db: StoreDatabase, notice: DepositNotice): Promise<OpenNoticeRecord> {
  const { providerDepositId, txHash, address, currency, amount } = notice;
  const noticeId = noticeIdOf(notice);
  return inTransaction(db, async (trx) => {
    const news = await trx
      .insertInto('deposit_notices')
      .values({
        notice_id: noticeId,
        provider_deposit_id: providerDepositId,
        tx_hash: txHash,
        address,
        currency,
        amount,
      })
      .onConflict((conflict) =>
        conflict
          .column('notice_id')
          .doUpdateSet({
            tx_hash: sql`coalesce(excluded.tx_hash, deposit_notices.tx_hash)`,
            address: sql`coalesce(excluded.address, deposit_notices.address)`,
            deposit_id: null,
            problem: null,
          })
          .where(
            sql<boolean>`excluded.tx_hash <> coalesce(deposit_notices.tx_hash, '')
              or excluded.address <> coalesce(deposit_notices.address, '')`,
          ),
      )
      .returning('notice_id')
      .executeTakeFirst();
    if (news !== undefined) await wishForSync(trx, 'a notice of a deposit');
    return selectNotices(trx).where('notice_id', '=', noticeId).executeTakeFirstOrThrow();
  });
}

export function noticeIdOf({
  providerDepositId,
  txHash,
}: Pick<DepositNotice, 'providerDepositId' | 'txHash'>): string {
  return providerDepositId ?? depositKeyOfTransaction(txHash ?? '');
}

/** Notices whose money does not show, newest first. @throws UnknownCursorError */
export async function listOpenNotices(
  db: StoreDatabase,
  request: PageRequest,
): Promise<Page<OpenNoticeRecord>> {
  const listed = { table: 'deposit_notices', id: 'notice_id', sequence: 'sequence' } as const;
  return readPage(db, listed, selectNotices(db).where('deposit_id', 'is', null), request);
}

function selectNotices(db: StoreDatabase) {
  return db
    .selectFrom('deposit_notices')
    .select([
      'notice_id as noticeId',
      'provider_deposit_id as providerDepositId',
      'tx_hash as txHash',
      'address',
      'currency',
      'amount',
      'noticed_at as noticedAt',
    ]);
}

export interface OpenNoticeRecord extends DepositNotice {
  readonly noticeId: string;
  readonly noticedAt: Date;
}

/** Notices that wait for their money, oldest first. */
export function selectOpenNotices(db: StoreDatabase) {
  return db
    .selectFrom('deposit_notices as notice')
    .selectAll()
    .where('deposit_id', 'is', null)
    .where('problem', 'is', null)
    .orderBy('sequence');
}

/** A deposit that the transaction of a `notice` brought in. Two ids of QbitPay's are two deposits of one transaction. */
export const IS_OF_ITS_TRANSACTION = sql<boolean>`(deposits.tx_hash = notice.tx_hash
  and (deposits.provider_deposit_id is null or notice.provider_deposit_id is null))`;

/** A notice, and the deposit that it is about. */
export interface NoticeMatch {
  readonly noticeId: string;
  readonly depositId: string;
}

/** So many are dealt with in one sync. */
const MATCHED_AT_ONCE = 500;

/**
 * Open notices whose deposit is in the store: by the provider's id, or by the transaction. `byAmount`: one of which only
 * the transaction is known is also about the one deposit of exactly its amount that no other transaction explains. Of two
 * such deposits nothing can be said.
 */
export async function findNoticeMatches(
  db: StoreDatabase,
  { byAmount }: { readonly byAmount: boolean },
): Promise<readonly NoticeMatch[]> {
  const { rows } = await sql<NoticeMatch>`
    select notice_id as "noticeId", found.deposit_id as "depositId"
    from deposit_notices as notice cross join lateral (
      select deposit_id from (
        select deposit_id, 1 as rank from deposits where provider_deposit_id = notice.provider_deposit_id
        union all
        select min(deposit_id), 2 from deposits where ${IS_OF_ITS_TRANSACTION}
        union all
        select min(deposit_id), 3 from deposits where ${byAmount} and tx_hash is null
          and (provider_deposit_id is null or notice.provider_deposit_id is null)
          and currency = notice.currency and amount = notice.amount having count(*) = 1
      ) as candidate where deposit_id is not null order by rank limit 1
    ) as found
    where notice.deposit_id is null and problem is null
    order by sequence limit ${MATCHED_AT_ONCE}`.execute(db);
  return rows;
}

/** The deposit learns its names from the notice, and is matched again where they say more than was known. */
export async function learnFromNotice(
  trx: StoreTransaction,
  { noticeId, depositId }: NoticeMatch,
): Promise<void> {
  await lockDepositNames(trx);
  await takeOver(trx, noticeId, async () => {
    const [known] = await lockDeposits(trx, [depositId]);
    const notice = await selectOpenNotices(trx).where('notice_id', '=', noticeId).executeTakeFirst();
    if (known === undefined || notice === undefined) return;
    const ids = [known.provider_deposit_id, notice.provider_deposit_id];
    // Another notice has named it meanwhile: this one is about another deposit.
    if (!ids.includes(null) && ids[0] !== ids[1]) return;
    await closeNotice(trx, noticeId, depositId);
    await matchAgain(trx, await learnNames(trx, known, notice));
  });
}

/** One that cannot be taken over is marked, and stops nobody. */
export async function takeOver(
  trx: StoreTransaction,
  noticeId: string,
  work: () => Promise<void>,
): Promise<void> {
  const problem = await attempt(trx, work);
  if (problem === null) return;
  await trx.updateTable('deposit_notices').set({ problem }).where('notice_id', '=', noticeId).execute();
}

export async function closeNotice(trx: StoreTransaction, noticeId: string, depositId: string): Promise<void> {
  await trx
    .updateTable('deposit_notices')
    .set({ deposit_id: depositId })
    .where('notice_id', '=', noticeId)
    .execute();
}

/** Whoever says which transaction brought a deposit, or whose transaction it is, does so one after the other. */
export async function lockDepositNames(trx: StoreTransaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('deposit names'))`.execute(trx);
}

/** The place of another deposit of the transaction. */
export function nextIndexOf(txHash: string | null) {
  return sql<number>`(select count(*) from deposits where tx_hash = ${txHash})`;
}

async function learnNames(
  trx: StoreTransaction,
  known: DepositRow,
  notice: DepositNoticeRow,
): Promise<DepositRow> {
  // A deposit that was recorded by hand was found by its amount: the hash in the provider's notice is the right one.
  const isCorrected =
    known.tx_hash !== null &&
    notice.tx_hash !== null &&
    known.tx_hash !== notice.tx_hash &&
    notice.provider_deposit_id !== null;
  if (isCorrected) await flagOwners(trx, known, notice.tx_hash);
  const txHash = isCorrected ? notice.tx_hash : (known.tx_hash ?? notice.tx_hash);
  return trx
    .updateTable('deposits')
    .set({
      provider_deposit_id: known.provider_deposit_id ?? notice.provider_deposit_id,
      tx_hash: txHash,
      ...(known.tx_hash === txHash ? {} : { tx_index: nextIndexOf(txHash) }),
      address: known.address ?? notice.address,
    })
    .where('deposit_id', '=', known.deposit_id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The deposit was allocated by the hash of another transaction. */
async function flagOwners(trx: StoreTransaction, known: DepositRow, txHash: string | null): Promise<void> {
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
