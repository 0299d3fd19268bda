import { createHmac } from 'node:crypto';
import { amountCurrency } from '../../domain/currency-pair.js';
import { roundUpToCurrency } from '../../domain/money.js';
import { FUNDING, type PayoutRequest } from '../../domain/payout-request.js';
import type { StoreDatabase } from '../database.js';
import { readSetting } from '../controls/engine-settings.js';

export function hashRequest(db: StoreDatabase, request: PayoutRequest): Promise<string> {
  return hashContent(db, normalise(request));
}

/**
 * Tells the same content from other content: a keyed hash, which reveals nothing of it. The key is made with the store and
 * stays in it, so that it outlives every rotation.
 */
export async function hashContent(db: StoreDatabase, content: object): Promise<string> {
  const key = await readSetting(db, 'request_hash_key');
  if (key === undefined) throw new Error('the store has lost its request_hash_key');
  return createHmac('sha256', key).update(canonicalJson(content), 'utf8').digest('hex');
}

/** "5000" and "5000.00" ask for the same, and so do a default that is named and one that is left out. */
function normalise({ funding, ...request }: PayoutRequest): PayoutRequest {
  return {
    ...request,
    ...(funding === undefined || funding === FUNDING.DEPOSIT ? {} : { funding }),
    amount: roundUpToCurrency(request.amount, amountCurrency(request)),
  };
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
}
