import { sql } from 'kysely';
import { FAILURE_KIND, FAILURE_TYPE, failureTypesOfKind } from '../../domain/failure-type.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { PAYOUT_STATUS } from '../../domain/payout-status.js';
import { PROVIDER_ORDER_STATUS } from '../../domain/provider-status.js';
import { ORDER_OVERDUE_FACTOR, RAIL_HOURS } from '../../domain/rail-times.js';
import { inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { hintPayouts } from '../mirror/workflow-hints.js';
import type { PayoutRow } from '../schema.js';
import {
  addFlag,
  addTimelineEntryOnce,
  holdFor,
  lockExistingPayout,
  updatePayout,
} from './payout-transitions.js';

/** What takes longer than it should is shown by itself. */

const hoursOf = (way: 'settlement' | 'back') => {
  const hours = Object.entries(RAIL_HOURS).map(([type, times]) => [type, times[way]]);
  return sql`make_interval(hours => (${JSON.stringify(Object.fromEntries(hours))}::jsonb ->> (destination ->> 'type'))::int)`;
};

/** So many of each kind at a time: the others follow with the next look. */
const AT_ONCE = 100;

export async function noteOverdue(db: StoreDatabase): Promise<void> {
  const waiting = [...failureTypesOfKind(FAILURE_KIND.WAITING)];
  const settlements = sql<Overdue>`
    select payout_id from payouts join provider_payouts attempt using (payout_id)
    where payouts.status = ${PAYOUT_STATUS.IN_TRANSIT} and hold_reason is null
      and attempt.status not in ('failed', 'cancelled')
      and attempt.recorded_at < clock_timestamp() - ${hoursOf('settlement')} limit ${AT_ONCE}`;
  const orders = sql<Overdue>`
    select payouts.payout_id from payouts join provider_orders "order" using (payout_id)
    left join provider_objects object on object.kind = 'order' and object.provider_id = "order".provider_order_id
    where payouts.status = ${PAYOUT_STATUS.CONVERTING} and "order".status = ${PROVIDER_ORDER_STATUS.PENDING}
      and (hold_reason is null or hold_reason = any(${waiting}::text[]))
      and coalesce(object.awaited_since, "order".recorded_at) < clock_timestamp()
        - ${ORDER_OVERDUE_FACTOR} * make_interval(secs => (policy ->> 'convertTimeoutSeconds')::float8) limit ${AT_ONCE}`;
  const returns = sql<Overdue>`
    select attempt.payout_id from payouts join provider_payouts attempt on attempt.payout_id = payouts.payout_id
    join ledger_entries entry on entry.cause = ${ENTRY_CAUSE.PAYOUT_FAILURE}
      and entry.cause_id = attempt.external_order_id || '#' || attempt.failures
    where return_pending > 0 and not ${FAILURE_TYPE.RETURN_OVERDUE} = any(flags)
      and entry.at < clock_timestamp() - ${hoursOf('back')} limit ${AT_ONCE}`;
  await forEach(db, settlements, showSettlement);
  await forEach(db, orders, async (trx, row) => {
    const detail = 'QbitPay calls its order pending for longer than it may be';
    if (row.status === PAYOUT_STATUS.CONVERTING)
      await holdFor(trx, row, { holdReason: FAILURE_TYPE.ORDER_OVERDUE, detail });
  });
  await forEach(db, returns, (trx, row) =>
    addFlag(
      trx,
      row,
      FAILURE_TYPE.RETURN_OVERDUE,
      'its money is on its way back for longer than it should be',
    ),
  );
}

interface Overdue {
  readonly payout_id: string;
}

async function forEach(
  db: StoreDatabase,
  query: ReturnType<typeof sql<Overdue>>,
  note: (trx: StoreTransaction, row: PayoutRow) => Promise<void>,
): Promise<void> {
  const { rows } = await query.execute(db);
  for (const { payout_id: payoutId } of rows) {
    await inTransaction(db, async (trx) => {
      await note(trx, await lockExistingPayout(trx, payoutId));
      await hintPayouts(trx, [payoutId], 'payoutEvent');
    });
  }
}

/** The status stays: it goes on by itself. */
async function showSettlement(trx: StoreTransaction, row: PayoutRow): Promise<void> {
  const reason = FAILURE_TYPE.SETTLEMENT_OVERDUE;
  if (row.status !== PAYOUT_STATUS.IN_TRANSIT || row.hold_reason !== null) return;
  await updatePayout(trx, row.payout_id, { hold_reason: reason });
  await addTimelineEntryOnce(trx, row.payout_id, row.status, `waiting: ${reason}`);
}
