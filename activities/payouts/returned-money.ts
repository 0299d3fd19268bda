import type { Store } from '../../src/store/store.js';
import type { ReturnReading } from '../../src/store/requests/returns.js';
import { compareAmounts } from '../../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, legOfType } from '../../src/domain/provider-status.js';
import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';

/**
 * The money of a failed, cancelled or returned payout that is back (contract, section Balance transactions), and available:
 * at once or in several parts.
 */
export async function findReturns(
  store: Pick<Store, 'mirror'>,
  providerPayoutId: string,
): Promise<readonly ReturnReading[]> {
  const transactions = await store.mirror.findTransactionsOf(providerPayoutId);
  return transactions
    .map(({ content }) => content as BalanceTransaction)
    .filter(
      ({ type, status, amount, net = amount }) =>
        legOfType(type) === 'return' &&
        status === BALANCE_TRANSACTION_STATUS.AVAILABLE &&
        compareAmounts(net, '0') > 0,
    )
    .map(({ id, currency, amount, net = amount }) => {
      return { providerPayoutId, balanceTransactionId: id, currency, net };
    });
}
