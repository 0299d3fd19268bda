import type { Pool } from 'pg';

/**
 * What must hold for any ledger, whatever was done to it: each query finds what is wrong. Everything is computed
 * from the postings anew, so that the audit does not believe the running balances that the database keeps.
 */
const RULES: Readonly<Record<string, string>> = {
  'every entry sums to zero in every currency': `
    select entry_id, currency, sum(amount) from ledger_postings join ledger_accounts using (account_id)
    group by entry_id, currency having sum(amount) <> 0`,
  'every entry has postings': `
    select entry_id from ledger_entries where entry_id not in (select entry_id from ledger_postings)`,
  'running balances are the sums of postings': `
    select account_id, currency, kind, account.payout_id, account.balance, moved.balance as sum
    from ledger_accounts as account
    left join lateral (select coalesce(sum(amount), 0) as net,
        coalesce(sum(case when account.kind in ('provider', 'return_pending', 'missing') then amount else -amount end), 0) as balance
      from ledger_postings where ledger_postings.account_id = account.account_id) as moved on true
    where account.balance <> moved.balance or account.debits - account.credits <> moved.net`,
  'no account but shortfall and owed is below zero, and shortfall never above': `
    select currency, kind, payout_id, balance from ledger_accounts
    where case kind when 'shortfall' then balance > 0 when 'owed' then false else balance < 0 end`,
  'nobody is owed less than nothing but by a payout that was carried out after all': `
    select currency, owner, balance from ledger_accounts where kind = 'owed' and balance < 0
      and not exists (select from payouts where payouts.owner = ledger_accounts.owner and 'REOPENED' = any(flags))`,
  'what an owner is owed moves for his own payouts, and by what they do not need': `
    select entry_id, cause, account.owner, entry.payout_id from ledger_postings
    join ledger_accounts as account using (account_id) join ledger_entries as entry using (entry_id)
    left join payouts on payouts.payout_id = entry.payout_id
    where kind = 'owed' and case when cause in ('release', 'reclaim', 'reservation') then payouts.owner is distinct from account.owner
      when cause = 'adjustment' then ledger_postings.amount > 0
      else not exists (select from deposit_allocations as part where part.deposit_id = cause_id and part.owner = account.owner) end`,
  'a payout that a deposit funds leaves nothing to the house but what the house has borne for it': `
    select entry.payout_id, ledger_accounts.currency, sum(ledger_postings.amount) from ledger_postings
    join ledger_accounts using (account_id) join ledger_entries as entry using (entry_id)
    join payouts on payouts.payout_id = entry.payout_id
    where funding = 'deposit' and kind in ('available', 'shortfall') and cause <> 'reservation'
    group by entry.payout_id, ledger_accounts.currency having sum(ledger_postings.amount) < 0`,
  'one entry per cause': `
    select cause, cause_id from ledger_entries group by cause, cause_id having count(*) > 1`,
  'every deposit is booked once, with its amount': `
    select deposit_id, deposits.amount, booked.amount as booked from deposits
    left join lateral (select sum(amount) as amount from ledger_postings
      join ledger_entries using (entry_id) join ledger_accounts using (account_id)
      where cause = 'deposit' and cause_id = deposits.deposit_id and kind = 'provider') as booked on true
    where booked.amount is distinct from deposits.amount`,
  'what is unallocated are the deposits that nobody was given': `
    select currency, sum(balance) from (
      select currency, balance from ledger_accounts where kind = 'unallocated'
      union all select currency, -amount from deposits
        where not exists (select from deposit_allocations as part where part.deposit_id = deposits.deposit_id)) as unallocated
    group by currency having sum(balance) <> 0`,
  'the parts of a deposit that was given away are the deposit': `
    select deposit_id, status, amount, given from deposits left join lateral (
      select sum(amount) as given from deposit_allocations as part
      where part.deposit_id = deposits.deposit_id) as parts on true
    where case status when 'allocated' then given is distinct from amount when 'missing' then given <> amount else given is not null end`,
  'the ledger gives every part to the same owner': `
    select deposit_id, payout_id, part.amount from deposit_allocations as part
    where payout_id is not null and part.amount is distinct from (
      select -sum(posting.amount) from ledger_postings as posting
      join ledger_entries using (entry_id) join ledger_accounts using (account_id)
      where cause = 'allocation' and cause_id = part.deposit_id and ledger_accounts.payout_id = part.payout_id)`,
  'a payout received the parts it was given, and no more than it expected': `
    select payouts.payout_id, deposit_received, deposit_amount from payouts
    where funding = 'deposit' and (deposit_received > coalesce(deposit_amount, 0)
      or deposit_received <> (select coalesce(sum(amount), 0) from deposit_allocations as part
                              where part.payout_id = payouts.payout_id))`,
  'funds of a payout come from allocations, one reservation, its orders and what it gets back': `
    select payout_id, cause, count(*) from (
      select account.payout_id, cause, cause_id, entry.payout_id as of_payout
      from ledger_postings join ledger_accounts as account using (account_id) join ledger_entries as entry using (entry_id)
      where account.kind = 'payout' and amount < 0) as credit
    group by payout_id, cause, of_payout
    having cause not in ('allocation', 'reservation', 'order', 'payout_adjustment', 'payout_failure', 'return', 'reclaim', 'deposit_missing')
      or (cause not in ('allocation', 'deposit_missing') and of_payout is distinct from payout_id)
      or (cause = 'reservation' and count(distinct cause_id) > 1)`,
  'payouts in transit and beyond took from the provider what their attempts say': `
    select external_order_id, booked_amount + booked_fee + retaken_amount as expected, taken.amount from provider_payouts
    left join lateral (select -sum(amount) as amount from ledger_postings
      join ledger_entries using (entry_id) join ledger_accounts using (account_id)
      where cause in ('payout', 'payout_adjustment', 'payout_failure_reversed') and split_part(cause_id, '#', 1) = external_order_id
        and kind = 'provider') as taken on true
    where taken.amount is distinct from booked_amount + booked_fee + retaken_amount`,
  'what is return pending are the failed attempts whose money is not back': `
    select currency, sum(balance) from (
      select currency, balance from ledger_accounts where kind = 'return_pending'
      union all select currency, -return_pending from provider_payouts) as not_back
    group by currency having sum(balance) <> 0`,
  'money only passes through fees and conversion': `
    select currency, kind, balance from ledger_accounts where kind in ('fees', 'conversion') and balance <> 0`,
  'a payout that has ended keeps nothing but what is return pending': `
    select payout_id, status, account.currency, balance from ledger_accounts as account join payouts using (payout_id)
    where status in ('paid', 'failed', 'cancelled', 'expired', 'rejected', 'returned') and balance <> 0
      and not exists (select from provider_payouts as attempt
        where attempt.payout_id = payouts.payout_id and return_pending > 0)`,
};

/** Every rule that does not hold, with the first rows that break it; empty when the books are in order. */
export async function auditLedger(sql: Pool): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const [rule, query] of Object.entries(RULES)) {
    const { rows } = await sql.query<Record<string, unknown>>(query);
    if (rows.length > 0) broken.push(`not true: ${rule}: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return broken;
}
