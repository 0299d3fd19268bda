import { sql, type Kysely } from 'kysely';

/** What looking requests up, sending them again and operators' decisions need to be remembered. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `alter table payouts add column held_from text`,
  `alter table payouts add column payout_attempt integer not null default 1`,
  `alter table payouts add column order_attempt integer not null default 1`,

  `alter table provider_requests add column amount numeric`,
  `alter table provider_requests add column currency text`,
  `alter table provider_requests add column price numeric`,
  `alter table provider_requests add column first_sent_at timestamptz`,
  `alter table provider_requests add column last_sent_at timestamptz`,
  `alter table provider_requests add column absence_checks integer not null default 0`,
  // Who said that an unknown request may be sent again: an API key's name, or the engine itself.
  `alter table provider_requests add column resend_by text`,
  `alter table provider_requests add column resends integer not null default 0`,
  `update provider_requests set first_sent_at = updated_at, last_sent_at = updated_at where sends > 0`,
  // A payout that was held before knows only that; what it was doing is told by how far it came.
  `update payouts set held_from = case
       when exists (select from provider_payouts where provider_payouts.payout_id = payouts.payout_id) then 'in_transit'
       when exists (select from provider_requests where provider_requests.payout_id = payouts.payout_id and operation = 'payout') then 'paying'
       when exists (select from provider_requests where provider_requests.payout_id = payouts.payout_id) then 'converting'
       else 'awaiting_deposit' end
     where status = 'held'`,

  // Since when the provider calls an order ended without showing what it moved.
  `alter table provider_orders add column unclear_since timestamptz`,
  // Since when the provider does not show what it had accepted.
  `alter table provider_orders add column missing_since timestamptz`,
  `alter table provider_payouts add column missing_since timestamptz`,

  // What persons decided, once each: a decision that is carried out again (its answer was lost) changes nothing.
  `create table payout_operations (
     payout_id text not null references payouts (payout_id),
     operation_id text not null,
     action text not null,
     actor text not null,
     reason text not null,
     at timestamptz not null default clock_timestamp(),
     primary key (payout_id, operation_id)
   )`,
];
