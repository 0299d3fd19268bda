import { addAmounts, compareAmounts, subtractAmounts } from '../../src/domain/money.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from '../../src/domain/provider-status.js';
import type { QbitPayClient } from '../../src/qbitpay/client.js';
import type { BalanceTransaction, Order } from '../../src/qbitpay/schemas.js';

/** What an order really did to the balances; all three are zero where it moved nothing. */
export interface OrderMovement {
  /** What left in the base currency of the pair. */
  readonly sold: string;
  /** What came in the quote currency, before the fee. */
  readonly bought: string;
  readonly fee: string;
}

/**
 * Reads what an order that has ended moved (contract, section Balance transactions). Undefined while the provider does
 * not show all of it yet.
 */
export async function readMovement(
  qbitpay: Pick<QbitPayClient, 'iterateBalanceTransactions'>,
  order: Pick<Order, 'id' | 'symbol' | 'quoteAmount' | 'fee'>,
): Promise<OrderMovement | undefined> {
  const type = BALANCE_TRANSACTION_TYPE.ORDER;
  // Lists shift while they are paged through: what comes twice counts once.
  const own = new Map<string, BalanceTransaction>();
  for await (const transaction of qbitpay.iterateBalanceTransactions({ source: order.id, type })) {
    if (transaction.source === order.id && transaction.type === type) own.set(transaction.id, transaction);
  }
  return movementOf(order, [...own.values()]);
}

/** What these transactions of an order that has ended add up to; undefined where they cannot be all of them. */
export function movementOf(
  order: Pick<Order, 'symbol' | 'quoteAmount' | 'fee'>,
  transactions: readonly BalanceTransaction[],
): OrderMovement | undefined {
  if (transactions.some(({ status }) => status !== BALANCE_TRANSACTION_STATUS.AVAILABLE)) return undefined;
  const [base, quote] = order.symbol.split('/');
  const inBase = transactions.filter(({ currency }) => currency === base);
  const inQuote = transactions.filter(({ currency }) => currency === quote);
  const sold = subtractAmounts('0', addAmounts(...inBase.map(netOf)));
  const bought = addAmounts(...inQuote.map(({ amount }) => amount));
  const net = addAmounts(...inQuote.map(netOf));
  const movement = { sold, bought, fee: subtractAmounts(bought, net) };
  // That nothing is shown proves that nothing was moved only where the order says so as well: it may be shown late.
  const isNothing =
    [sold, bought, net].every((amount) => compareAmounts(amount, '0') === 0) &&
    (transactions.length > 0 || order.quoteAmount !== undefined);
  const hasBothLegs = compareAmounts(sold, '0') > 0 && compareAmounts(bought, '0') > 0;
  return (isNothing || hasBothLegs) && agreesWithOrder(order, bought, net) ? movement : undefined;
}

/** An order that states nothing, or zero, leaves the word to its transactions. */
function agreesWithOrder(
  { quoteAmount = '0', fee = '0' }: Pick<Order, 'quoteAmount' | 'fee'>,
  bought: string,
  net: string,
): boolean {
  if (compareAmounts(quoteAmount, '0') === 0) return true;
  return (
    compareAmounts(quoteAmount, bought) === 0 || compareAmounts(subtractAmounts(quoteAmount, fee), net) === 0
  );
}

function netOf({ amount, net = amount }: BalanceTransaction): string {
  return net;
}
