import { sql, type InferResult } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { StoreDatabase } from '../database.js';
import { readPage, type Page, type PageRequest } from '../paging.js';
import { DEPOSIT_STATUS, type DepositStatus } from '../schema.js';

/** A deposit whose money the provider has shown, and whose it is. */
export type DepositRecord = InferResult<ReturnType<typeof selectDeposits>>[number];

export interface DepositListRequest extends PageRequest {
  readonly status?: DepositStatus | undefined;
}

/** @throws UnknownCursorError when a cursor names no deposit */
export async function listDeposits(
  db: StoreDatabase,
  { status, ...request }: DepositListRequest,
): Promise<Page<DepositRecord>> {
  const all = selectDeposits(db);
  const deposits = status === undefined ? all : all.where('status', '=', status);
  const listed = { table: 'deposits', id: 'deposit_id', sequence: 'sequence' } as const;
  return readPage(db, listed, deposits, request);
}

export async function findDeposit(db: StoreDatabase, depositId: string): Promise<DepositRecord | undefined> {
  return selectDeposits(db).where('deposit_id', '=', depositId).executeTakeFirst();
}

/** What a transaction (normalised hash) brought: one can pay several deposits. */
export async function findDepositsOfTransaction(
  db: StoreDatabase,
  txHash: string,
): Promise<readonly DepositRecord[]> {
  return selectDeposits(db).where('tx_hash', '=', txHash).orderBy('tx_index').execute();
}

/** A payout that expects an amount this close to what came in, as a part of it, may be whose the deposit is. */
const NEAR = '0.01';
const SUGGESTED = 5;

function selectDeposits(db: StoreDatabase) {
  return db.selectFrom('deposits').select((eb) => [
    'deposit_id as depositId',
    'provider_deposit_id as providerDepositId',
    'tx_hash as txHash',
    'currency',
    'amount',
    'address',
    'status',
    'unallocated_reason as unallocatedReason',
    'verified_at as verifiedAt',
    'decided_at as decidedAt',
    jsonArrayFrom(
      eb
        .selectFrom('deposit_allocations as part')
        .select([
          'part.payout_id as payoutId',
          'part.owner',
          // A number of JSON would lose digits.
          sql<string>`part.amount::text`.as('amount'),
          'part.matched_by as matchedBy',
        ])
        .whereRef('part.deposit_id', '=', 'deposits.deposit_id')
        .orderBy('part.payout_id')
        .orderBy('part.owner'),
    ).as('allocations'),
    jsonArrayFrom(
      eb
        .selectFrom('expected_deposits as near')
        .select(['near.payout_id as payoutId', sql<string>`near.amount::text`.as('amount')])
        .whereRef('near.currency', '=', 'deposits.currency')
        .where('near.rests_until', 'is', null)
        .where('deposits.status', '=', DEPOSIT_STATUS.UNALLOCATED)
        .where(
          sql<boolean>`near.amount between deposits.amount * (1 - ${NEAR}::numeric) and deposits.amount * (1 + ${NEAR}::numeric)`,
        )
        .orderBy(sql`abs(near.amount - deposits.amount)`)
        .limit(SUGGESTED),
    ).as('suggestions'),
  ]);
}
