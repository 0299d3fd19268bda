import {
  addAmounts,
  compareAmounts,
  multiply,
  roundDownToCurrency,
  roundUpToCurrency,
  subtractAmounts,
} from '../domain/money.js';
import { amount, assertScale, choice, type Fields, optional, text } from './fields.js';
import { newId } from './identifiers.js';
import { assertAvailable, book } from './ledger.js';
import { assertQuoted, currentPrice } from './market.js';
import { badRequest } from './provider-error.js';
import type { OrderRecord } from './records.js';
import { isWanted, takeRule } from './rules.js';
import type { Store } from './store.js';

export const orderFields = {
  symbol: text,
  side: choice(['buy', 'sell']),
  amount,
  price: optional(amount),
  externalOrderId: optional(text),
};

/**
 * Executes an order at once (contract, "Orders", [I]), at the quoted price or at the current one when none is named:
 * `sell` at the bid, `buy` at the ask. `quoteAmount` is gross; the fee (`feeRates.trade`, in the quote currency) comes
 * off what a sale brings and on top of what a purchase costs. Where a rule ends the order before, only what it says is
 * executed.
 */
export function placeOrder(store: Store, fields: Fields<typeof orderFields>): OrderRecord {
  const { symbol, side, externalOrderId } = fields;
  const priceSide = side === 'sell' ? 'bid' : 'ask';
  const price = addAmounts(fields.price ?? currentPrice(store, symbol, priceSide));
  const [base = '', quote = ''] = symbol.split('/');
  assertScale(fields.amount, base);
  if (fields.price !== undefined) assertQuoted(store, symbol, priceSide, price);
  const execute = (executed: string): Pick<OrderRecord, 'quoteAmount' | 'fee'> => {
    const round = side === 'sell' ? roundDownToCurrency : roundUpToCurrency;
    const quoteAmount = addAmounts(round(multiply(executed, price), quote));
    const fee = roundUpToCurrency(multiply(quoteAmount, store.settings.feeRates.trade), quote);
    return { quoteAmount, fee: addAmounts(fee) };
  };
  const whole = execute(fields.amount);
  if (compareAmounts(whole.quoteAmount, whole.fee) <= 0)
    throw badRequest('amount is too small to trade', 'amount');
  if (side === 'sell') assertAvailable(store, base, fields.amount);
  else assertAvailable(store, quote, addAmounts(whole.quoteAmount, whole.fee));

  const rule = takeRule(store.orderOutcomes, (one) => isWanted(one.externalOrderId, externalOrderId));
  const isPart = rule !== undefined && compareAmounts(rule.filled, fields.amount) < 0;
  const executed = isPart ? roundDownToCurrency(rule.filled, base) : fields.amount;
  const order = store.orders.put({
    id: newId(),
    createdAt: store.orders.nextCreatedAt(),
    symbol,
    side,
    amount: addAmounts(fields.amount),
    price,
    ...execute(executed),
    status: rule?.status ?? 'filled',
    externalOrderId,
  });
  if (compareAmounts(executed, '0') > 0) bookOrder(store, order, addAmounts(executed));
  return order;
}

function bookOrder(store: Store, order: OrderRecord, executed: string): void {
  const [base = '', quote = ''] = order.symbol.split('/');
  const sign = (amount: string, isGiven: boolean): string =>
    isGiven ? subtractAmounts('0', amount) : amount;
  const isSale = order.side === 'sell';
  const shared = { type: 'order', source: order.id, description: `${order.side} ${order.symbol}` } as const;
  book(store, { ...shared, currency: base, amount: sign(executed, isSale), fee: '0' });
  book(store, { ...shared, currency: quote, amount: sign(order.quoteAmount, !isSale), fee: order.fee });
}
