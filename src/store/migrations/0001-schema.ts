import { sql, type Kysely } from 'kysely';

/** The whole schema, by aggregate. Amounts are numeric: PostgreSQL compares and adds them exactly. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const aggregate of [SETTINGS, PAYOUTS, DEPOSITS, REQUESTS, MIRROR, LEDGER, RECONCILIATION, WEBHOOKS]) {
    await sql.raw(aggregate).execute(db);
  }
}

const SETTINGS = `
create table engine_settings (name text primary key, value text not null);

insert into engine_settings (name, value) values
  -- Two random UUIDs are 244 random bits, without an extension.
  ('request_hash_key', gen_random_uuid()::text || gen_random_uuid()::text);

-- What each pair cost when a payout was opened last, and a price that is too far from it to be believed at once.
create table reference_prices (
  symbol text primary key,
  bid numeric not null check (bid > 0),
  believed_at timestamptz not null default clock_timestamp(),
  candidate numeric,
  candidate_since timestamptz);

-- As long as one is engaged, nothing of its currency leaves for QbitPay; null: nothing at all.
create table brakes (
  brake_id bigint generated always as identity primary key,
  kind text not null,
  currency text,
  detail text not null,
  engaged_by text not null,
  engaged_at timestamptz not null default clock_timestamp(),
  released_by text,
  released_at timestamptz,
  release_reason text,
  check ((released_by is null) = (released_at is null) and (release_reason is null) = (released_at is null)));
create unique index brakes_engaged on brakes (kind, currency) nulls not distinct where released_at is null;

-- What tells one account at QbitPay from another.
create table account_wallets (
  currency text not null,
  address text not null,
  first_seen_at timestamptz not null default clock_timestamp(),
  -- Since when the account does not show it.
  gone_at timestamptz,
  primary key (currency, address));

-- One row: whoever engages a brake waits here for those who are about to send, and keeps the next ones waiting.
create table brake_gate (only_row boolean primary key default true check (only_row));
insert into brake_gate default values;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
`;

const PAYOUTS = `
create table payouts (
  payout_id text primary key,
  sequence bigint generated always as identity unique,
  request_hash text not null,
  maker text not null,
  owner text not null,
  policy jsonb not null,
  -- The workflow runs that claimed it, the one that carries it last; the epoch is how many there were.
  run_ids text[] not null default '{}',
  epoch integer not null generated always as (cardinality(run_ids)) stored,
  funding_account text not null default 'main',
  funding text not null default 'deposit' check (funding in ('deposit', 'balance')),
  amount numeric not null check (amount > 0),
  currency text not null,
  amount_mode text not null check (amount_mode in ('receive', 'send')),
  funding_currency text not null,
  destination jsonb not null,
  description text,
  status text not null,
  hold_reason text,
  held_from text,
  flags text[] not null default '{}',
  failure_type text,
  failure_message text,
  order_attempt integer not null default 1,
  payout_attempt integer not null default 1,
  deposit_network text,
  deposit_address text,
  deposit_amount numeric check (deposit_amount > 0),
  deposit_matched_by text check (deposit_matched_by in ('amount', 'transaction')),
  deposit_received numeric not null default 0 check (deposit_received >= 0),
  deposit_expires_at timestamptz,
  fee_side text check (fee_side in ('added', 'deducted')),
  payout_fee_rate numeric,
  trade_fee_rate numeric,
  estimated_price numeric,
  price_offer jsonb,
  accepted_price numeric check (accepted_price > 0),
  minimum_amount numeric,
  minimum_currency text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- Nobody can take on a payout that is held for a reason unknown.
  check (status <> 'held' or hold_reason is not null));
create index payouts_by_deposit_address on payouts (deposit_address);
create index payouts_by_status on payouts (status, sequence desc);
create index payouts_by_owner on payouts (owner, sequence desc);
create index payouts_open on payouts (sequence)
  where status not in ('paid', 'failed', 'cancelled', 'expired', 'rejected', 'returned');
create index payouts_awaiting_balance on payouts (sequence) where status = 'awaiting_balance';
create index payouts_awaiting_owed on payouts (owner, sequence) where status = 'awaiting_balance';

-- Written by every migration from the table in the domain: a bug, or a person with psql, cannot revive an ended payout.
create table legal_payout_transitions (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status));
create function refuse_illegal_payout_transition() returns trigger language plpgsql as $$
begin
  if not exists (select from legal_payout_transitions
                 where from_status = old.status and to_status = new.status) then
    raise exception 'payout % cannot go from % to %', old.payout_id, old.status, new.status
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger payouts_legal_transition before update of status on payouts
  for each row when (old.status is distinct from new.status)
  execute function refuse_illegal_payout_transition();

create table payout_timeline (
  entry_id bigint generated always as identity primary key,
  payout_id text not null references payouts,
  status text not null,
  detail text not null,
  at timestamptz not null default clock_timestamp());
create index payout_timeline_by_payout on payout_timeline (payout_id, entry_id);
create trigger payout_timeline_append_only before update or delete on payout_timeline
  for each row execute function refuse_change();

-- Where a payout goes from this attempt on, by a person's word; payouts.destination is what was asked for, and stays.
create table payout_destinations (
  destination_id bigint generated always as identity primary key,
  payout_id text not null references payouts,
  payout_attempt integer not null,
  destination jsonb not null,
  decided_by text not null,
  decided_at timestamptz not null default clock_timestamp());
create index payout_destinations_by_payout on payout_destinations (payout_id, destination_id);
create trigger payout_destinations_append_only before update or delete on payout_destinations
  for each row execute function refuse_change();

-- What persons decided, once each: a decision that is carried out again (its answer was lost) changes nothing.
create table payout_decisions (
  payout_id text not null references payouts,
  operation_id text not null,
  action text not null,
  actor text not null,
  reason text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (payout_id, operation_id));
`;

const DEPOSITS = `
-- No two payouts expect the same amount, nor does one that an ended payout expected a while ago: money may come late.
create table expected_deposits (
  funding_account text not null default 'main',
  currency text not null,
  amount numeric not null,
  payout_id text not null unique references payouts,
  rests_until timestamptz,
  primary key (funding_account, currency, amount));
create index expected_deposits_resting on expected_deposits (rests_until) where rests_until is not null;

create table declared_transactions (
  tx_hash text primary key,
  payout_id text not null references payouts,
  declared_by text not null,
  declared_at timestamptz not null default clock_timestamp());

create table deposits (
  deposit_id text primary key,
  sequence bigint generated always as identity unique,
  provider_deposit_id text unique,
  tx_hash text,
  -- One transaction can bring several deposits; each is known by its place among them.
  tx_index integer not null default 0,
  currency text not null,
  amount numeric not null check (amount > 0),
  address text,
  -- The balance transaction, or the balance, that showed its money.
  proof text not null,
  status text not null check (status in ('allocated', 'unallocated', 'missing')),
  payout_id text references payouts,
  unallocated_reason text,
  verified_at timestamptz not null default clock_timestamp(),
  decided_at timestamptz not null default clock_timestamp(),
  proven_at timestamptz,
  check (status <> 'unallocated' or unallocated_reason is not null));
create unique index deposits_by_transaction on deposits (tx_hash, tx_index);
create index deposits_by_payout on deposits (payout_id);
create index deposits_by_currency on deposits (currency);
create index deposits_by_status on deposits (status, sequence);
create index deposits_by_change on deposits (verified_at);
create index deposits_without_transaction on deposits (currency, amount) where tx_hash is null;

create table deposit_allocations (
  deposit_id text not null references deposits,
  payout_id text references payouts,
  owner text,
  amount numeric not null check (amount > 0),
  matched_by text not null check (matched_by in ('declaredTransaction', 'exactAmount', 'person')),
  allocated_at timestamptz not null default clock_timestamp(),
  check (payout_id is null or owner is null),
  unique nulls not distinct (deposit_id, payout_id, owner));
create index deposit_allocations_by_payout on deposit_allocations (payout_id);

-- What a webhook or a person said of a deposit: it names its transaction and address, and proves nothing.
create table deposit_notices (
  -- QbitPay's id of the deposit, else its transaction.
  notice_id text primary key,
  sequence bigint generated always as identity unique,
  provider_deposit_id text,
  tx_hash text,
  address text,
  currency text not null,
  amount numeric not null check (amount > 0),
  noticed_at timestamptz not null default clock_timestamp(),
  -- The deposit that it is about, once its money shows.
  deposit_id text references deposits,
  -- Why it could not be taken over.
  problem text);
create index deposit_notices_open on deposit_notices (sequence) where deposit_id is null;
`;

const REQUESTS = `
create table provider_requests (
  operation text not null check (operation in ('order', 'payout')),
  external_order_id text not null,
  payout_id text not null references payouts,
  state text not null check (state in
    ('prepared', 'sending', 'accepted', 'refused', 'not_sent', 'retry_later', 'unknown')),
  sends integer not null default 0,
  -- QbitPay's answer was a refusal: what the request is once absence checks have borne it out; unknown until then.
  provisional_state text check (provisional_state in ('refused', 'retry_later')),
  retry_after_seconds integer,
  failure_type text,
  failure_message text,
  amount numeric,
  currency text,
  price numeric,
  first_sent_at timestamptz,
  last_sent_at timestamptz,
  absence_checks integer not null default 0,
  -- From when on a reading of all of the list counts, and how many prove that the request never arrived: 0 where none can.
  absence_from timestamptz,
  absence_wanted integer,
  resend_by text,
  resends integer not null default 0,
  updated_at timestamptz not null default clock_timestamp(),
  -- The row that the compare-and-set of a sending finds: there is never a second one to send by.
  primary key (operation, external_order_id));
-- Every answer ever received to a request that moves money, ours or not, with what it named. Rows are only added.
create table provider_answers (
  answer_id bigint generated always as identity primary key,
  operation text not null,
  external_order_id text not null,
  sends integer not null,
  received_at timestamptz not null default clock_timestamp(),
  -- What it was taken for.
  verdict text not null,
  http_status integer,
  provider_id text,
  named_external_order_id text,
  currency text,
  amount numeric,
  -- What a refusal says: it may name persons and accounts, so that only operators read it.
  words text,
  foreign key (operation, external_order_id) references provider_requests);
create index provider_answers_by_request on provider_answers (operation, external_order_id);
create trigger provider_answers_append_only before update or delete on provider_answers
  for each row execute function refuse_change();
create index provider_answers_by_provider_id on provider_answers (provider_id);

create index provider_requests_unknown on provider_requests (operation, absence_from) where state = 'unknown';
create index provider_requests_sending on provider_requests (operation) where state = 'sending';
create index provider_requests_by_payout on provider_requests (payout_id);

create table provider_orders (
  external_order_id text primary key,
  payout_id text not null references payouts,
  -- One object of QbitPay's is never two payouts' own.
  provider_order_id text not null unique,
  symbol text not null,
  amount numeric not null,
  price numeric not null,
  quote_amount numeric not null,
  fee numeric not null,
  status text not null,
  recorded_at timestamptz not null default clock_timestamp(),
  read_at timestamptz not null default clock_timestamp());
create index provider_orders_by_payout on provider_orders (payout_id);

create table provider_payouts (
  external_order_id text primary key,
  payout_id text not null references payouts,
  provider_payout_id text not null unique,
  currency text not null,
  post_amount numeric not null,
  recipient_amount numeric not null,
  fee numeric not null,
  status text not null,
  booked_amount numeric not null default 0,
  booked_fee numeric not null default 0,
  -- Amount and fee were as expected when it was accepted; null: its answer says nothing of them.
  is_expected boolean,
  adjustments integer not null default 0,
  failures integer not null default 0,
  return_pending numeric not null default 0 check (return_pending >= 0),
  returned_amount numeric,
  retaken_amount numeric not null default 0,
  returned_at timestamptz,
  recorded_at timestamptz not null default clock_timestamp(),
  read_at timestamptz not null default clock_timestamp());
create index provider_payouts_by_payout on provider_payouts (payout_id);
create index provider_payouts_not_returned on provider_payouts (payout_id) where return_pending > 0;
create index provider_payouts_judged on provider_payouts (currency, recorded_at) where is_expected is not null;

-- An answer in the currency was as expected with this side of the fee: payouts need not leave one at a time any more.
create table fee_proofs (
  currency text not null,
  fee_side text not null,
  primary key (currency, fee_side));

-- What reconciliation looks at since the run before.
create index provider_requests_by_change on provider_requests (updated_at);
create index provider_orders_by_change on provider_orders (read_at);
create index provider_payouts_by_change on provider_payouts (greatest(read_at, returned_at));
`;

const MIRROR = `
-- One row: who may write to the mirror, and how far the readings of QbitPay have come.
create table provider_sync (
  only_row boolean primary key default true check (only_row),
  -- Taken by each reader; a reader that another one has replaced writes nothing any more.
  generation bigint not null default 0,
  -- Complete syncs so far, and when the last one began.
  sync_no bigint not null default 0,
  began_at timestamptz,
  completed_at timestamptz,
  clock_skew_ms integer,
  -- What the worker that reads keeps to; each worker counts by itself.
  max_requests_per_second double precision,
  -- When the last one began that has ended, complete or not.
  tried_at timestamptz,
  problem text,
  -- What QbitPay showed until then is the opening balance.
  opened_at timestamptz);
insert into provider_sync default values;

create table provider_lists (
  kind text primary key check (kind in ('payout', 'order', 'transaction')),
  is_offered boolean not null default true,
  -- It was read with something in it: empty, it is lost.
  has_shown boolean not null default false,
  -- The first reading of all of the list goes on from here after a crash.
  backfill_cursor text,
  backfilled_at timestamptz,
  completed_at timestamptz,
  overlap_read_at timestamptz,
  problem text,
  -- Since when all of the list is wished to be read anew, until it is, and how far that has come.
  reread_from timestamptz,
  reread_cursor text);
insert into provider_lists (kind) values ('payout'), ('order'), ('transaction');

-- What QbitPay's API showed last of each object, ours or not.
create table provider_objects (
  kind text not null references provider_lists,
  provider_id text not null,
  external_order_id text,
  -- Without its form: as it is compared where a system on the way may have altered it.
  plain_id text generated always as (regexp_replace(lower(external_order_id), '[^a-z0-9]', '', 'g')) stored,
  -- Of a transaction: the object that moved the balance.
  source text,
  type text,
  status text,
  currency text,
  amount numeric,
  content jsonb not null,
  problem text,
  -- Why its money could not be booked; it is tried again with each sync.
  booking_problem text,
  -- It will change again, as far as is known.
  is_open boolean not null,
  -- When its payout was resumed, or a webhook announced its end: a reading from before is no answer.
  awaited_since timestamptz,
  -- It is of a payout of ours, and was not posted as it is now.
  is_unread boolean not null default false,
  -- Of a payout or an order: its id says that this store has sent it, and it has not. Null: not judged yet.
  is_unexplained boolean,
  -- Whether a brake has named it as a second one of its request. Null: it was not seen beside another one.
  is_duplicate_named boolean,
  first_seen_at timestamptz not null default clock_timestamp(),
  -- Before the request to QbitPay left that read it last.
  read_at timestamptz not null,
  changed_at timestamptz not null,
  -- Since when QbitPay, asked for it by its id, does not show it.
  missing_since timestamptz,
  -- The requests that a person said it is none of, by their external_order_id.
  disowned_for text[] not null default '{}',
  primary key (kind, provider_id)) with (fillfactor = 70);
create index provider_objects_by_external_order_id on provider_objects (external_order_id);
create index provider_objects_by_plain_id on provider_objects (plain_id);
create index provider_objects_by_plain_end on provider_objects (reverse(plain_id) text_pattern_ops);
create index provider_objects_by_first_seen on provider_objects (kind, currency, first_seen_at);
create index provider_objects_newest_payout on provider_objects (first_seen_at)
  where kind = 'payout' and not is_open and problem is null;
create index provider_objects_by_source on provider_objects (source) where source is not null;
create index provider_objects_by_change on provider_objects (greatest(changed_at, missing_since));
create index provider_objects_open on provider_objects (kind, read_at) where is_open;
create index provider_objects_with_problem on provider_objects (first_seen_at)
  where problem is not null or booking_problem is not null;
create index provider_objects_unread on provider_objects (read_at) where is_unread;
create index provider_objects_not_judged on provider_objects (first_seen_at)
  where is_unexplained is null and kind <> 'transaction';
create index provider_objects_later_attempts on provider_objects (split_part(external_order_id, '~', 1))
  where external_order_id like '%~%';
create index provider_objects_unexplained on provider_objects (external_order_id) where is_unexplained;
create index provider_objects_duplicates on provider_objects (provider_id) where not is_duplicate_named;
create index provider_objects_not_booked on provider_objects (provider_id) where booking_problem is not null;

-- Wishes for a sync, or for the reading of one object, until they are granted.
create table sync_wishes (
  wish_id bigint generated always as identity primary key,
  reason text not null,
  kind text references provider_lists,
  provider_id text,
  wished_at timestamptz not null default clock_timestamp());

-- Signals to the workflows of payouts, of each kind one at most; kept until Temporal took it.
create table workflow_hints (
  payout_id text not null references payouts,
  signal text not null check (signal in ('payoutEvent', 'depositAllocated', 'balanceReleased', 'brakeReleased')),
  hint_no bigint generated always as identity,
  -- The workflow has the signal, and has not read what it is about.
  delivered_at timestamptz,
  -- Temporal gives the workflow no more signals.
  refused_at timestamptz,
  primary key (payout_id, signal));
create index workflow_hints_by_age on workflow_hints (hint_no);

create table provider_request_counts (
  minute timestamptz not null,
  reason text not null check (reason in ('send', 'step', 'sync')),
  operation text not null,
  requests integer not null,
  primary key (minute, reason, operation));
`;

const LEDGER = `
-- Debits and credits are kept apart, so that accounts that money only passes through show how much it was.
create table ledger_accounts (
  account_id bigint generated always as identity primary key,
  funding_account text not null,
  currency text not null,
  kind text not null check (kind in ('provider', 'return_pending', 'missing', 'available', 'owed', 'unallocated', 'payout',
    'external', 'rounding', 'fees', 'conversion', 'shortfall')),
  payout_id text references payouts,
  owner text,
  debits numeric not null default 0 check (debits >= 0),
  credits numeric not null default 0 check (credits >= 0),
  balance numeric generated always as
    (case when kind in ('provider', 'return_pending', 'missing') then debits - credits else credits - debits end) stored,
  -- By what an account is found: its kind says whether a payout or an owner follows.
  account_key text not null generated always as (currency || ' ' || kind || ' ' || coalesce(payout_id, owner, '')) stored,
  check ((kind = 'payout') = (payout_id is not null)),
  check ((kind = 'owed') = (owner is not null)),
  -- Money that is not there cannot be given to anybody; what was taken beyond it stands in its own account, or is owed by an
  -- owner.
  constraint ledger_accounts_never_below_zero check (kind in ('shortfall', 'owed') or balance >= 0),
  constraint ledger_accounts_shortfall_never_above_zero check (kind <> 'shortfall' or balance <= 0),
  unique (account_key, funding_account));
create index ledger_accounts_by_payout on ledger_accounts (payout_id);

create table ledger_entries (
  entry_id bigint generated always as identity primary key,
  cause text not null,
  cause_id text not null,
  funding_account text not null,
  payout_id text references payouts,
  deposit_id text references deposits,
  actor text,
  details jsonb not null default '{}',
  at timestamptz not null default clock_timestamp(),
  -- The same movement of money, read twice, is booked once.
  constraint ledger_entries_once_per_cause unique (cause, cause_id));
create index ledger_entries_by_payout on ledger_entries (payout_id, entry_id);
create index ledger_entries_by_deposit on ledger_entries (deposit_id, entry_id);

create table ledger_postings (
  entry_id bigint not null references ledger_entries,
  line integer not null,
  account_id bigint not null references ledger_accounts,
  -- Positive: a debit. Negative: a credit.
  amount numeric not null check (amount <> 0),
  primary key (entry_id, line));
create index ledger_postings_by_account on ledger_postings (account_id, entry_id);

-- All postings of an entry come in one statement: they sum to zero then, or none of them is there.
create function balance_ledger_postings() returns trigger language plpgsql as $$
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
end $$;
create trigger ledger_postings_balanced after insert on ledger_postings
  referencing new table as added for each statement execute function balance_ledger_postings();

-- Checked at the commit: the postings come after their entry.
create function refuse_empty_ledger_entry() returns trigger language plpgsql as $$
begin
  if not exists (select from ledger_postings where entry_id = new.entry_id) then
    raise exception 'ledger entry % has no postings', new.entry_id using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_entries_not_empty after insert on ledger_entries
  deferrable initially deferred for each row execute function refuse_empty_ledger_entry();

-- What was booked stays: a mistake is put right by another entry.
create trigger ledger_entries_append_only before update or delete on ledger_entries
  for each row execute function refuse_change();
create trigger ledger_entries_never_emptied before truncate on ledger_entries
  for each statement execute function refuse_change();
create trigger ledger_postings_append_only before update or delete on ledger_postings
  for each row execute function refuse_change();
create trigger ledger_postings_never_emptied before truncate on ledger_postings
  for each statement execute function refuse_change();

-- An update of balances counts only from within the trigger on the postings.
create function refuse_balance_without_posting() returns trigger language plpgsql as $$
begin
  if pg_trigger_depth() < 2 then
    raise exception 'the balance of a ledger account moves by postings only' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger ledger_accounts_by_postings_only before update on ledger_accounts
  for each row execute function refuse_balance_without_posting();
create trigger ledger_accounts_never_deleted before delete on ledger_accounts
  for each row execute function refuse_change();
`;

const RECONCILIATION = `
create table provider_balance_readings (
  funding_account text not null,
  currency text not null,
  available numeric not null,
  pending numeric not null,
  read_at timestamptz not null,
  -- By how much it was below the ledger when nothing moved last, and how much of that a brake has named.
  short numeric not null default 0,
  short_named numeric not null default 0,
  -- Of the transactions that showed before, the ledger has all.
  posted_until timestamptz,
  primary key (funding_account, currency));

create table reconciliation_reports (
  report_id bigint generated always as identity primary key,
  ran_at timestamptz not null,
  clean boolean not null,
  report jsonb not null,
  -- What the run after it has to look at again, changed or not.
  open_cases jsonb not null);

-- What the store and the mirror have of one payout attempt, order, deposit or stray transaction is compared together: a
-- case. A name is an externalOrderId; what has none has an id. Here is which case each object of the mirror belongs to:
-- an object of ours to the request that was accepted under its id, whatever it is called; a transaction to its source,
-- whatever its type is called.
create view object_cases as
select object.*, case_kind,
  case case_kind
    when 'payout' then coalesce(payout.external_order_id, shown_payout.external_order_id)
    when 'order' then coalesce("order".external_order_id, shown_order.external_order_id) end as case_name,
  case
    when case_kind = 'deposit' then deposit.deposit_id
    when case_kind = 'transaction' then object.provider_id
    when case_kind = 'payout' and payout.external_order_id is null and shown_payout.external_order_id is null then shown_payout.provider_id
    when case_kind = 'order' and "order".external_order_id is null and shown_order.external_order_id is null then shown_order.provider_id
  end as case_id
from provider_objects object
left join deposits deposit on object.kind = 'transaction'
  and deposit.deposit_id = coalesce(object.source, object.provider_id)
left join provider_payouts payout
  on payout.provider_payout_id = case object.kind when 'payout' then object.provider_id when 'transaction' then object.source end
left join provider_orders "order"
  on "order".provider_order_id = case object.kind when 'order' then object.provider_id when 'transaction' then object.source end
left join provider_objects shown_payout on shown_payout.kind = 'payout'
  and shown_payout.provider_id = case object.kind when 'payout' then object.provider_id when 'transaction' then object.source end
left join provider_objects shown_order on shown_order.kind = 'order'
  and shown_order.provider_id = case object.kind when 'order' then object.provider_id when 'transaction' then object.source end
cross join lateral (select coalesce(payout.provider_payout_id, shown_payout.provider_id) is not null as of_payout,
  coalesce("order".provider_order_id, shown_order.provider_id) is not null as of_order) as owner
cross join lateral (select case
    when object.kind <> 'transaction' then object.kind
    -- Ids of different kinds may be equal: then the type decides.
    when of_order and object.type = 'order' then 'order'
    when of_payout and object.type in ('payout', 'payout_failure', 'payout_cancel') then 'payout'
    when deposit.deposit_id is not null then 'deposit'
    when of_payout then 'payout'
    when of_order then 'order'
    else 'transaction' end as case_kind) as kinds;
`;

const WEBHOOKS = `
create table webhook_inbox (
  webhook_event_id text not null,
  -- One id with two contents is two events.
  body_sha256 bytea not null generated always as (sha256(body)) stored,
  type text not null,
  livemode boolean,
  provider_object_id text,
  payout_id text,
  body bytea not null,
  state text not null check (state in ('taken', 'ignored', 'kept')),
  state_detail text,
  received_at timestamptz not null default clock_timestamp(),
  primary key (webhook_event_id, body_sha256));
create index webhook_inbox_by_payout on webhook_inbox (payout_id) where payout_id is not null;
`;
