import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { Balance, BalanceTransaction, ListedItem } from '../../src/qbitpay/schemas.js';

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
  /** The newest transaction beside them; undefined where there is none. */
  readonly newestId: string | undefined;
}

/** The balances, and the newest of the transactions that explain them: nothing moved between the readings of both. */
export async function readStandingBalances(
  qbitpay: Pick<QbitPayClient, 'listBalances' | 'readBalanceTransactionsPage'>,
): Promise<StandingBalances> {
  const readNewestId = async (): Promise<string | undefined> =>
    (await qbitpay.readBalanceTransactionsPage()).map(idOf).find((id) => id !== undefined);
  for (let attempt = 1; attempt <= STANDSTILL_ATTEMPTS; attempt += 1) {
    const newestId = await readNewestId();
    const balances = await qbitpay.listBalances();
    if ((await readNewestId()) === newestId) return { balances, newestId };
  }
  throw new BalancesMovingError();
}

function idOf(item: ListedItem<BalanceTransaction>): string | undefined {
  return item.kind === 'readable' ? item.object.id : item.id;
}
