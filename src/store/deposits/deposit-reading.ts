import type { StoreDatabase } from '../database.js';
import type {
  DepositAllocation,
  DepositListRequest,
  DepositPage,
  DepositRecord,
} from '../ledger/ledger-records.js';
import { groupBy } from '../grouping.js';
import { UnknownCursorError } from '../payouts/payout-records.js';
import type { DepositRow } from './verified-deposits.js';

/** Newest first. @throws UnknownCursorError when a cursor names no deposit */
export async function listDeposits(db: StoreDatabase, request: DepositListRequest): Promise<DepositPage> {
  const forwards = request.endingBefore === undefined;
  const cursor = await findCursor(db, request);
  const rows = await db
    .selectFrom('deposits')
    .selectAll()
    .where((eb) =>
      eb.and([
        ...(cursor === undefined ? [] : [eb('sequence', forwards ? '<' : '>', cursor)]),
        ...(request.status === undefined ? [] : [eb('status', '=', request.status)]),
      ]),
    )
    .orderBy('sequence', forwards ? 'desc' : 'asc')
    .limit(request.limit + 1)
    .execute();
  const page = rows.slice(0, request.limit);
  return {
    deposits: await toDeposits(db, forwards ? page : page.reverse()),
    hasMore: rows.length > request.limit,
  };
}

async function findCursor(db: StoreDatabase, request: DepositListRequest): Promise<string | undefined> {
  const depositKey = request.startingAfter ?? request.endingBefore;
  if (depositKey === undefined) return undefined;
  const row = await db
    .selectFrom('deposits')
    .select('sequence')
    .where('deposit_id', '=', depositKey)
    .executeTakeFirst();
  if (row !== undefined) return row.sequence;
  throw new UnknownCursorError(request.startingAfter === undefined ? 'ending_before' : 'starting_after');
}

export async function findDeposit(db: StoreDatabase, depositId: string): Promise<DepositRecord | undefined> {
  const rows = await db.selectFrom('deposits').selectAll().where('deposit_id', '=', depositId).execute();
  return (await toDeposits(db, rows))[0];
}

/** What a transaction (normalised hash) brought: one can pay several deposits. */
export async function findDepositsOfTransaction(
  db: StoreDatabase,
  txHash: string,
): Promise<readonly DepositRecord[]> {
  const rows = await db
    .selectFrom('deposits')
    .selectAll()
    .where('tx_hash', '=', txHash)
    .orderBy('tx_index')
    .execute();
  return toDeposits(db, rows);
}

async function toDeposits(db: StoreDatabase, rows: readonly DepositRow[]): Promise<DepositRecord[]> {
  if (rows.length === 0) return [];
  const allocations = await db
    .selectFrom('deposit_allocations')
    .selectAll()
    .where(
      'deposit_id',
      'in',
      rows.map((row) => row.deposit_id),
    )
    .orderBy('payout_id')
    .execute();
  const allocationsOf = groupBy(allocations, (allocation) => allocation.deposit_id);
  return rows.map((row) => ({
    depositId: row.deposit_id,
    providerDepositId: row.provider_deposit_id,
    txHash: row.tx_hash,
    currency: row.currency,
    amount: row.amount,
    address: row.address,
    status: row.status,
    unallocatedReason: row.unallocated_reason,
    allocations: (allocationsOf.get(row.deposit_id) ?? []).map(
      ({ payout_id: payoutId, amount, matched_by: matchedBy }): DepositAllocation => ({
        payoutId,
        amount,
        matchedBy,
      }),
    ),
    verifiedAt: row.verified_at,
    decidedAt: row.decided_at,
  }));
}
