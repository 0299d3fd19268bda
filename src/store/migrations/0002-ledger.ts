import { sql, type Kysely } from 'kysely';

/**
 * The double-entry ledger, with what the store held before booked into it; deposits that are split, found by hand or
 * named twice; payouts from the available balance; what reconciliation reads and leaves.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...LEDGER, ...DEPOSITS, ...PAYOUTS, ...RECONCILIATION, STORE_HISTORY, CHECK_NOW]) {
    await sql.raw(statement).execute(db);
  }
}

const LEDGER = [
  // Debits and credits are kept apart, so that accounts that money only passes through show how much it was.
  `create table ledger_accounts (
     account_id bigint generated always as identity primary key,
     funding_account text not null,
     currency text not null,
     kind text not null check (kind in ('provider', 'return_pending', 'available', 'unallocated', 'payout', 'external',
       'rounding', 'fees', 'conversion', 'shortfall')),
     payout_id text references payouts,
     debits numeric not null default 0 check (debits >= 0),
     credits numeric not null default 0 check (credits >= 0),
     balance numeric generated always as
       (case when kind in ('provider', 'return_pending') then debits - credits else credits - debits end) stored,
     check ((kind = 'payout') = (payout_id is not null)),
     constraint ledger_accounts_never_below_zero check (kind = 'shortfall' or balance >= 0),
     constraint ledger_accounts_shortfall_never_above_zero check (kind <> 'shortfall' or balance <= 0),
     unique nulls not distinct (payout_id, funding_account, currency, kind))`,

  `create table ledger_entries (
     entry_id bigint generated always as identity primary key,
     cause text not null,
     cause_id text not null,
     funding_account text not null,
     payout_id text references payouts,
     deposit_key text references deposits,
     actor text,
     details jsonb not null default '{}',
     at timestamptz not null default clock_timestamp(),
     constraint ledger_entries_once_per_cause unique (cause, cause_id))`,
  `create index ledger_entries_by_payout on ledger_entries (payout_id, entry_id)`,
  `create index ledger_entries_by_deposit on ledger_entries (deposit_key, entry_id)`,

  `create table ledger_postings (
     entry_id bigint not null references ledger_entries,
     line integer not null,
     account_id bigint not null references ledger_accounts,
     amount numeric not null check (amount <> 0),
     primary key (entry_id, line))`,
  `create index ledger_postings_by_account on ledger_postings (account_id, entry_id)`,

  // All postings of an entry come in one statement: they sum to zero then, or none of them is there.
  `create function balance_ledger_postings() returns trigger language plpgsql as $$
   begin
     if exists (select from added join ledger_accounts using (account_id)
                group by entry_id, currency having sum(amount) <> 0) then
       raise exception 'the postings of a ledger entry do not sum to zero' using errcode = 'check_violation';
     end if;
     if (select count(*) from ledger_postings where entry_id in (select entry_id from added))
        <> (select count(*) from added) then
       raise exception 'a ledger entry gets no postings later' using errcode = 'restrict_violation';
     end if;
     update ledger_accounts set debits = ledger_accounts.debits + moved.debits,
                                credits = ledger_accounts.credits + moved.credits
       from (select account_id, coalesce(sum(amount) filter (where amount > 0), 0) as debits,
                    coalesce(-sum(amount) filter (where amount < 0), 0) as credits
             from added group by account_id) as moved
       where ledger_accounts.account_id = moved.account_id;
     return null;
   end $$`,
  `create trigger ledger_postings_balanced after insert on ledger_postings
     referencing new table as added for each statement execute function balance_ledger_postings()`,

  `create function refuse_empty_ledger_entry() returns trigger language plpgsql as $$
   begin
     if not exists (select from ledger_postings where entry_id = new.entry_id) then
       raise exception 'ledger entry % has no postings', new.entry_id using errcode = 'check_violation';
     end if;
     return null;
   end $$`,
  `create constraint trigger ledger_entries_not_empty after insert on ledger_entries
     deferrable initially deferred for each row execute function refuse_empty_ledger_entry()`,

  ...['ledger_entries', 'ledger_postings'].flatMap((table) => [
    `create trigger ${table}_append_only before update or delete on ${table}
       for each row execute function refuse_change()`,
    `create trigger ${table}_never_emptied before truncate on ${table}
       for each statement execute function refuse_change()`,
  ]),
  // The running balances move with postings only.
  `create function refuse_balance_without_posting() returns trigger language plpgsql as $$
   begin
     if pg_trigger_depth() < 2 then
       raise exception 'the balance of a ledger account moves by postings only' using errcode = 'restrict_violation';
     end if;
     return new;
   end $$`,
  `create trigger ledger_accounts_by_postings_only before update on ledger_accounts
     for each row execute function refuse_balance_without_posting()`,
  `create trigger ledger_accounts_never_deleted before delete on ledger_accounts
     for each row execute function refuse_change()`,
];

const DEPOSITS = [
  `alter table deposits add column sequence bigint generated always as identity unique`,
  // One transaction can bring several deposits; each is known by its place among them.
  `alter table deposits add column tx_index integer not null default 0`,
  `update deposits set tx_index = numbered.place from (
     select deposit_key, row_number() over (partition by tx_hash order by verified_at, deposit_key) - 1 as place
     from deposits where tx_hash is not null) as numbered
     where deposits.deposit_key = numbered.deposit_key`,
  `create unique index deposits_by_transaction on deposits (tx_hash, tx_index)`,
  `create index deposits_by_status on deposits (status, sequence)`,
  `create table deposit_allocations (
     deposit_key text not null references deposits,
     payout_id text references payouts,
     amount numeric not null check (amount > 0),
     matched_by text not null check (matched_by in ('declaredTransaction', 'exactAmount', 'person')),
     allocated_at timestamptz not null default clock_timestamp(),
     unique nulls not distinct (deposit_key, payout_id))`,
  `create index deposit_allocations_by_payout on deposit_allocations (payout_id)`,
  `insert into deposit_allocations (deposit_key, payout_id, amount, matched_by)
     select deposit_key, payout_id, amount, matched_by from deposits where status = 'allocated'`,
  `alter table deposits drop constraint deposits_check`,
  `alter table deposits drop column matched_by`,
];

const PAYOUTS = [
  `alter table payouts add column funding text not null default 'deposit' check (funding in ('deposit', 'balance'))`,
  `alter table payouts add column flags text[] not null default '{}'`,
  `create index payouts_awaiting_balance on payouts (sequence) where status = 'awaiting_balance'`,
  `alter table provider_payouts add column booked_amount numeric not null default 0`,
  `alter table provider_payouts add column booked_fee numeric not null default 0`,
  `alter table provider_payouts add column adjustments integer not null default 0`,
  `alter table provider_payouts add column returned numeric`,
  `alter table provider_payouts add column returned_at timestamptz`,
  `alter table provider_payouts add column read_at timestamptz not null default clock_timestamp()`,
  `alter table provider_orders add column read_at timestamptz not null default clock_timestamp()`,
  `update provider_payouts set booked_amount = recipient_amount, booked_fee = fee`,
];

const RECONCILIATION = [
  // What moves from now on is booked for its own reason; what was there before is the opening balance.
  `insert into engine_settings (name, value)
     values ('account_opened_at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
  // Where there are payouts already, a deposit may be on its way to one of them.
  `insert into engine_settings (name, value)
     select 'deposits_from', to_char(coalesce(min(created_at), clock_timestamp()) at time zone 'UTC',
       'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') from payouts`,
  `create table provider_balance_readings (
     funding_account text not null,
     currency text not null,
     available numeric not null,
     pending numeric not null,
     read_at timestamptz not null,
     primary key (funding_account, currency))`,
  `create table reconciliation_reports (
     report_id bigint generated always as identity primary key,
     ran_at timestamptz not null,
     clean boolean not null,
     report jsonb not null)`,
];

/** Books what was known before there was a ledger, as the engine would have booked it at the time. */
const STORE_HISTORY = `
do $$
declare
  item record;
  entry bigint;
  base text;
  quote text;
  had numeric;
begin
  create function pg_temp.account(of_currency text, of_kind text, of_payout text default null) returns bigint
    language plpgsql as $f$
    declare found_id bigint;
    begin
      insert into ledger_accounts (funding_account, currency, kind, payout_id)
        values ('main', of_currency, of_kind, of_payout) on conflict do nothing;
      select account_id into found_id from ledger_accounts
        where funding_account = 'main' and currency = of_currency and kind = of_kind
          and payout_id is not distinct from of_payout;
      return found_id;
    end $f$;
  create function pg_temp.funds(of_payout text, of_currency text) returns numeric language sql as $f$
    select coalesce(sum(balance), 0) from ledger_accounts
      where kind = 'payout' and payout_id = of_payout and currency = of_currency $f$;
  create function pg_temp.entry(of_cause text, of_id text, of_payout text, of_deposit text, of_time timestamptz)
    returns bigint language sql as $f$
    insert into ledger_entries (cause, cause_id, funding_account, payout_id, deposit_key, at)
      values (of_cause, of_id, 'main', of_payout, of_deposit, of_time) returning entry_id $f$;

  -- What QbitPay took of money that the old store knew nothing of: without it the provider account would be below zero.
  create function pg_temp.cover(of_currency text, taken numeric, of_id text, of_time timestamptz) returns void
    language plpgsql as $f$
    declare
      missing numeric;
      entry bigint;
    begin
      select taken - coalesce(sum(balance), 0) into missing from ledger_accounts
        where kind = 'provider' and currency = of_currency;
      if missing > 0 then
        entry := pg_temp.entry('outside_activity', 'before ' || of_id, null, null, of_time);
        insert into ledger_postings values
          (entry, 1, pg_temp.account(of_currency, 'provider'), missing),
          (entry, 2, pg_temp.account(of_currency, 'external'), -missing);
      end if;
    end $f$;

  for item in select * from opening_balances where amount > 0 loop
    entry := pg_temp.entry('opening_balance', item.currency, null, null, item.read_at);
    insert into ledger_postings values
      (entry, 1, pg_temp.account(item.currency, 'provider'), item.amount),
      (entry, 2, pg_temp.account(item.currency, 'available'), -item.amount);
  end loop;

  for item in select * from deposits order by sequence loop
    entry := pg_temp.entry('deposit', item.deposit_key, null, item.deposit_key, item.verified_at);
    insert into ledger_postings values
      (entry, 1, pg_temp.account(item.currency, 'provider'), item.amount),
      (entry, 2, pg_temp.account(item.currency, 'unallocated'), -item.amount);
    if item.status = 'allocated' then
      entry := pg_temp.entry('allocation', item.deposit_key, item.payout_id, item.deposit_key, item.decided_at);
      insert into ledger_postings values
        (entry, 1, pg_temp.account(item.currency, 'unallocated'), item.amount),
        (entry, 2, pg_temp.account(item.currency, 'payout', item.payout_id), -item.amount);
    end if;
  end loop;

  for item in select * from provider_orders where status = 'filled' order by recorded_at loop
    base := split_part(item.symbol, '/', 1);
    quote := split_part(item.symbol, '/', 2);
    had := least(item.amount, pg_temp.funds(item.payout_id, base));
    perform pg_temp.cover(base, item.amount, 'order ' || item.external_order_id, item.recorded_at);
    entry := pg_temp.entry('order', item.external_order_id, item.payout_id, null, item.recorded_at);
    insert into ledger_postings select entry, row_number() over (), line.account_id, line.amount from (values
        (pg_temp.account(base, 'payout', item.payout_id), had),
        (pg_temp.account(base, 'shortfall'), item.amount - had),
        (pg_temp.account(base, 'provider'), -item.amount),
        (pg_temp.account(quote, 'provider'), item.quote_amount - item.fee),
        (pg_temp.account(quote, 'payout', item.payout_id), -(item.quote_amount - item.fee))
      ) as line (account_id, amount) where line.amount <> 0;
  end loop;

  for item in select * from provider_payouts order by recorded_at loop
    had := least(item.recipient_amount + item.fee, pg_temp.funds(item.payout_id, item.currency));
    perform pg_temp.cover(
      item.currency, item.recipient_amount + item.fee, 'payout ' || item.external_order_id, item.recorded_at);
    entry := pg_temp.entry('payout', item.external_order_id, item.payout_id, null, item.recorded_at);
    insert into ledger_postings select entry, row_number() over (), line.account_id, line.amount from (values
        (pg_temp.account(item.currency, 'payout', item.payout_id), had),
        (pg_temp.account(item.currency, 'shortfall'), item.recipient_amount + item.fee - had),
        (pg_temp.account(item.currency, 'provider'), -(item.recipient_amount + item.fee))
      ) as line (account_id, amount) where line.amount <> 0;
    if item.status in ('failed', 'cancelled') then
      entry := pg_temp.entry('payout_failure', item.external_order_id, item.payout_id, null, item.recorded_at);
      insert into ledger_postings values
        (entry, 1, pg_temp.account(item.currency, 'return_pending'), item.recipient_amount),
        (entry, 2, pg_temp.account(item.currency, 'payout', item.payout_id), -item.recipient_amount);
    end if;
  end loop;

  for item in select payout_id, updated_at from payouts
      where status in ('paid', 'failed', 'cancelled', 'expired', 'rejected')
        and not exists (select from provider_payouts
                        where provider_payouts.payout_id = payouts.payout_id and status in ('failed', 'cancelled'))
        and exists (select from ledger_accounts where ledger_accounts.payout_id = payouts.payout_id and balance > 0)
      order by sequence loop
    entry := pg_temp.entry('release', item.payout_id || '#1', item.payout_id, null, item.updated_at);
    insert into ledger_postings select entry, row_number() over (), line.account_id, line.amount from (
      select account_id, balance as amount from ledger_accounts
        where payout_id = item.payout_id and balance > 0
      union all
      select pg_temp.account(currency, 'available'), -balance from ledger_accounts
        where payout_id = item.payout_id and balance > 0) as line;
  end loop;
end $$`;

/** A later migration could not alter tables whose checks are still due. */
const CHECK_NOW = `set constraints all immediate`;
