import { sql } from 'kysely';
import { ACCOUNT_KIND, type AccountKind, type EntryCause } from '../../domain/ledger.js';
import { compareAmounts, type Money } from '../../domain/money.js';
import type { StoreDatabase, StoreTransaction } from '../database.js';

/**
 * The journal of the double-entry ledger. The database holds its rules: an entry is unique per cause, its postings
 * sum to zero per currency, nothing is changed later, running balances move with postings only, and no account but
 * `shortfall` and `owed` falls below zero. Which entries there are, bookings.ts says.
 */

/** Whose money it is. Every row carries it, so that more owners need no other schema. */
export const MAIN_FUNDING_ACCOUNT = 'main';

export type AccountRef =
  | { readonly kind: Exclude<AccountKind, 'payout' | 'owed'> }
  | { readonly kind: typeof ACCOUNT_KIND.OWED; readonly owner: string }
  | { readonly kind: typeof ACCOUNT_KIND.PAYOUT; readonly payoutId: string };

/** What the engine knows to be in the account at QbitPay. */
export const PROVIDER_ACCOUNT: AccountRef = { kind: ACCOUNT_KIND.PROVIDER };

/** Debits one account and credits another. @see ACCOUNT_KIND for which side raises which balance */
export interface Transfer {
  readonly debit: AccountRef;
  readonly credit: AccountRef;
  readonly currency: string;
  /** Zero is left out of the entry. */
  readonly amount: string;
}

export interface EntryDraft {
  readonly cause: EntryCause;
  readonly causeId: string;
  readonly payoutId?: string | undefined;
  readonly depositKey?: string | undefined;
  readonly actor?: string | undefined;
  readonly details?: Readonly<Record<string, string>> | undefined;
  readonly transfers: readonly Transfer[];
}

/**
 * Lets one transaction book at a time. The balances that a booking is computed from do not change under it, and
 * transactions do not wait for each other's accounts in a circle. Rows of payouts and deposits are locked before.
 */
export async function lockLedger(trx: StoreTransaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('ledger'))`.execute(trx);
}

/** True when an entry of this cause was booked before. */
export async function isBooked(db: StoreDatabase, cause: EntryCause, causeId: string): Promise<boolean> {
  const row = await db
    .selectFrom('ledger_entries')
    .select('entry_id')
    .where('cause', '=', cause)
    .where('cause_id', '=', causeId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Every posting, with its entry and its account. */
export function selectPostings(db: StoreDatabase) {
  return db
    .selectFrom('ledger_postings')
    .innerJoin('ledger_entries', 'ledger_entries.entry_id', 'ledger_postings.entry_id')
    .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id');
}

/** For what a payout, or a deposit, does more than once. */
export async function nextCauseId(
  trx: StoreTransaction,
  cause: EntryCause,
  { payoutId, depositKey }: { readonly payoutId?: string; readonly depositKey?: string },
): Promise<string> {
  const { count } = await trx
    .selectFrom('ledger_entries')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('cause', '=', cause)
    .$if(payoutId !== undefined, (query) => query.where('payout_id', '=', payoutId ?? ''))
    .$if(depositKey !== undefined, (query) => query.where('deposit_id', '=', depositKey ?? ''))
    .executeTakeFirstOrThrow();
  return `${payoutId ?? depositKey ?? ''}#${Number(count) + 1}`;
}

/**
 * Books entries of different causes, in the caller's transaction, which has locked the ledger. One that moves nothing is
 * left out.
 * @throws when a cause was booked before: a caller that may run again asks {@link isBooked} under the ledger's lock
 */
