import { sql } from 'kysely';
import { OPENING_MARGIN_MS } from '../../domain/account-opening.js';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import { inTransaction, NOW, type StoreDatabase } from '../database.js';
import { bookOpeningBalance } from '../ledger/bookings.js';
import { recordBalanceReading } from '../ledger/provider-account.js';
import { OBJECT_KIND } from '../schema.js';
import { recordObjects, type ObservedObject } from './provider-objects.js';

/**
 * What the account held before the engine used it: the balances of one moment, and the transactions that QbitPay showed
 * at that moment. Whatever it shows first after that is booked for its own reason.
 */

/** Of a transaction of the mirror: its money is not part of the opening balance. */
export const IS_AFTER_OPENING = sql<boolean>`(first_seen_at > (select opened_at from provider_sync)
  and (content->>'createdAt')::timestamptz >=
    (select opened_at - ${OPENING_MARGIN_MS} * interval '1 millisecond' from provider_sync))`;

/** Undefined as long as the opening balance is not written. */
export async function readOpening(db: StoreDatabase): Promise<Date | undefined> {
  const row = await db.selectFrom('provider_sync').select('opened_at').executeTakeFirstOrThrow();
  return row.opened_at ?? undefined;
}

export interface AccountOpening {
  readonly balances: readonly {
    readonly currency: string;
    readonly available: string;
    readonly pending: string;
  }[];
  readonly transactions: readonly ObservedObject[];
  /** The database's clock before the reading began. */
  readonly readAt: Date;
}

/**
 * Writes the opening balance, once; who comes second changes nothing. False, and nothing is written, where another reading
 * has shown a transaction meanwhile.
 */
export async function openAccount(db: StoreDatabase, opening: AccountOpening): Promise<boolean> {
  const { balances, transactions, readAt } = opening;
  return inTransaction(db, async (trx) => {
    const { opened_at: openedAt } = await trx
      .selectFrom('provider_sync')
      .select('opened_at')
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (openedAt !== null) return true;
    const seenMeanwhile = await trx
      .selectFrom('provider_objects')
      .select('provider_id')
      .where('kind', '=', OBJECT_KIND.TRANSACTION)
      .where('first_seen_at', '>', readAt)
      .limit(1)
      .executeTakeFirst();
    if (seenMeanwhile !== undefined) return false;
    await recordObjects(trx, transactions, readAt);
    await trx
      .updateTable('provider_lists')
      .set({ backfilled_at: readAt, completed_at: readAt, overlap_read_at: readAt })
      .where('kind', '=', OBJECT_KIND.TRANSACTION)
      .execute();
    await recordBalanceReading(trx, balances, readAt);
    for (const { currency, available, pending } of balances) {
      const amount = addAmounts(available, pending);
      if (compareAmounts(amount, '0') > 0) await bookOpeningBalance(trx, { currency, amount });
    }
    await trx.updateTable('provider_sync').set({ opened_at: NOW }).execute();
    return true;
  });
}
