import type { OrderRecord } from '../../src/store/payouts/payout-reading.js';
import { addAmounts } from '../../src/domain/money.js';
import { isFailedOrCancelled, PROVIDER_ORDER_STATUS } from '../../src/domain/provider-status.js';
import { ORDER_SIDE, type Order } from '../../src/qbitpay/schemas.js';
import type { OrderMovement } from './order-movement.js';

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
