import type { Store } from '../../src/store/store.js';
import type { ReturnReading } from '../../src/store/requests/settlements.js';
import { compareAmounts } from '../../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, legOfType } from '../../src/domain/provider-status.js';
import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';

/** The money of a failed or cancelled payout that is back (contract, section Balance transactions), and available. */
export async function findReturn(store: Store, providerPayoutId: string): Promise<ReturnReading | undefined> {
  const transactions = await store.mirror.findTransactionsOf(providerPayoutId);
  const returned = transactions
    .map(({ content }) => content as BalanceTransaction)
    .find(
      ({ type, status, amount, net = amount }) =>
        legOfType(type) === 'return' &&
        status === BALANCE_TRANSACTION_STATUS.AVAILABLE &&
        compareAmounts(net, '0') > 0,
    );
  if (returned === undefined) return undefined;
  const { id: balanceTransactionId, amount, net = amount } = returned;
  return { providerPayoutId, balanceTransactionId, net };
}