export async function postEntries(trx: StoreTransaction, drafts: readonly EntryDraft[]): Promise<void> {
  const entries = drafts
    .map((draft) => ({
      ...draft,
      transfers: draft.transfers.filter(({ amount }) => compareAmounts(amount, '0') !== 0),
    }))
    .filter(({ transfers }) => transfers.length > 0);
  if (entries.length === 0) return;
  const inserted = await trx
    .insertInto('ledger_entries')
    .values(
      entries.map((draft) => ({
        cause: draft.cause,
        cause_id: draft.causeId,
        funding_account: MAIN_FUNDING_ACCOUNT,
        payout_id: draft.payoutId ?? null,
        deposit_id: draft.depositKey ?? null,
        actor: draft.actor ?? null,
        details: JSON.stringify(draft.details ?? {}),
      })),
    )
    .returning(['entry_id', 'cause', 'cause_id'])
    .execute();
  const entryIds = new Map(inserted.map((row) => [`${row.cause} ${row.cause_id}`, row.entry_id]));
  const accountIds = await findOrCreateAccounts(
    trx,
    entries.flatMap(({ transfers }) => transfers),
  );
  await trx
    .insertInto('ledger_postings')
    .values(
      entries.flatMap(({ cause, causeId, transfers }) =>
        transfers.flatMap(({ debit, credit, currency, amount }, index) => {
          const entry_id = entryIds.get(`${cause} ${causeId}`) ?? '';
          return [
            { entry_id, line: 2 * index + 1, account_id: accountIds(debit, currency), amount },
            {
              entry_id,
              line: 2 * index + 2,
              account_id: accountIds(credit, currency),
              amount: sql<string>`-${amount}::numeric`,
            },
          ];
        }),
      ),
    )
    .execute();
}

async function findOrCreateAccounts(
  trx: StoreTransaction,
  transfers: readonly Transfer[],
): Promise<(ref: AccountRef, currency: string) => string> {
  const wanted = new Map(
    transfers
      .flatMap(({ debit, credit, currency }) => [toRow(debit, currency), toRow(credit, currency)])
      .map((row) => [keyOf(row), row]),
  );
  const rows = [...wanted.values()];
  const columns = ['account_id', 'currency', 'kind', 'payout_id', 'owner'] as const;
  const found = await trx
    .with('created', (cte) =>
      cte
        .insertInto('ledger_accounts')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .returning(columns),
    )
    .selectFrom('created')
    .select(columns)
    // What was there before: under the ledger's lock nobody else creates any.
    .unionAll((eb) =>
      eb
        .selectFrom('ledger_accounts')
        .select(columns)
        .where((account) => account.or(rows.map((row) => account.and(row)))),
    )
    .execute();
  const ids = new Map(found.map((row) => [keyOf(row), row.account_id]));
  return (ref, currency) => {
    const id = ids.get(accountKey(ref, currency));
    if (id === undefined) throw new Error(`the ledger has no ${ref.kind} account in ${currency}`);
    return id;
  };
}

function toRow(ref: AccountRef, currency: string) {
  return {
    funding_account: MAIN_FUNDING_ACCOUNT,
    currency,
    kind: ref.kind,
    payout_id: ref.kind === ACCOUNT_KIND.PAYOUT ? ref.payoutId : null,
    owner: ref.kind === ACCOUNT_KIND.OWED ? ref.owner : null,
  };
}

/** Names an account among those of this funding account. */
export function accountKey(ref: AccountRef, currency: string): string {
  return keyOf(toRow(ref, currency));
}

function keyOf(row: ReturnType<typeof toRow> | Omit<ReturnType<typeof toRow>, 'funding_account'>) {
  return `${row.currency} ${row.kind} ${row.payout_id ?? row.owner ?? ''}`;
}

/** What an account holds, on its normal side; zero where nothing was ever booked. */
export async function balanceOf(db: StoreDatabase, ref: AccountRef, currency: string): Promise<string> {
  const row = await db
    .selectFrom('ledger_accounts')
    .select('balance')
    .where((eb) => eb.and(toRow(ref, currency)))
    .executeTakeFirst();
  return row?.balance ?? '0';
}

/** The money that is a payout's own, in every currency it has some of. */
export async function fundsOf(db: StoreDatabase, payoutId: string): Promise<readonly Money[]> {
  return db
    .selectFrom('ledger_accounts')
    .select(['currency', 'balance as amount'])
    .where('payout_id', '=', payoutId)
    .where('balance', '>', '0')
    .orderBy('currency')
    .execute();
}

/** True when the ledger knows of as much money in the account at QbitPay. */
export async function isCovered(trx: StoreTransaction, currency: string, amount: string): Promise<boolean> {
  await lockLedger(trx);
  return compareAmounts(amount, await balanceOf(trx, PROVIDER_ACCOUNT, currency)) <= 0;
}
