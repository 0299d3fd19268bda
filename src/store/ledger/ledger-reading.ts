import { sql, type ExpressionBuilder, type InferResult } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { ACCOUNT_KIND, ENTRY_CAUSE, type AccountKind, type EntryCause } from '../../domain/ledger.js';
import { FUNDING } from '../../domain/payout-request.js';
import type { StoreDatabase } from '../database.js';
import { selectPostings } from './journal.js';
import { readPage, type Page, type PageRequest } from '../paging.js';
import type { StoreSchema } from '../schema.js';

/** Amounts are decimal strings, debits positive; `details` never hold personal data. */
export type LedgerEntry = InferResult<ReturnType<typeof selectEntries>>[number];
/** One currency's money in one funding account. */
export type CurrencyBalance = Awaited<ReturnType<typeof readBalances>>[number];

export interface OwedTo {
  readonly owner: string;
  /** Negative where the owner owes it. */
  readonly amount: string;
}

export interface LedgerListRequest extends PageRequest {
  readonly payoutId?: string | undefined;
  readonly depositId?: string | undefined;
  readonly currency?: string | undefined;
  readonly cause?: EntryCause | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

/** @throws UnknownCursorError when a cursor names no entry */
export async function listLedgerEntries(
  db: StoreDatabase,
  { payoutId, depositId, currency, cause, from, to, ...request }: LedgerListRequest,
): Promise<Page<LedgerEntry>> {
  const entries = selectEntries(db).where((eb) =>
    eb.and([
      ...(payoutId === undefined ? [] : [isAbout(eb, payoutId)]),
      ...(depositId === undefined ? [] : [eb('deposit_id', '=', depositId)]),
      ...(currency === undefined ? [] : [hasPosting(eb, 'currency', currency)]),
      ...(cause === undefined ? [] : [eb('cause', '=', cause)]),
      ...(from === undefined ? [] : [eb('at', '>=', from)]),
      ...(to === undefined ? [] : [eb('at', '<', to)]),
    ]),
  );
  const listed = { table: 'ledger_entries', id: 'entry_id', sequence: 'entry_id' } as const;
  return readPage(db, listed, entries, request);
}

export async function findEntry(
  db: StoreDatabase,
  cause: EntryCause,
  causeId: string,
): Promise<LedgerEntry | undefined> {
  return selectEntries(db).where('cause', '=', cause).where('cause_id', '=', causeId).executeTakeFirst();
}

/** Every entry about the payout, oldest first. */
export async function readPostingsOf(db: StoreDatabase, payoutId: string): Promise<readonly LedgerEntry[]> {
  return selectEntries(db)
    .where((eb) => isAbout(eb, payoutId))
    .orderBy('ledger_entries.entry_id')
    .execute();
}

/**
 * A return is booked for a payout without a posting of its own money; an allocation to several payouts is booked for
 * none of them and has postings of each.
 */
function isAbout(eb: ExpressionBuilder<StoreSchema, 'ledger_entries'>, payoutId: string) {
  return eb.or([eb('payout_id', '=', payoutId), hasPosting(eb, 'payout_id', payoutId)]);
}

function hasPosting(
  eb: ExpressionBuilder<StoreSchema, 'ledger_entries'>,
  column: 'payout_id' | 'currency',
  value: string,
) {
  return eb(
    'entry_id',
    'in',
    eb
      .selectFrom('ledger_postings')
      .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id')
      .select('ledger_postings.entry_id')
      .where(`ledger_accounts.${column}`, '=', value),
  );
}

function selectEntries(db: StoreDatabase) {
  return db.selectFrom('ledger_entries').select((eb) => [
    'entry_id as entryId',
    'cause',
    'cause_id as causeId',
    'funding_account as fundingAccount',
    'payout_id as payoutId',
    'deposit_id as depositId',
    'actor',
    'details',
    'at',
    jsonArrayFrom(
      eb
        .selectFrom('ledger_postings as posting')
        .innerJoin('ledger_accounts as account', 'account.account_id', 'posting.account_id')
        .select([
          'account.kind as account',
          'account.payout_id as payoutId',
          'account.owner',
          'account.currency',
          // A number of JSON would lose digits.
          sql<string>`posting.amount::text`.as('amount'),
        ])
        .whereRef('posting.entry_id', '=', 'ledger_entries.entry_id')
        .orderBy('posting.line'),
    ).as('postings'),
  ]);
}

/** What every currency's accounts hold, beside what the provider said last. */
export async function readBalances(db: StoreDatabase) {
  const total = (kind: AccountKind, isReserved = false) => sql<string>`
    trim_scale(coalesce(sum(balance) filter (where kind = ${kind} and is_reserved = ${isReserved}), 0))`;
  const fundingAccount = sql<string>`coalesce(account.funding_account, reading.funding_account)`;
  const currency = sql<string>`coalesce(account.currency, reading.currency)`;
  const rows = await db
    .selectFrom(
      db
        .selectFrom('ledger_accounts')
        .leftJoin('payouts', 'payouts.payout_id', 'ledger_accounts.payout_id')
        .select(['ledger_accounts.funding_account', 'ledger_accounts.currency', 'kind', 'balance'])
        .select('ledger_accounts.owner')
        .select(sql<boolean>`payouts.funding is not distinct from ${FUNDING.BALANCE}`.as('is_reserved'))
        .as('account'),
    )
    .fullJoin('provider_balance_readings as reading', (join) =>
      join
        .onRef('reading.funding_account', '=', 'account.funding_account')
        .onRef('reading.currency', '=', 'account.currency'),
    )
    .select([
      fundingAccount.as('fundingAccount'),
      currency.as('currency'),
      total(ACCOUNT_KIND.AVAILABLE).as('available'),
      // Funds of open payouts: from the available balance, and deposited for them.
      total(ACCOUNT_KIND.PAYOUT, true).as('reserved'),
      total(ACCOUNT_KIND.PAYOUT).as('inPayouts'),
      total(ACCOUNT_KIND.OWED).as('owed'),
      sql<
        OwedTo[]
      >`coalesce(jsonb_agg(jsonb_build_object('owner', owner, 'amount', trim_scale(balance)::text) order by owner)
        filter (where kind = ${ACCOUNT_KIND.OWED} and balance <> 0), '[]')`.as('owedTo'),
      total(ACCOUNT_KIND.UNALLOCATED).as('unallocated'),
      total(ACCOUNT_KIND.RETURN_PENDING).as('returnPending'),
      total(ACCOUNT_KIND.MISSING).as('missing'),
      total(ACCOUNT_KIND.EXTERNAL).as('external'),
      total(ACCOUNT_KIND.ROUNDING).as('rounding'),
      total(ACCOUNT_KIND.SHORTFALL).as('shortfall'),
      // What the provider holds according to the ledger.
      total(ACCOUNT_KIND.PROVIDER).as('provider'),
      'reading.available as readAvailable',
      'reading.pending as readPending',
      'reading.read_at as readAt',
    ])
    .groupBy([fundingAccount, currency, 'reading.available', 'reading.pending', 'reading.read_at'])
    .orderBy('fundingAccount')
    .orderBy('currency')
    .execute();
  return rows.map(({ readAvailable: available, readPending: pending, readAt, ...balances }) => ({
    ...balances,
    /** What the provider itself said last; null before the first reading. */
    reading:
      available === null || pending === null || readAt === null ? null : { available, pending, readAt },
  }));
}

/** How much of a currency a payout's orders have sold, as far as it is booked: all of it once they have ended. */
export async function soldByOrders(db: StoreDatabase, payoutId: string, currency: string): Promise<string> {
  const row = await selectPostings(db)
    .select(sql<string>`coalesce(-sum(amount), 0)`.as('sold'))
    .where('ledger_entries.payout_id', '=', payoutId)
    .where('cause', '=', ENTRY_CAUSE.ORDER)
    .where('kind', '=', ACCOUNT_KIND.PROVIDER)
    .where('currency', '=', currency)
    .executeTakeFirstOrThrow();
  return row.sold;
}
