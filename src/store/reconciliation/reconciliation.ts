import { sql } from 'kysely';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { addAmounts, compareAmounts } from '../../domain/money.js';
import { FINAL_STATUSES } from '../../domain/payout-status.js';
import { addToGroup } from '../../domain/provider-objects.js';
import { FAILED_OR_CANCELLED, type ProviderStatus } from '../../domain/provider-status.js';
import type { StoreSnapshot, ReconciliationReport } from '../../domain/reconciliation.js';
import { readProviderBalances } from '../ledger/provider-account.js';
import { IS_AFTER_OPENING, readOpening } from '../mirror/account-opening.js';
import { OBJECT_KIND } from '../schema.js';
import { bookOutsideActivity } from '../ledger/bookings.js';
import { inSnapshot, inTransaction, type StoreDatabase, type StoreTransaction } from '../database.js';
import { balanceOf, isBooked, lockLedger } from '../ledger/journal.js';

/** What reconciliation compares with the provider, and what it leaves in the store. */

/** What a reading of the provider names: the store has to say what it knows of it, however old that is. */
export interface MentionedObjects {
  /** Ids of payouts, orders and deposits. */
  readonly providerIds: readonly string[];
  readonly externalOrderIds: readonly string[];
  readonly balanceTransactionIds: readonly string[];
}

/**
 * Attempts and deposits that changed since then, with a margin for clocks, that are still open, or that the provider
 * mentioned; balances cover everything.
 */
async function readStoreSnapshot(
  db: StoreDatabase,
  sinceMs: number,
  mentioned: MentionedObjects,
): Promise<StoreSnapshot> {
  const since = new Date(sinceMs - CLOCK_MARGIN_MS);
  const openedAt = await readOpening(db);
  if (openedAt === undefined) throw new Error('the opening balance is not written yet');
  return inSnapshot(db, async (trx) => ({
    balances: [...(await readProviderBalances(trx))].map(([currency, provider]) => ({ currency, provider })),
    attempts: await readAttempts(trx, since, mentioned),
    deposits: await readDeposits(trx, since, mentioned),
    outsideTransactionIds: await readOutsideIds(trx, mentioned),
    openedAtMs: openedAt.getTime(),
    openingTransactionIds: await readOpeningIds(trx, mentioned),
  }));
}

/** The provider's clock and the store's are never a day apart. */
const CLOCK_MARGIN_MS = 86_400_000;

type Attempt = StoreSnapshot['attempts'][number];

async function readAttempts(
  trx: StoreTransaction,
  since: Date,
  { providerIds, externalOrderIds }: MentionedObjects,
): Promise<readonly Attempt[]> {
  const { rows } = await sql<AttemptRow>`
    select request.operation, request.external_order_id, request.payout_id, request.state, request.updated_at,
      coalesce(po.provider_payout_id, ord.provider_order_id) as provider_id,
      coalesce(po.recipient_amount, ord.amount) as amount,
      coalesce(po.currency, split_part(ord.symbol, '/', 1)) as currency,
      ord.quote_amount, coalesce(po.fee, ord.fee) as fee, coalesce(po.status, ord.status) as status,
      coalesce(po.recorded_at, ord.recorded_at) as recorded_at,
      coalesce(po.read_at, ord.read_at) as read_at, po.returned_amount, po.returned_at
    from provider_requests as request join payouts using (payout_id)
    left join provider_payouts po
      on request.operation = 'payout' and po.external_order_id = request.external_order_id
    left join provider_orders ord
      on request.operation = 'order' and ord.external_order_id = request.external_order_id
    where request.updated_at >= ${since} or payouts.updated_at >= ${since}
      or not (payouts.status = any(${sql.val(FINAL_STATUSES)}::text[]))
      or (po.status in (${sql.join(FAILED_OR_CANCELLED)}) and po.returned_at is null)
      or request.external_order_id = any(${sql.val([...externalOrderIds])}::text[])
      or po.provider_payout_id = any(${sql.val([...providerIds])}::text[])
      or ord.provider_order_id = any(${sql.val([...providerIds])}::text[])`.execute(trx);
  const booked = await readBooked(trx);
  return rows.map((row) => toAttempt(row, booked.get(`${row.operation} ${row.external_order_id}`) ?? []));
}

/** The columns of the answer are there, or all of them are null. */
type AttemptRow = {
  readonly operation: Attempt['operation'];
  readonly external_order_id: string;
  readonly payout_id: string;
  readonly state: Attempt['providerRequest'];
  readonly updated_at: Date;
} & (AnswerRow | { readonly provider_id: null });

interface AnswerRow {
  readonly provider_id: string;
  readonly amount: string;
  readonly currency: string;
  readonly quote_amount: string | null;
  readonly fee: string;
  readonly status: ProviderStatus;
  readonly recorded_at: Date;
  readonly read_at: Date;
  readonly returned_amount: string | null;
  readonly returned_at: Date | null;
}

