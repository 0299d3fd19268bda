import { sql } from 'kysely';
import { ACCOUNT_KIND, type AccountKind, type EntryCause } from '../../domain/ledger.js';
import { compareAmounts, subtractAmounts, type Money } from '../../domain/money.js';
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

/** Why money moves: once per cause. */
export interface EntryDraft {
  readonly cause: EntryCause;
  readonly causeId: string;
  readonly payoutId?: string | undefined;
  readonly depositKey?: string | undefined;
  readonly actor?: string | undefined;
  readonly details?: Readonly<Record<string, string>> | undefined;
}

/** An account of the ledger as it is in the transaction that has locked it. */
export interface LockedAccount {
  readonly accountId: string;
  /** On its normal side. */
  readonly balance: string;
}

/**
 * Locks these accounts, and before them what the engine has at QbitPay in their currencies: transactions that book in the
 * same currency follow each other, and none waits for another in a circle. Rows of payouts and deposits are locked before,
 * and a transaction that books in several currencies locks them together. Answers with the accounts by their key; those
 * that were missing are there then.
 */
export async function lockAccounts(
  trx: StoreTransaction,
  accounts: readonly CurrencyAccount[],
): Promise<ReadonlyMap<string, LockedAccount>> {
  const all = accounts.flatMap((one) => [{ account: PROVIDER_ACCOUNT, currency: one.currency }, one]);
  const wanted = new Map(
    all.map(({ account, currency }) => [accountKey(account, currency), toRow(account, currency)]),
  );
  const keys = [...wanted.keys()];
  const rows = [...wanted.values()];
  const column = (name: keyof ReturnType<typeof toRow>) => sql`${rows.map((row) => row[name])}::text[]`;
  for (;;) {
    const { rows: found } = await sql<LockedAccount & { readonly accountKey: string }>`
      with wanted as (
        select * from unnest(${keys}::text[], ${column('currency')}, ${column('kind')}, ${column('payout_id')},
          ${column('owner')}) as account (account_key, currency, kind, payout_id, owner)
      ), created as (
        insert into ledger_accounts (funding_account, currency, kind, payout_id, owner)
        select ${MAIN_FUNDING_ACCOUNT}, currency, kind, payout_id, owner from wanted
        where not exists (select from ledger_accounts known where known.account_key = wanted.account_key)
        on conflict do nothing
        returning account_key, account_id, balance
      ), locked as (
        select account_key, account_id, balance from ledger_accounts where account_key = any(${keys}::text[])
        order by currency, kind <> ${ACCOUNT_KIND.PROVIDER}, account_id for no key update)
      select account_key as "accountKey", account_id as "accountId", balance from created
      union all select account_key, account_id, balance from locked`.execute(trx);
    // One that somebody else has made since the statement began shows in the next.
    if (found.length === keys.length) return new Map(found.map((row) => [row.accountKey, row]));
  }
}

export interface CurrencyAccount {
  readonly account: AccountRef;
  readonly currency: string;
}

/**
 * Lets one transaction at a time book in these currencies: what is computed from their balances does not change under it.
 * Answers with what the ledger knows of at QbitPay, by currency.
 */
export async function lockLedger(
  trx: StoreTransaction,
  currencies: readonly string[],
): Promise<(currency: string) => string> {
  const wanted = currencies.map((currency) => ({ account: PROVIDER_ACCOUNT, currency }));
  const accounts = await lockAccounts(trx, wanted);
  return (currency) => accounts.get(accountKey(PROVIDER_ACCOUNT, currency))?.balance ?? '0';
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

/** An entry with what it moves. */
export interface Entry extends EntryDraft {
  readonly transfers: readonly Transfer[];
}

/**
 * Books entries of different causes, in the caller's transaction, which has locked their accounts. One that moves nothing
 * is left out.
 * @throws when a cause was booked before: a caller that may run again asks {@link isBooked} under the ledger's lock
 */
export async function postEntries(
  trx: StoreTransaction,
  drafts: readonly Entry[],
  accounts: ReadonlyMap<string, LockedAccount>,
): Promise<void> {
  const entries = drafts
    .map((draft) => ({
      ...draft,
      transfers: draft.transfers.filter(({ amount }) => compareAmounts(amount, '0') !== 0),
    }))
    .filter(({ transfers }) => transfers.length > 0);
  if (entries.length === 0) return;
  const idOf = (account: AccountRef, currency: string): string | undefined =>
    accounts.get(accountKey(account, currency))?.accountId;
  const drafted = entries.map((entry, place) => ({
    place,
    cause: entry.cause,
    cause_id: entry.causeId,
    payout_id: entry.payoutId,
    deposit_id: entry.depositKey,
    actor: entry.actor,
    details: entry.details ?? {},
  }));
  const postings = entries.flatMap(({ cause, causeId: cause_id, transfers }) =>
    transfers.flatMap(({ debit, credit, currency, amount }, index) => [
      { cause, cause_id, line: 2 * index + 1, account_id: idOf(debit, currency), amount },
      {
        ...{ cause, cause_id, line: 2 * index + 2, account_id: idOf(credit, currency) },
        amount: subtractAmounts('0', amount),
      },
    ]),
  );
  await sql`
    with entries as (
      insert into ledger_entries (cause, cause_id, funding_account, payout_id, deposit_id, actor, details)
      select cause, cause_id, ${MAIN_FUNDING_ACCOUNT}, payout_id, deposit_id, actor, details
      from jsonb_to_recordset(${JSON.stringify(drafted)}::jsonb) as draft (place integer, cause text, cause_id text,
        payout_id text, deposit_id text, actor text, details jsonb)
      order by place
      returning entry_id, cause, cause_id)
    insert into ledger_postings (entry_id, line, account_id, amount)
    select entry_id, line, account_id, amount
    from jsonb_to_recordset(${JSON.stringify(postings)}::jsonb) as posting (cause text, cause_id text, line integer,
      account_id bigint, amount numeric)
    join entries using (cause, cause_id)`.execute(trx);
}

function toRow(ref: AccountRef, currency: string) {
  return {
    currency,
    kind: ref.kind,
    payout_id: ref.kind === ACCOUNT_KIND.PAYOUT ? ref.payoutId : null,
    owner: ref.kind === ACCOUNT_KIND.OWED ? ref.owner : null,
  };
}

/** By what an account is found; the column `account_key` says the same. */
export function accountKey(ref: AccountRef, currency: string): string {
  const { kind, payout_id: payoutId, owner } = toRow(ref, currency);
  return `${currency} ${kind} ${payoutId ?? owner ?? ''}`;
}

/** What an account holds, on its normal side; zero where nothing was ever booked. */
export async function balanceOf(db: StoreDatabase, ref: AccountRef, currency: string): Promise<string> {
  const row = await db
    .selectFrom('ledger_accounts')
    .select('balance')
    .where('account_key', '=', accountKey(ref, currency))
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

/** True when the ledger knows of as much money in the account at QbitPay; it does not change under the transaction. */
export async function isCovered(trx: StoreTransaction, currency: string, amount: string): Promise<boolean> {
  const heldIn = await lockLedger(trx, [currency]);
  return compareAmounts(amount, heldIn(currency)) <= 0;
}
