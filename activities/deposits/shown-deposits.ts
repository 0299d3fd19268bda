import { compareAmounts } from '../../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../../src/domain/provider-status.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';

/** Transactions that are looked through for deposits of one amount, of whenever. */
const SEARCH_LIMIT = 2_000;

/** Deposits of exactly this amount whose money QbitPay shows, newest first, of those since a moment. */
export async function findShownDeposits(
  qbitpay: Pick<QbitPayClient, 'iterateBalanceTransactions'>,
  {
    currency,
    amount,
    sinceMs,
  }: { readonly currency: string; readonly amount: string; readonly sinceMs?: number },
): Promise<readonly BalanceTransaction[]> {
  const found: BalanceTransaction[] = [];
  const isFarEnough = (one: BalanceTransaction, searched: number): boolean =>
    sinceMs === undefined ? searched === SEARCH_LIMIT : Date.parse(one.createdAt) < sinceMs;
  let searched = 0;
  for await (const one of qbitpay.iterateBalanceTransactions({ type: BALANCE_TRANSACTION_TYPE.DEPOSIT })) {
    if (isFarEnough(one, searched)) break;
    const isSame = one.currency === currency && compareAmounts(arrivedWith(one), amount) === 0;
    if (isSame && isThere(one)) found.push(one);
    searched += 1;
  }
  return found;
}

export function isThere(
  transaction: Pick<BalanceTransaction, 'type' | 'status' | 'amount' | 'net'>,
): boolean {
  return (
    transaction.type === BALANCE_TRANSACTION_TYPE.DEPOSIT &&
    transaction.status === BALANCE_TRANSACTION_STATUS.AVAILABLE &&
    compareAmounts(arrivedWith(transaction), '0') > 0
  );
}

/** `amount` is before the provider's fee, `net` is what arrived (contract, section Balance transactions). */
export function arrivedWith({ amount, net = amount }: Pick<BalanceTransaction, 'amount' | 'net'>): string {
  return net;
}
