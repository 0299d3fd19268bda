import { addAmounts, compareAmounts, subtractAmounts } from '../../src/domain/money.js';
import {
  BALANCE_TRANSACTION_STATUS,
  isFailedOrCancelled,
  PROVIDER_ORDER_STATUS,
} from '../../src/domain/provider-status.js';
import { ORDER_SIDE, type BalanceTransaction, type Order } from '../../src/qbitpay/schemas.js';
import type { OrderRecord } from '../../src/store/payouts/payout-reading.js';
import { OBJECT_KIND } from '../../src/store/schema.js';
import type { Store } from '../../src/store/store.js';

/** What an order really did to the balances; all three are zero where it moved nothing. */
export interface OrderMovement {
  /** What left in the base currency of the pair. */
  readonly sold: string;
  /** What came in the quote currency, before the fee. */
  readonly bought: string;
  readonly fee: string;
}

/**
 * What an order that has ended moved, by the mirror (contract, section Balance transactions); undefined while not all of it
 * is shown: only a list that was read since the order ended can show all of it. Says as well for how long it was read since,
 * in milliseconds.
 */
export async function findMovement(
  { mirror }: Pick<Store, 'mirror'>,
  order: Pick<Order, 'id' | 'symbol' | 'quoteAmount' | 'fee'>,
  since: Date,
): Promise<{ readonly movement: OrderMovement | undefined; readonly readForMs: number }> {
  const { completedAt } = await mirror.readList(OBJECT_KIND.TRANSACTION);
  const transactions = await mirror.findTransactionsOf(order.id);
  const readForMs = (completedAt?.getTime() ?? 0) - since.getTime();
  // Whatever their type is called.
  const own = transactions.map(({ content }) => content as BalanceTransaction);
  return { movement: readForMs > 0 ? movementOf(order, own) : undefined, readForMs };
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

/**
 * The order for the store. One that ended unfilled may have been filled in part: until its movement is known it is as
 * good as pending, then that is what the store has of it.
 */
export function toOrderRecord(externalOrderId: string, answer: Order, movement?: OrderMovement): OrderRecord {
  const order = asSale(answer);
  const { id: providerOrderId, symbol, price = '0', status } = order;
  const named = { externalOrderId, providerOrderId, symbol, price };
  if (movement !== undefined) {
    const { sold: amount, bought: quoteAmount, fee } = movement;
    return { ...named, amount, quoteAmount, fee, status };
  }
  const { amount, quoteAmount = '0', fee = '0' } = order;
  const isEnded = isFailedOrCancelled(status);
  return { ...named, amount, quoteAmount, fee, status: isEnded ? PROVIDER_ORDER_STATUS.PENDING : status };
}

/** The store knows sales: an order that buys the base sells the quote for it, and the fee is taken in the quote. */
function asSale(order: Order): Order {
  if (order.side !== ORDER_SIDE.BUY) return order;
  const [base = '', quote = ''] = order.symbol.split('/');
  const { amount: bought, quoteAmount = '0', fee = '0' } = order;
  const sold = { amount: addAmounts(quoteAmount, fee), quoteAmount: bought, fee: '0', price: '0' };
  return { ...order, symbol: `${quote}/${base}`, ...sold };
}
