import type { Client } from 'pg';

const BATCH = 10_000;

/**
 * Fills a store with payouts that were paid, each with its timeline, deposit, order, attempt, provider requests and ledger
 * entries, as the engine would have left them: by statements over thousands of rows, which the rules of the
 * database hold for all the same.
 */
export async function fillWithPastPayouts(client: Client, count: number): Promise<void> {
  await client.query(
    `insert into ledger_accounts (funding_account, currency, kind)
     select 'main', currency, kind from unnest(array['USDT', 'CNY']) as currency,
       unnest(array['provider', 'unallocated', 'available', 'fees', 'conversion', 'rounding']) as kind
     on conflict do nothing`,
  );
  for (let from = 1; from <= count; from += BATCH) {
    const to = Math.min(count, from + BATCH - 1);
    await client.query('begin');
    for (const statement of [...ROWS, ENTRIES, 'analyze ledger_accounts, ledger_entries', POSTINGS]) {
      await client.query(statement.replaceAll(':from', String(from)).replaceAll(':to', String(to)));
    }
    await client.query('commit');
    // As the autovacuum would have done in the time that these payouts took.
    await client.query('vacuum analyze');
  }
}

/** Each expects, and got, an amount of its own; 720 of it were sold. */
const NUMBERS = `(select 'past-' || n as id, 728 + n * 0.000001 as amount
  from generate_series(:from::int, :to::int) as n) as past`;

const ROWS = [
  `insert into payouts (payout_id, request_hash, policy, run_ids, maker, amount, currency, amount_mode,
     funding_currency, destination, status, deposit_network, deposit_address, deposit_amount, deposit_matched_by, deposit_received,
     deposit_expires_at, fee_side, payout_fee_rate, trade_fee_rate, estimated_price, created_at)
   select id, md5(id), '{}', array['run-of-' || id], 'bench', 5000, 'CNY', 'receive', 'USDT', '{"type": "bankAccount"}', 'paid',
     'TRC20', '0xA', amount, 'amount', amount, now(), 'added', 0.005, 0, 7, now() from ${NUMBERS}`,
  `insert into payout_timeline (payout_id, status, detail)
   select id, status, 'as the engine writes it, about as long as this' from ${NUMBERS},
     unnest(array['opening', 'awaiting_deposit', 'converting', 'paying', 'in_transit', 'paid']) as status`,
  `insert into expected_deposits (currency, amount, payout_id, rests_until)
   select 'USDT', amount, id, now() + interval '30 days' from ${NUMBERS}`,
  `insert into declared_transactions (tx_hash, payout_id, declared_by) select '0x' || id, id, 'bench' from ${NUMBERS}`,
  `insert into deposits (deposit_id, provider_deposit_id, tx_hash, currency, amount, address, proof, status,
     payout_id, decided_at)
   select 'dep-' || id, 'dep-' || id, '0x' || id, 'USDT', amount, '0xA', 'bt-' || id, 'allocated', id, now()
   from ${NUMBERS}`,
  `insert into deposit_allocations (deposit_id, payout_id, amount, matched_by)
   select 'dep-' || id, id, amount, 'declaredTransaction' from ${NUMBERS}`,
  `insert into provider_requests (operation, external_order_id, payout_id, state, sends)
   select operation, id, id, 'accepted', 1 from ${NUMBERS}, unnest(array['order', 'payout']) as operation`,
  `insert into provider_orders (external_order_id, payout_id, provider_order_id, symbol, amount, price, quote_amount,
     fee, status) select id, id, 'ord-' || id, 'USDT/CNY', 720, 7, 5040, 0, 'filled' from ${NUMBERS}`,
  `insert into provider_payouts (external_order_id, payout_id, provider_payout_id, currency, post_amount,
     recipient_amount, fee, status, booked_amount, booked_fee)
   select id, id, 'po-' || id, 'CNY', 5000, 5000, 25, 'paid', 5000, 25 from ${NUMBERS}`,
  `insert into ledger_accounts (funding_account, currency, kind, payout_id)
   select 'main', currency, 'payout', id from ${NUMBERS}, unnest(array['USDT', 'CNY']) as currency`,
];

const ENTRIES = `
  insert into ledger_entries (cause, cause_id, funding_account, payout_id, deposit_id)
  select cause, case when cause in ('deposit', 'allocation') then 'dep-' || id
                     when cause = 'release' then id || '#1' else id end, 'main',
    case when cause <> 'deposit' then id end,
    case when cause in ('deposit', 'allocation') then 'dep-' || id end
  from ${NUMBERS}, unnest(array['deposit', 'allocation', 'order', 'payout', 'release']) as cause`;

/** Per payout the lines of its five entries: cause, account, currency and amount. */
const POSTINGS = `
  insert into ledger_postings (entry_id, line, account_id, amount)
  select entry_id, line, account_id, line.amount from ${NUMBERS}
  cross join lateral (values
    ('deposit', 1, 'provider', 'USDT', past.amount), ('deposit', 2, 'unallocated', 'USDT', -past.amount),
    ('allocation', 1, 'unallocated', 'USDT', past.amount), ('allocation', 2, 'payout', 'USDT', -past.amount),
    ('order', 1, 'payout', 'USDT', 720), ('order', 2, 'conversion', 'USDT', -720),
    ('order', 3, 'conversion', 'USDT', 720), ('order', 4, 'provider', 'USDT', -720),
    ('order', 5, 'provider', 'CNY', 5040), ('order', 6, 'conversion', 'CNY', -5040),
    ('order', 7, 'conversion', 'CNY', 5040), ('order', 8, 'payout', 'CNY', -5040),
    ('payout', 1, 'payout', 'CNY', 5000), ('payout', 2, 'provider', 'CNY', -5000),
    ('payout', 3, 'payout', 'CNY', 25), ('payout', 4, 'fees', 'CNY', -25),
    ('payout', 5, 'fees', 'CNY', 25), ('payout', 6, 'provider', 'CNY', -25),
    ('release', 1, 'payout', 'CNY', 15), ('release', 2, 'available', 'CNY', -15),
    ('release', 3, 'payout', 'USDT', past.amount - 720), ('release', 4, 'available', 'USDT', 720 - past.amount)
  ) as line (cause, line, kind, currency, amount)
  join ledger_entries as entry on entry.cause = line.cause
    and entry.cause_id = case when line.cause in ('deposit', 'allocation') then 'dep-' || id
                              when line.cause = 'release' then id || '#1' else id end
  join ledger_accounts as account on account.currency = line.currency and account.kind = line.kind
    and coalesce(account.payout_id, '') = case when line.kind = 'payout' then id else '' end`;