function toAttempt(row: AttemptRow, booked: readonly BookedNet[]): Attempt {
  return {
    operation: row.operation,
    externalOrderId: row.external_order_id,
    payoutId: row.payout_id,
    providerRequest: row.state,
    requestChangedAtMs: row.updated_at.getTime(),
    answer: row.provider_id === null ? null : toAnswer(row, booked),
  };
}

function toAnswer(row: AnswerRow, booked: readonly BookedNet[]): NonNullable<Attempt['answer']> {
  return {
    providerId: row.provider_id,
    amount: row.amount,
    currency: row.currency,
    quoteAmount: row.quote_amount,
    fee: row.fee,
    status: row.status,
    recordedAtMs: row.recorded_at.getTime(),
    readAtMs: row.read_at.getTime(),
    booked: booked.map(({ currency, net }) => ({ currency, net })),
    returnedAtMs: row.returned_at?.getTime() ?? null,
    returned: row.returned_amount,
  };
}

interface BookedNet {
  readonly key: string;
  readonly currency: string;
  readonly net: string;
}

/** What orders and payout attempts did to the provider account, adjustments included, returns not. */
async function readBooked(trx: StoreTransaction): Promise<ReadonlyMap<string, readonly BookedNet[]>> {
  const { rows } = await sql<BookedNet>`
    select case when cause = ${ENTRY_CAUSE.ORDER} then 'order ' || cause_id
                else 'payout ' || split_part(cause_id, '#', 1) end as key,
           currency, sum(amount) as net
    from ledger_entries join ledger_postings using (entry_id) join ledger_accounts using (account_id)
    where kind = ${ACCOUNT_KIND.PROVIDER}
      and cause in (${ENTRY_CAUSE.ORDER}, ${ENTRY_CAUSE.PAYOUT}, ${ENTRY_CAUSE.PAYOUT_ADJUSTMENT})
    group by 1, 2`.execute(trx);
  const groups = new Map<string, BookedNet[]>();
  for (const row of rows) addToGroup(groups, row.key, row);
  return groups;
}

async function readDeposits(
  trx: StoreTransaction,
  since: Date,
  { providerIds }: MentionedObjects,
): Promise<StoreSnapshot['deposits']> {
  const rows = await trx
    .selectFrom('deposits')
    .select(['provider_deposit_id', 'currency', 'amount', 'verified_at'])
    .where((eb) =>
      eb.or([
        eb('verified_at', '>=', since),
        eb('provider_deposit_id', '=', sql<string>`any(${[...providerIds]}::text[])`),
      ]),
    )
    .execute();
  return rows.map((row) => ({
    providerDepositId: row.provider_deposit_id,
    currency: row.currency,
    amount: row.amount,
    verifiedAtMs: row.verified_at.getTime(),
  }));
}

async function readOutsideIds(
  trx: StoreTransaction,
  { balanceTransactionIds }: MentionedObjects,
): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('ledger_entries')
    .select('cause_id')
    .where('cause', '=', ENTRY_CAUSE.OUTSIDE)
    .where('cause_id', '=', sql<string>`any(${[...balanceTransactionIds]}::text[])`)
    .execute();
  return rows.map((row) => row.cause_id);
}

async function readOpeningIds(
  trx: StoreTransaction,
  { balanceTransactionIds }: MentionedObjects,
): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('provider_objects')
    .select('provider_id')
    .where('kind', '=', OBJECT_KIND.TRANSACTION)
    .where('provider_id', '=', sql<string>`any(${[...balanceTransactionIds]}::text[])`)
    .where(sql<boolean>`not ${IS_AFTER_OPENING}`)
    .execute();
  return rows.map((row) => row.provider_id);
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
      await lockLedger(trx);
      if (await isBooked(trx, ENTRY_CAUSE.OUTSIDE, balanceTransactionId)) return;
      const held = await balanceOf(trx, { kind: ACCOUNT_KIND.PROVIDER }, currency);
      if (compareAmounts(addAmounts(held, amount), '0') < 0) return;
      await bookOutsideActivity(trx, { balanceTransactionId, type, currency, amount });
    });
  }
}

/** Answers with the id that the report is read by. */
async function storeReport(db: StoreDatabase, report: ReconciliationReport): Promise<string> {
  const row = await db
    .insertInto('reconciliation_reports')
    .values({ ran_at: new Date(report.ranAtMs), clean: report.clean, report: JSON.stringify(report) })
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
    readStoreSnapshot: readStoreSnapshot.bind(null, db),
    recordOutsideActivity: recordOutsideActivity.bind(null, db),
    storeReport: storeReport.bind(null, db),
    readReport: readReport.bind(null, db),
  };
}
