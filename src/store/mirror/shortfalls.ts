import { sql } from 'kysely';
import { BRAKE_KIND } from '../../domain/brake.js';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts, smallestUnit, subtractAmounts } from '../../domain/money.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { engage } from '../controls/brakes.js';
import type { StoreTransaction } from '../database.js';
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
      select reading.currency, least(reading.short, found.short) as standing, found.short
      from provider_balance_readings reading
      join ledger_accounts ledger on ledger.kind = ${ACCOUNT_KIND.PROVIDER}
        and ledger.currency = reading.currency and ledger.funding_account = reading.funding_account
      cross join lateral (
        select greatest(ledger.balance - reading.available - reading.pending, 0) as short) as found
      where reading.read_at >= ${beganAt}
        and not exists (select from provider_requests request join payouts using (payout_id)
          where request.state in ('sending', 'unknown')
            and reading.currency in (request.currency, payouts.currency, payouts.funding_currency))
        and not exists (select from payouts where status = ${PAYOUT_STATUS.CONVERTING}
          and reading.currency in (payouts.currency, payouts.funding_currency))
        and not exists (select from provider_objects object where object.is_unread and object.currency = reading.currency)
        -- What was booked since the balances were read is not in them.
        and not exists (select from ledger_entries entry where entry.at >= reading.read_at and entry.entry_id =
          (select max(entry_id) from ledger_postings where account_id = ledger.account_id))
        and not exists (${unposted}))
    update provider_balance_readings reading set short = measured.short,
      short_named = least(short_named, measured.short), posted_until = reading.read_at
    from measured where measured.currency = reading.currency
    returning reading.currency, measured.standing, reading.short_named as named`.execute(trx);
  return rows;
}

/** A transaction in the currency that the ledger does not have, whatever it moved. */
const unposted = sql`
  select from provider_objects object
  where kind = ${OBJECT_KIND.TRANSACTION} and missing_since is null
    and (object.currency = reading.currency or object.currency is null)
    and first_seen_at >= coalesce(reading.posted_until, (select opened_at from provider_sync))
    and case when problem is null then ${IS_AFTER_OPENING} else true end
    and not exists (select from ledger_entries where cause in (${ENTRY_CAUSE.OUTSIDE}, ${ENTRY_CAUSE.RETURN})
      and cause_id = object.provider_id)
    and not exists (select from deposits where deposit_id = coalesce(object.source, object.provider_id)
      and proof = object.provider_id)
    and (object.type in ('payout_failure', 'payout_cancel') or not exists (
      select from provider_payouts join ledger_entries on cause = ${ENTRY_CAUSE.PAYOUT} and cause_id = external_order_id
        where provider_payout_id = object.source
      union all select from provider_orders join ledger_entries on cause = ${ENTRY_CAUSE.ORDER} and cause_id = external_order_id
        where provider_order_id = object.source))`;
