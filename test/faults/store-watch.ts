import type { Client } from 'pg';
import { toFeeTerms, toRequest } from '../../src/store/payouts/payout-reading.js';
import { addAmounts, compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { balanceNeeds } from '../../src/domain/quote.js';
import { DISCREPANCY_KIND, type ReconciliationReport } from '../../src/domain/reconciliation.js';
import { withDatabase } from './with-database.js';
import type { PayoutRow } from '../../src/store/schema.js';

/**
 * What the campaign waits for, by SQL: a call of the engine would do what the engine's own schedules have to do
 * (a reconciliation follows up deposits and books returns), and hide that they did not.
 */
export interface StorePicture {
  /** The engine's last reconciliation saw all that has changed since, and nothing is under way. */
  readonly isReconciled: boolean;
  /** What the store has of the provider's: ids of payouts and orders. */
  readonly providerIds: ReadonlySet<string>;
  /** Payouts that wait for more than the available balance has, or for a shortfall to be made good. */
  readonly unaffordable: ReadonlySet<string>;
}

/** Discrepancies that the engine is about to settle by itself. */
const OPEN_DISCREPANCIES: readonly string[] = [
  DISCREPANCY_KIND.DEPOSIT_UNSEEN,
  DISCREPANCY_KIND.RETURN_OVERDUE,
];

/** `actedAtMs`: when the campaign itself last changed something. */
export async function readStorePicture(databaseUrl: string, actedAtMs: number): Promise<StorePicture> {
  return withDatabase(databaseUrl, async (database) => {
    // One snapshot: what waits is compared with the balance of the same moment.
    await database.query('begin isolation level repeatable read read only');
    return {
      isReconciled: await isReconciled(database, actedAtMs),
      providerIds: await readProviderIds(database),
      unaffordable: await readUnaffordable(database),
    };
  });
}

async function isReconciled(database: Client, actedAtMs: number): Promise<boolean> {
  const { rows: changes } = await database.query<{ readonly at: Date | null }>(
    `select greatest((select max(at) from payout_timeline), (select max(at) from ledger_entries),
       (select max(verified_at) from deposits)) as at`,
  );
  const { rows: reports } = await database.query<{ readonly report: ReconciliationReport }>(
    'select report from reconciliation_reports order by ran_at desc limit 1',
  );
  return coversAll(reports[0]?.report, Math.max(actedAtMs, changes[0]?.at?.getTime() ?? 0));
}

/** Whether a report is younger than the last change, and leaves nothing to a later one. */
export function coversAll(
  report: Pick<ReconciliationReport, 'ranAtMs' | 'inFlight' | 'discrepancies'> | undefined,
  changedAtMs: number,
): boolean {
  if (report === undefined || report.ranAtMs <= changedAtMs) return false;
  return report.inFlight === 0 && !report.discrepancies.some(({ kind }) => OPEN_DISCREPANCIES.includes(kind));
}

async function readProviderIds(database: Client): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ readonly id: string }>(
    `select provider_payout_id as id from provider_payouts
     union select provider_order_id from provider_orders`,
  );
  return new Set(rows.map(({ id }) => id));
}

async function readUnaffordable(database: Client): Promise<ReadonlySet<string>> {
  const { rows: waiting } = await database.query<PayoutRow>('select * from payouts where status = $1', [
    PAYOUT_STATUS.AWAITING_BALANCE,
  ]);
  const { rows: accounts } = await database.query<Account>(
    `select kind, currency, owner, balance from ledger_accounts where kind in ('available', 'owed', 'shortfall')`,
  );
  return new Set(findUnaffordable(waiting, accounts));
}

/** Of payouts that wait for the available balance those whose turn would not help them. */
export function findUnaffordable(
  waiting: readonly PayoutRow[],
  accounts: readonly Account[],
): readonly string[] {
  return waiting
    .filter((row) => {
      const own = accounts.filter(({ owner }) => owner === null || owner === row.owner);
      return !needsOf(row).some((need) => isCovered(own, need));
    })
    .map((row) => row.payout_id);
}

export interface Account {
  readonly kind: string;
  readonly currency: string;
  readonly owner: string | null;
  readonly balance: string;
}

type Need = ReturnType<typeof balanceNeeds>[number];

function needsOf(row: PayoutRow): readonly Need[] {
  const terms = toFeeTerms(row);
  return terms === null || row.deposit_amount === null
    ? []
    : balanceNeeds(toRequest(row), row.deposit_amount, terms);
}

function isCovered(accounts: readonly Account[], { currency, amount }: Need): boolean {
  const balanceOf = (kind: string): string =>
    accounts.find((one) => one.kind === kind && one.currency === currency)?.balance ?? '0';
  const owed = balanceOf('owed');
  if (compareAmounts(owed, amount) >= 0) return true;
  const all = addAmounts(balanceOf('available'), compareAmounts(owed, '0') > 0 ? owed : '0');
  return compareAmounts(all, amount) >= 0 && compareAmounts(balanceOf('shortfall'), '0') >= 0;
}
