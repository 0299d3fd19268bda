import { sql } from 'kysely';
import type { StoreDatabase } from '../database.js';
import { refuse, type Refusal } from '../outcome.js';
import { hashContent } from '../payouts/request-hash.js';

/** Under which id a decision is carried out once. */

/** The id of what is decided under a key of its caller's: the key, and a hash of the content, which tells a repetition. */
export async function nameOperation(db: StoreDatabase, key: string, content: object): Promise<string> {
  return `${key}#${await hashContent(db, content)}`;
}

const KEY = /^.*#(?=[0-9a-f]{64}$)/;

/** True when this decision was carried out before: its answer was lost. Refused where another one was, under its key. */
export async function isCarriedOut(
  db: StoreDatabase,
  payoutId: string,
  operationId: string,
): Promise<boolean | KeyTaken> {
  const key = KEY.exec(operationId)?.[0] ?? null;
  const row = await db
    .selectFrom('payout_decisions')
    .select('operation_id')
    .where('payout_id', '=', payoutId)
    .where(sql<boolean>`(operation_id = ${operationId} or starts_with(operation_id, ${key}))`)
    .executeTakeFirst();
  if (row === undefined) return false;
  return row.operation_id === operationId || KEY_TAKEN;
}

export interface KeyTaken extends Refusal {
  readonly isKeyTaken: true;
}

const KEY_TAKEN: KeyTaken = { ...refuse('another decision was made under this key'), isKeyTaken: true };
