import { sql, type Kysely } from 'kysely';

/** Payouts and their transitions, deposits, provider requests, what the provider answered, and the webhook inbox. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table engine_settings (name text primary key, value text not null)`,
  // Two random UUIDs are 244 random bits, without an extension.
  `insert into engine_settings (name, value)
     values ('request_hash_key', gen_random_uuid()::text || gen_random_uuid()::text)`,

  `create table legal_payout_transitions (
     from_status text not null, to_status text not null, primary key (from_status, to_status))`,

  `create table payouts (
     payout_id text primary key,
     sequence bigint generated always as identity unique,
     request_hash text not null,
     first_execution_run_id text not null,
     open_request_id text,
     maker text not null,
     funding_account text not null default 'main',
     amount numeric not null check (amount > 0),
     currency text not null,
     amount_mode text not null check (amount_mode in ('receive', 'send')),
     funding_currency text not null,
     destination jsonb not null,
     description text,
     status text not null,
     hold_reason text,
     failure_type text,
     failure_message text,
     deposit_network text,
     deposit_address text,
     deposit_amount numeric check (deposit_amount > 0),
     deposit_received numeric not null default 0 check (deposit_received >= 0),
     deposit_expires_at timestamptz,
     fee_side text check (fee_side in ('added', 'deducted')),
     payout_fee_rate numeric,
     trade_fee_rate numeric,
     estimated_price numeric,
     minimum_amount numeric,
     minimum_currency text,
     created_at timestamptz not null,
     updated_at timestamptz not null default clock_timestamp(),
     check (status <> 'held' or hold_reason is not null))`,
  `create index payouts_by_status on payouts (status, sequence desc)`,

  `create function refuse_illegal_payout_transition() returns trigger language plpgsql as $$
   begin
     if not exists (select from legal_payout_transitions
                    where from_status = old.status and to_status = new.status) then
       raise exception 'payout % cannot go from % to %', old.payout_id, old.status, new.status
         using errcode = 'check_violation';
     end if;
     return new;
   end $$`,
  `create trigger payouts_legal_transition before update of status on payouts
     for each row when (old.status is distinct from new.status)
     execute function refuse_illegal_payout_transition()`,

  `create table payout_transitions (
     transition_id bigint generated always as identity primary key,
     payout_id text not null references payouts,
     status text not null,
     detail text not null,
     at timestamptz not null default clock_timestamp())`,
  `create index payout_transitions_by_payout on payout_transitions (payout_id, transition_id)`,
  `create function refuse_change() returns trigger language plpgsql as $$
   begin
     raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
   end $$`,
  `create trigger payout_transitions_append_only before update or delete on payout_transitions
     for each row execute function refuse_change()`,

  `create table expected_amounts (
     funding_account text not null default 'main',
     currency text not null,
     amount numeric not null,
     payout_id text not null unique references payouts,
     rests_until timestamptz,
     primary key (funding_account, currency, amount))`,
  `create index expected_amounts_resting on expected_amounts (rests_until) where rests_until is not null`,

  `create table declared_transactions (
     tx_hash text primary key,
     payout_id text not null references payouts,
     declared_by text not null,
     declared_at timestamptz not null default clock_timestamp())`,

  `create table deposits (
     deposit_key text primary key,
     provider_deposit_id text unique,
     tx_hash text,
     currency text not null,
     amount numeric not null check (amount > 0),
     address text,
     proof text not null,
     status text not null check (status in ('verified', 'allocated', 'unallocated')),
     payout_id text references payouts,
     matched_by text,
     unallocated_reason text,
     verified_at timestamptz not null default clock_timestamp(),
     decided_at timestamptz,
     check (status <> 'allocated' or (payout_id is not null and matched_by is not null)),
     check (status <> 'unallocated' or unallocated_reason is not null))`,
  `create index deposits_by_payout on deposits (payout_id)`,
  `create index deposits_by_currency on deposits (currency)`,

  `create table provider_requests (
     operation text not null check (operation in ('order', 'payout')),
     external_order_id text not null,
     payout_id text not null references payouts,
     state text not null check (state in
       ('prepared', 'sending', 'accepted', 'refused', 'not_sent', 'retry_later', 'unknown')),
     sends integer not null default 0,
     failure_type text,
     failure_message text,
     updated_at timestamptz not null default clock_timestamp(),
     primary key (operation, external_order_id))`,
  `create index provider_requests_by_payout on provider_requests (payout_id)`,

  `create table provider_orders (
     external_order_id text primary key,
     payout_id text not null references payouts,
     provider_order_id text not null unique,
     symbol text not null,
     amount numeric not null,
     price numeric not null,
     quote_amount numeric not null,
     fee numeric not null,
     status text not null,
     recorded_at timestamptz not null default clock_timestamp())`,
  `create index provider_orders_by_payout on provider_orders (payout_id)`,

  `create table provider_payouts (
     external_order_id text primary key,
     payout_id text not null references payouts,
     provider_payout_id text not null unique,
     currency text not null,
     post_amount numeric not null,
     recipient_amount numeric not null,
     fee numeric not null,
     status text not null,
     recorded_at timestamptz not null default clock_timestamp())`,
  `create index provider_payouts_by_payout on provider_payouts (payout_id)`,

  `create table opening_balances (
     currency text primary key, amount numeric not null, read_at timestamptz not null)`,

  `create table webhook_inbox (
     webhook_event_id text primary key,
     type text not null,
     livemode boolean,
     provider_object_id text,
     payout_id text,
     body bytea not null,
     state text not null check (state in ('pending', 'handled', 'ignored', 'kept')),
     state_detail text,
     dispatches integer not null default 0,
     next_dispatch_at timestamptz,
     received_at timestamptz not null default clock_timestamp(),
     handled_at timestamptz)`,
  `create index webhook_inbox_due on webhook_inbox (next_dispatch_at) where state = 'pending'`,
  `create index webhook_inbox_by_object on webhook_inbox (provider_object_id) where state = 'pending'`,
  `create index webhook_inbox_by_payout on webhook_inbox (payout_id) where state = 'pending'`,
];
