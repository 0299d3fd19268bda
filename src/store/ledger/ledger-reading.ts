import { sql, type ExpressionBuilder, type Selectable } from 'kysely';
import { ACCOUNT_KIND } from '../../domain/ledger.js';
import { addAmounts } from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import { inSnapshot, type StoreDatabase } from '../database.js';
import type {
  CurrencyBalance,
  LedgerEntry,
  LedgerListRequest,
  LedgerPage,
  LedgerPosting,
} from './ledger-records.js';
import { groupBy } from '../grouping.js';
import { UnknownCursorError } from '../payouts/payout-records.js';
import type { StoreSchema } from '../schema.js';

/** Newest first. @throws UnknownCursorError when a cursor names no entry */
export async function listLedgerEntries(db: StoreDatabase, request: LedgerListRequest): Promise<LedgerPage> {
  const forwards = request.endingBefore === undefined;
  await assertCursor(db, request);
  const rows = await db
    .selectFrom('ledger_entries')
    .selectAll()
    .where((eb) => isWanted(eb, request))
    .orderBy('entry_id', forwards ? 'desc' : 'asc')
    .limit(request.limit + 1)
    .execute();
  const page = rows.slice(0, request.limit);
  return {
    entries: await toEntries(db, forwards ? page : page.reverse()),
    hasMore: rows.length > request.limit,
  };
}

function isWanted(eb: ExpressionBuilder<StoreSchema, 'ledger_entries'>, request: LedgerListRequest) {
  const { startingAfter, endingBefore, payoutId, depositId, currency, from, to } = request;
  return eb.and([
    ...(startingAfter === undefined ? [] : [eb('entry_id', '<', startingAfter)]),
    ...(endingBefore === undefined ? [] : [eb('entry_id', '>', endingBefore)]),
    ...(payoutId === undefined ? [] : [isAbout(eb, payoutId)]),
    ...(depositId === undefined ? [] : [eb('deposit_id', '=', depositId)]),
    ...(currency === undefined ? [] : [hasPosting(eb, 'currency', currency)]),
    ...(from === undefined ? [] : [eb('at', '>=', from)]),
    ...(to === undefined ? [] : [eb('at', '<', to)]),
  ]);
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

async function assertCursor(db: StoreDatabase, request: LedgerListRequest): Promise<void> {
  const cursor = request.startingAfter ?? request.endingBefore;
  if (cursor === undefined) return;
  const row = await db
    .selectFrom('ledger_entries')
    .select('entry_id')
    .where('entry_id', '=', cursor)
    .executeTakeFirst();
  if (row !== undefined) return;
  throw new UnknownCursorError(request.startingAfter === undefined ? 'ending_before' : 'starting_after');
}

/** Every entry about the payout, oldest first. */
export async function readPostingsOf(db: StoreDatabase, payoutId: string): Promise<readonly LedgerEntry[]> {
  const rows = await db
    .selectFrom('ledger_entries')
    .selectAll()
    .where((eb) => isAbout(eb, payoutId))
    .orderBy('entry_id')
    .execute();
  return toEntries(db, rows);
}

type EntryRow = Selectable<StoreSchema['ledger_entries']>;

async function toEntries(db: StoreDatabase, rows: readonly EntryRow[]): Promise<readonly LedgerEntry[]> {
  if (rows.length === 0) return [];
  const postings = await db
    .selectFrom('ledger_postings')
    .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id')
    .select(['entry_id', 'kind', 'payout_id', 'currency', 'amount'])
    .where(
      'entry_id',
      'in',
      rows.map((row) => row.entry_id),
    )
    .orderBy('entry_id')
    .orderBy('line')
    .execute();
  const postingsOf = groupBy(postings, (posting) => posting.entry_id);
  return rows.map((row) => ({
    entryId: row.entry_id,
    cause: row.cause,
    causeId: row.cause_id,
    fundingAccount: row.funding_account,
    payoutId: row.payout_id,
    depositId: row.deposit_id,
    actor: row.actor,
    details: row.details,
    at: row.at,
    postings: (postingsOf.get(row.entry_id) ?? []).map((posting): LedgerPosting => {
      const { kind: account, payout_id: payoutId, currency, amount } = posting;
      return { account, payoutId, currency, amount };
    }),
  }));
}

/** What every currency's accounts hold, in one snapshot, beside what the provider said last. */
export async function readBalances(db: StoreDatabase): Promise<readonly CurrencyBalance[]> {
  return inSnapshot(db, async (trx) => {
    const totals = await trx
      .selectFrom('ledger_accounts')
      .leftJoin('payouts', 'payouts.payout_id', 'ledger_accounts.payout_id')
      .select(({ fn }) => [
        'ledger_accounts.funding_account',
        'ledger_accounts.currency',
        'kind',
        sql<boolean>`payouts.funding is not distinct from ${FUNDING.BALANCE}`.as('is_reserved'),
        fn.sum<string>('balance').as('balance'),
      ])
      .groupBy(['ledger_accounts.funding_account', 'ledger_accounts.currency', 'kind', 'is_reserved'])
      .execute();
    const readings = await trx.selectFrom('provider_balance_readings').selectAll().execute();
    const keys = new Set(
      [...totals, ...readings].map((row) => `${row.funding_account} ${row.currency}`).toSorted(),
    );
    return [...keys].map((key) => {
      const isOfKey = (row: { readonly funding_account: string; readonly currency: string }): boolean =>
        `${row.funding_account} ${row.currency}` === key;
      return toBalance(key, totals.filter(isOfKey), readings.find(isOfKey));
    });
  });
}

function toBalance(
  key: string,
  totals: readonly { readonly kind: string; readonly is_reserved: boolean; readonly balance: string }[],
  reading: { readonly available: string; readonly pending: string; readonly read_at: Date } | undefined,
): CurrencyBalance {
  const [fundingAccount = '', currency = ''] = key.split(' ');
  const sumOf = (kind: string, isReserved = false): string =>
    addAmounts(
      ...totals
        .filter((row) => row.kind === kind && row.is_reserved === isReserved)
        .map(({ balance }) => balance),
    );
  return {
    fundingAccount,
    currency,
    available: sumOf(ACCOUNT_KIND.AVAILABLE),
    reserved: sumOf(ACCOUNT_KIND.PAYOUT, true),
    inPayouts: sumOf(ACCOUNT_KIND.PAYOUT),
    unallocated: sumOf(ACCOUNT_KIND.UNALLOCATED),
    returnPending: sumOf(ACCOUNT_KIND.RETURN_PENDING),
    external: sumOf(ACCOUNT_KIND.EXTERNAL),
    rounding: sumOf(ACCOUNT_KIND.ROUNDING),
    shortfall: sumOf(ACCOUNT_KIND.SHORTFALL),
    provider: sumOf(ACCOUNT_KIND.PROVIDER),
    reading:
      reading === undefined
        ? null
        : { available: reading.available, pending: reading.pending, readAt: reading.read_at },
  };
}
