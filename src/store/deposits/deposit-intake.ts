import { sql } from 'kysely';
import { FAILURE_TYPE } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { compareAmounts, subtractAmounts, type Money } from '../../domain/money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../../domain/provider-status.js';
import { attempt, type StoreDatabase, type StoreTransaction } from '../database.js';
import { bookDeposit } from '../ledger/bookings.js';
import { claimedBalance, type ProviderBalances } from '../ledger/provider-account.js';
import { IS_AFTER_OPENING } from '../mirror/account-opening.js';
import { lockPayouts } from '../payouts/payout-transitions.js';
import { DEPOSIT_STATUS, OBJECT_KIND, type DepositRow } from '../schema.js';
import { allocateDeposit } from './allocation.js';
import {
  closeNotice,
  IS_OF_ITS_TRANSACTION,
  lockDepositNames,
  nextIndexOf,
  selectOpenNotices,
  takeOver,
} from './deposit-notices.js';

/** Deposits enter the store when QbitPay's API has shown their money: once, booked and allocated in one transaction. */

/** What shows the money of a deposit: a transaction of its own or, for an account that shows none, the available balance. */
export type DepositProof = 'balance_transaction' | 'available';

type ShownDeposit = Pick<DepositRow, 'deposit_id' | 'provider_deposit_id' | 'currency' | 'amount' | 'proof'>;

/**
 * Books what these transactions of the mirror show as deposits, if their money is there and came in after the account was
 * opened. One that cannot be booked stops nobody: it is marked, and tried again by {@link bookAgain}.
 */
export async function bookShownDeposits(
  trx: StoreTransaction,
  transactionIds: readonly string[],
): Promise<void> {
  const shown = await findUnbooked(trx, transactionIds);
  if (shown.length === 0) return;
  await lockDepositNames(trx);
  await lockLikelyOwners(trx, shown);
  for (const deposit of shown) {
    const problem = await attempt(trx, () => recordShown(trx, deposit));
    await trx
      .updateTable('provider_objects')
      .set({ booking_problem: problem })
      .where('kind', '=', OBJECT_KIND.TRANSACTION)
      .where('provider_id', '=', deposit.proof)
      .where(sql<boolean>`booking_problem is distinct from ${problem}`)
      .execute();
  }
}

/** So many are tried again together. */
const BOOKED_AGAIN = 100;

/** What could not be booked, and what an announcement since says is a deposit: it is tried again. */
export async function findUnbookedAgain(db: StoreDatabase): Promise<readonly string[]> {
  const { rows } = await sql<{ provider_id: string }>`
    select provider_id from provider_objects where booking_problem is not null
    union select provider_id from deposit_notices notice join provider_objects object
      on object.kind = ${OBJECT_KIND.TRANSACTION} and object.source = notice.provider_deposit_id
    where notice.deposit_id is null
    limit ${BOOKED_AGAIN}`.execute(db);
  return rows.map((row) => row.provider_id);
}

/** Its source is a deposit that was announced, whatever its type is called; not where it was booked as outside activity. */
const IS_ANNOUNCED = sql`(
  exists (select from deposit_notices where provider_deposit_id = object.source)
  and not exists (select from provider_objects moved
    where moved.kind in (${OBJECT_KIND.PAYOUT}, ${OBJECT_KIND.ORDER}) and moved.provider_id = object.source)
  and not exists (select from ledger_entries
    where cause = ${ENTRY_CAUSE.OUTSIDE} and cause_id = object.provider_id))`;

/** `amount` is before the provider's fee, `net` is what arrived (contract, section Balance transactions). */
export const NET = sql<string>`coalesce((object.content->>'net')::numeric, object.amount)`;

async function findUnbooked(
  trx: StoreTransaction,
  transactionIds: readonly string[],
): Promise<readonly ShownDeposit[]> {
  if (transactionIds.length === 0) return [];
  const { rows } = await sql<ShownDeposit>`
    select coalesce(source, provider_id) as deposit_id, source as provider_deposit_id, object.currency,
      ${NET} as amount, provider_id as proof
    from provider_objects as object
    left join deposits on deposits.deposit_id = coalesce(source, provider_id)
    where kind = ${OBJECT_KIND.TRANSACTION} and provider_id = any(${[...transactionIds]}::text[])
      and (type = ${BALANCE_TRANSACTION_TYPE.DEPOSIT} or ${IS_ANNOUNCED}) and object.status = ${BALANCE_TRANSACTION_STATUS.AVAILABLE}
      and ${NET} > 0 and ${IS_AFTER_OPENING}
      and deposits.proof is distinct from provider_id
    order by first_seen_at, provider_id`.execute(trx);
  return rows;
}

