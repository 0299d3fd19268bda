import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, smallestUnit, subtractAmounts } from '../../domain/money.js';
import { FINAL_STATUSES, PAYOUT_STATUS } from '../../domain/payout-status.js';
import { engage } from '../controls/brakes.js';
import type { StoreTransaction } from '../database.js';
import { NET } from '../deposits/deposit-intake.js';
import { IS_UNANSWERED } from '../requests/request-kind.js';
import { OBJECT_KIND } from '../schema.js';
import { IS_AFTER_OPENING } from './account-opening.js';

/** Money that the ledger knows of and QbitPay does not hold. */

interface Measured {
  readonly currency: string;
  /** By which QbitPay has held less than the ledger says, in this measurement and the one before. */
  readonly standing: string;
  /** What a brake has named of it. */
  readonly named: string;
}

/**
 * Engages the brake of each currency in which QbitPay held less than the ledger says in two measurements, one after the
 * other, by more than what a person has been told of. Measured are the balances that the sync read which began then, of
 * currencies in which nothing moves; where something does, the measurement before stays the last one.
 */
export async function brakeForShortfalls(trx: StoreTransaction, beganAt: Date): Promise<void> {
  for (const { currency, standing, named } of await measure(trx, beganAt)) {
    if (compareAmounts(subtractAmounts(standing, named), smallestUnit(currency)) < 0) continue;
    // PostgreSQL keeps the zeros of whatever was subtracted.
    const detail = `QbitPay holds ${addAmounts(standing)} ${currency} less than the ledger says, and nothing under way explains it`;
    if (!(await engage(trx, { kind: BRAKE_KIND.SHORTFALL, currency, detail }))) continue;
    await trx
      .updateTable('provider_balance_readings')
      .set({ short_named: standing })
      .where('currency', '=', currency)
      .execute();
  }
}

/** One statement: ledger, requests and transactions are of one moment, after the balances were read. */
async function measure(trx: StoreTransaction, beganAt: Date): Promise<readonly Measured[]> {
  const { rows } = await sql<Measured>`
    with measured as (
      select reading.currency, least(reading.short, found.short) as standing, found.short, outside.unposted
      from provider_balance_readings reading
      join ledger_accounts ledger on ledger.kind = ${ACCOUNT_KIND.PROVIDER}
        and ledger.currency = reading.currency and ledger.funding_account = reading.funding_account
      -- What others took is no money of ours that is gone; what they brought in may be younger than the balances.
      cross join lateral (select count(*) as unposted, bool_or(net is null) as is_unclear,
        coalesce(sum(least(net, 0)), 0) as taken from (${unposted}) as transactions) as outside
      cross join lateral (
        select greatest(ledger.balance + outside.taken - reading.available - reading.pending, 0) as short) as found
      where reading.read_at >= ${beganAt}
        and not exists (select from provider_requests request join payouts using (payout_id)
          where ${IS_UNANSWERED}
            and reading.currency in (request.currency, payouts.currency, payouts.funding_currency))
        and not exists (select from payouts where (status = ${PAYOUT_STATUS.CONVERTING}
            or (status = ${PAYOUT_STATUS.HELD} and ${HAS_UNBOOKED_ORDER}))
          and reading.currency in (payouts.currency, payouts.funding_currency))
        and not exists (select from provider_objects object where object.is_unread and object.currency = reading.currency)
        -- What was booked since the balances were read is not in them.
        and not exists (select from ledger_entries entry where entry.at >= reading.read_at and entry.entry_id =
          (select max(entry_id) from ledger_postings where account_id = ledger.account_id))
        and outside.is_unclear is not true)
    update provider_balance_readings reading set short = measured.short,
      short_named = least(short_named, measured.short),
      -- Before that everything is booked.
      posted_until = case when measured.unposted = 0 then reading.read_at else posted_until end
    from measured where measured.currency = reading.currency
    returning reading.currency, measured.standing, reading.short_named as named`.execute(trx);
  return rows;
}

/** QbitPay took the order of the payout: what it moves, unless it was given up for nothing, is not in the ledger. */
const HAS_UNBOOKED_ORDER = sql`exists (select from provider_orders known where known.payout_id = payouts.payout_id
  and (known.status not in ('failed', 'cancelled') or known.quote_amount > 0)
  and not exists (select from ledger_entries where cause = ${ENTRY_CAUSE.ORDER} and cause_id = known.external_order_id))`;

/** Transactions in the currency that the ledger does not have; null is what one moved that cannot be read. */
const unposted = sql`
  select case when problem is null then ${NET} end as net
  from provider_objects object
  where kind = ${OBJECT_KIND.TRANSACTION} and missing_since is null
    and (object.currency = reading.currency or object.currency is null)
    and first_seen_at >= coalesce(reading.posted_until, (select opened_at from provider_sync))
    and case when problem is null then ${IS_AFTER_OPENING} else true end
    and not exists (select from ledger_entries where cause in (${ENTRY_CAUSE.OUTSIDE}, ${ENTRY_CAUSE.RETURN})
      and cause_id = object.provider_id)
    and not exists (select from deposits where deposit_id = coalesce(object.source, object.provider_id)
      -- What takes a deposit back is never posted.
      and (proof = object.provider_id or object.amount < 0))
    -- What QbitPay has beside what a payout ended with is never booked: it explains nothing for ever.
    and not exists (select from provider_objects moved
      join provider_requests request on request.operation = moved.kind and request.external_order_id = moved.external_order_id
      join payouts using (payout_id)
      where moved.kind in ('payout', 'order') and moved.provider_id = object.source and payouts.status = any(${[...FINAL_STATUSES]}::text[]))
    and (object.type in ('payout_failure', 'payout_cancel') or not exists (
      select from provider_payouts join ledger_entries on cause = ${ENTRY_CAUSE.PAYOUT} and cause_id = external_order_id
        where provider_payout_id = object.source
      union all select from provider_orders join ledger_entries on cause = ${ENTRY_CAUSE.ORDER} and cause_id = external_order_id
        where provider_order_id = object.source))`;
