import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { Balance, BalanceTransaction } from '../../src/qbitpay/schemas.js';

const STANDSTILL_ATTEMPTS = 50;

/** So much moved at the provider that no reading of its balances could be compared. */
export class BalancesMovingError extends Error {
  override readonly name = 'BalancesMovingError';

  constructor() {
    super('the balances did not stand still while they were read; try again');
  }
}

export interface StandingBalances {
  readonly balances: readonly Balance[];
  /** Newest first; the older ones follow after the last. */
  readonly newest: readonly BalanceTransaction[];
}

/** The balances, and the newest transactions that explain them: nothing moved between the readings of both. */
export async function readStandingBalances(
  qbitpay: Pick<QbitPayClient, 'listBalances' | 'listBalanceTransactions'>,
): Promise<StandingBalances> {
  for (let attempt = 1; attempt <= STANDSTILL_ATTEMPTS; attempt += 1) {
    const before = await qbitpay.listBalanceTransactions();
    const balances = await qbitpay.listBalances();
    const after = await qbitpay.listBalanceTransactions({ limit: 1 });
    if (before.data[0]?.id === after.data[0]?.id) return { balances, newest: before.data };
  }
  throw new BalancesMovingError();
}