/** Rows are locked before the ledger, and a page may hold the deposits of many. */
async function lockLikelyOwners(trx: StoreTransaction, shown: readonly ShownDeposit[]): Promise<void> {
  const { rows } = await sql<{ payout_id: string }>`
    select payout_id from declared_transactions join deposit_notices using (tx_hash)
    where notice_id = any(${shown.map((one) => one.deposit_id)}::text[])
    union select payout_id from expected_deposits
    join unnest(${shown.map((one) => one.currency)}::text[], ${shown.map((one) => one.amount)}::numeric[])
      as shown (currency, amount) using (currency, amount)`.execute(trx);
  await lockPayouts(
    trx,
    rows.map((row) => row.payout_id),
  );
}

async function recordShown(trx: StoreTransaction, shown: ShownDeposit): Promise<void> {
  const notice = await trx
    .selectFrom('deposit_notices')
    .select(['notice_id', 'tx_hash', 'address'])
    .where('notice_id', '=', shown.deposit_id)
    .executeTakeFirst();
  await recordDeposit(trx, { ...shown, tx_hash: notice?.tx_hash ?? null, address: notice?.address ?? null });
  if (notice !== undefined) await closeNotice(trx, notice.notice_id, shown.deposit_id);
}

/** Writes a new deposit, books it, and decides whose it is. */
async function recordDeposit(
  trx: StoreTransaction,
  deposit: ShownDeposit & Pick<DepositRow, 'tx_hash' | 'address'>,
): Promise<void> {
  const row = await trx
    .insertInto('deposits')
    .values({
      ...deposit,
      tx_index: nextIndexOf(deposit.tx_hash),
      status: DEPOSIT_STATUS.UNALLOCATED,
      unallocated_reason: FAILURE_TYPE.UNMATCHED_DEPOSIT,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await bookDeposit(trx, row.deposit_id, row);
  await allocateDeposit(trx, row);
}

/**
 * For an account that shows no transactions of deposits: books what the oldest notice says that `available`, read between
 * the two looks at the claims, covers beside all that the store accounts for. False when there is none.
 */
export async function bookCoveredDeposit(
  trx: StoreTransaction,
  { currency, amount: available }: Money,
  claimedBefore: string,
): Promise<boolean> {
  await lockDepositNames(trx);
  const claimedNow = await claimedBalance(trx, currency);
  if (claimedNow === undefined) return false;
  const claimed = compareAmounts(claimedBefore, claimedNow) > 0 ? claimedBefore : claimedNow;
  const notice = await selectOpenNotices(trx)
    .where('currency', '=', currency)
    .where('amount', '<=', subtractAmounts(available, claimed))
    // What another notice of the same transfer has booked is not booked again.
    .where(sql<boolean>`not exists (select from deposits where ${IS_OF_ITS_TRANSACTION})`)
    .limit(1)
    .executeTakeFirst();
  if (notice === undefined) return false;
  const { notice_id: noticeId, provider_deposit_id, tx_hash, address, amount } = notice;
  const deposit = { deposit_id: noticeId, provider_deposit_id, tx_hash, address, currency, amount };
  await takeOver(trx, noticeId, async () => {
    await recordDeposit(trx, { ...deposit, proof: `available ${available}` });
    await closeNotice(trx, noticeId, noticeId);
  });
  return true;
}

/** What the store accounts for in each currency in which a notice waits for its money. */
export async function readClaims(db: StoreDatabase): Promise<ProviderBalances> {
  const rows = await selectOpenNotices(db)
    .clearSelect()
    .clearOrderBy()
    .select('currency')
    .distinct()
    .execute();
  const claims = new Map<string, string>();
  for (const { currency } of rows) {
    const claimed = await claimedBalance(db, currency);
    if (claimed !== undefined) claims.set(currency, claimed);
  }
  return claims;
}
