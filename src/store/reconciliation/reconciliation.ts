import { sql } from 'kysely';
import type { BalanceSides } from '../../domain/reconcile.js';
import type { Case, CaseKey, ComparisonTimes, CurrencyNet } from '../../domain/comparison.js';
import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import type { ReconciliationReport } from '../../domain/reconciliation.js';
import { bookOutsideActivity } from '../ledger/bookings.js';
import { inSnapshot, inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { isBooked, lockLedger } from '../ledger/journal.js';
import { readProviderBalances } from '../ledger/provider-account.js';
import { IS_AFTER_OPENING, readOpening } from '../mirror/account-opening.js';
import { readClock, readSync } from '../mirror/sync-state.js';
import { OBJECT_KIND } from '../schema.js';
import { readCases } from './reconciliation-cases.js';

/** What reconciliation compares with the mirror, and what it leaves in the store. */

/**
 * What is written carries a time of before its transaction ends: of the request to QbitPay that showed it. So much later
 * it stands in the store, or its writer was replaced by then.
 */
const WRITTEN_WITHIN_MS = 900_000;

/** Store and mirror, of one moment. */
export interface ReconciliationSnapshot {
  readonly times: Omit<ComparisonTimes, 'graceMs'>;
  /** Since when what was clean and has not changed is left out; null: nothing is. */
  readonly sinceMs: number | null;
  readonly cases: AsyncIterable<readonly Case[]>;
  readonly balances: BalanceSides;
}

/** @throws NotReadError as long as QbitPay has not been read to the end once */
async function withSnapshot<T>(
  db: StoreDatabase,
  { isFull }: { readonly isFull: boolean },
  work: (snapshot: ReconciliationSnapshot) => Promise<T>,
): Promise<T> {
  return inSnapshot(db, async (trx) => {
    const ranAt = await readClock(trx);
    const openedAt = await readOpening(trx);
    const { beganAt } = await readSync(trx);
    if (openedAt === undefined || beganAt === null) throw new NotReadError();
    const before = await trx
      .selectFrom('reconciliation_reports')
      .select(['ran_at', 'report', 'open_cases'])
      .orderBy('ran_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    const since =
      before === undefined || isFull ? null : new Date(before.ran_at.getTime() - WRITTEN_WITHIN_MS);
    const offSince = before?.report.balances.flatMap(({ currency, offSinceMs }) =>
      offSinceMs === null ? [] : [[currency, offSinceMs] as const],
    );
    return work({
      times: { ranAtMs: ranAt.getTime(), openedAtMs: openedAt.getTime(), syncedAtMs: beganAt.getTime() },
      sinceMs: since?.getTime() ?? null,
      cases: readCases(trx, since, before?.open_cases ?? []),
      balances: { ...(await readBalances(trx)), offSinceMs: new Map(offSince) },
    });
  });
}

/** The mirror has not been filled for the first time. */
export class NotReadError extends Error {
  override readonly name = 'NotReadError';

  constructor() {
    super('QbitPay has not been read to the end yet: start a worker, and see GET /v1/provider');
  }
}

async function readBalances(trx: StoreTransaction): Promise<Omit<BalanceSides, 'offSinceMs'>> {
  // A currency that the last reading did not show holds nothing.
  const { rows: provider } = await sql<CurrencyNet>`
    select currency, available + pending as net from provider_balance_readings
    where read_at = (select max(read_at) from provider_balance_readings)`.execute(trx);
  const { rows: movedSince } = await sql<CurrencyNet>`
    select currency, coalesce((content->>'net')::numeric, amount) as net
    from provider_objects, (select max(read_at) as at from provider_balance_readings) as reading
    where kind = ${OBJECT_KIND.TRANSACTION} and problem is null and missing_since is null
      and greatest(changed_at, missing_since) >= reading.at and first_seen_at >= reading.at
      and case when problem is null then ${IS_AFTER_OPENING} end
    order by content->>'createdAt' desc, first_seen_at`.execute(trx);
  const ledger = [...(await readProviderBalances(trx))].map(([currency, net]) => ({ currency, net }));
  return { ledger, provider, movedSince };
}

/**
 * Books, once each, what moved outside of the engine. What took money that the ledger does not have yet (a deposit
 * that is being followed up) waits for a later run.
 */
async function recordOutsideActivity(
  db: StoreDatabase,
  activities: ReconciliationReport['outside'],
): Promise<void> {
  for (const { balanceTransactionId, type, currency, net: amount } of activities) {
    await inTransaction(db, async (trx) => {
      const heldIn = await lockLedger(trx, [currency]);
      if (await isBooked(trx, ENTRY_CAUSE.OUTSIDE, balanceTransactionId)) return;
      if (compareAmounts(addAmounts(heldIn(currency), amount), '0') < 0) return;
      await bookOutsideActivity(trx, { balanceTransactionId, type, currency, amount });
    });
  }
}

/** Answers with the id that the report is read by. */
async function storeReport(
  db: StoreDatabase,
  report: ReconciliationReport,
  openCases: readonly CaseKey[],
): Promise<string> {
  const row = await db
    .insertInto('reconciliation_reports')
    .values({
      ran_at: new Date(report.ranAtMs),
      clean: report.clean,
      report: JSON.stringify(report),
      open_cases: JSON.stringify(openCases),
    })
    .returning('report_id')
    .executeTakeFirstOrThrow();
  return row.report_id;
}

async function readReport(db: StoreDatabase, reportId: string): Promise<ReconciliationReport> {
  const row = await db
    .selectFrom('reconciliation_reports')
    .select('report')
    .where('report_id', '=', reportId)
    .executeTakeFirstOrThrow();
  return row.report;
}

export function createReconciliation(db: StoreDatabase) {
  return {
    withSnapshot: <T>(
      scope: { readonly isFull: boolean },
      work: (snapshot: ReconciliationSnapshot) => Promise<T>,
    ): Promise<T> => withSnapshot(db, scope, work),
    recordOutsideActivity: recordOutsideActivity.bind(null, db),
    storeReport: storeReport.bind(null, db),
    readReport: readReport.bind(null, db),
  };
}
