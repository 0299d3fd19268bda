import * as money from '../domain/money.js';
import { addAmounts } from '../domain/money.js';
import { assertScale, type Fields } from './fields.js';
import { assertAvailable, book } from './ledger.js';
import { badRequest, ProviderError } from './provider-error.js';
import type { orderFields, OrderRecord } from './records.js';
import { keptId } from './settings.js';
import type { Store } from './store.js';
import { isWanted, takeRule } from './table.js';

type Side = 'bid' | 'ask';

/**
 * Prices. A quoted price may be used in an order for `quoteValidityMs` (30 s, contract "Markets") after the ticker
 * named it, even when the market has moved since; any other price is refused.
 */

/** Answers the price now and remembers that it was quoted. */
export function quotePrice(store: Store, symbol: string, side: Side): { price: string; timestamp: number } {
  const price = currentPrice(store, symbol, side);
  const timestamp = Date.now();
  store.quotes.put({ id: quoteId(symbol, side, price), symbol, quotedAt: timestamp });
  return { price, timestamp };
}

function currentPrice({ settings }: Store, symbol: string, side: Side): string {
  const prices = settings.symbols.find((one) => one.symbol === symbol);
  if (prices === undefined) throw badRequest('unknown symbol', 'symbol');
  return addAmounts(prices[side]);
}

/** Throws 402 `invalid_request_error` unless this price was quoted and is still valid [I]. */
function assertQuoted(store: Store, symbol: string, side: Side, price: string): void {
  const quote = store.quotes.get(quoteId(symbol, side, price));
  const age = quote === undefined ? Infinity : Date.now() - quote.quotedAt;
  if (age <= store.settings.quoteValidityMs) return;
  throw new ProviderError(402, 'invalid_request_error', 'the price is not valid, fetch the ticker again');
}

/** Makes every price quoted so far for a symbol invalid. */
export function expireQuotes({ quotes }: Store, symbol: string): void {
  for (const quote of quotes) if (quote.symbol === symbol) quotes.put({ ...quote, quotedAt: 0 });
}

/** What an amount is worth at the bid in the currency of the payout limit; undefined when no symbol joins the two. */
export function worthAtBid({ settings }: Store, amount: string, currency: string): string | undefined {
  const { symbols, payoutLimit } = settings;
  if (currency === payoutLimit.currency) return amount;
  const direct = symbols.find(({ symbol }) => symbol === `${payoutLimit.currency}/${currency}`);
  if (direct !== undefined) return money.divide(amount, direct.bid);
  const inverse = symbols.find(({ symbol }) => symbol === `${currency}/${payoutLimit.currency}`);
  return inverse === undefined ? undefined : money.multiply(amount, inverse.bid);
}

function quoteId(symbol: string, side: Side, price: string): string {
  return `${symbol} ${side} ${addAmounts(price)}`;
}

/**
 * Executes an order at once (contract, "Orders", [I]), at the quoted price or else the current one. `quoteAmount` is
 * gross; the fee, in the quote currency, comes off what a sale brings and on top of what a purchase costs. Where a rule
 * ends the order before, only what it says is executed.
 */
export function placeOrder(store: Store, fields: Fields<typeof orderFields>): OrderRecord {
  const { symbol, side, amount, externalOrderId } = fields;
  const isSale = side === 'sell';
  const priceSide = isSale ? 'bid' : 'ask';
  const price = addAmounts(fields.price ?? currentPrice(store, symbol, priceSide));
  const [base = '', quote = ''] = symbol.split('/');
  assertScale(amount, base);
  if (fields.price !== undefined) assertQuoted(store, symbol, priceSide, price);
  const execute = (executed: string): Pick<OrderRecord, 'quoteAmount' | 'fee'> => {
    const round = isSale ? money.roundDownToCurrency : money.roundUpToCurrency;
    const quoteAmount = addAmounts(round(money.multiply(executed, price), quote));
    const fee = money.multiply(quoteAmount, store.settings.feeRates.trade);
    return { quoteAmount, fee: addAmounts(money.roundUpToCurrency(fee, quote)) };
  };
  const whole = execute(amount);
  if (money.compareAmounts(whole.quoteAmount, whole.fee) <= 0) {
    throw badRequest('amount is too small to trade', 'amount');
  }
  if (isSale) assertAvailable(store, base, amount);
  else assertAvailable(store, quote, addAmounts(whole.quoteAmount, whole.fee));

  const rule = takeRule(store.orderOutcomes, (one) => isWanted(one.externalOrderId, externalOrderId));
  const isPart = rule !== undefined && money.compareAmounts(rule.filled, amount) < 0;
  const executed = addAmounts(isPart ? money.roundDownToCurrency(rule.filled, base) : amount);
  const order = store.orders.add({
    symbol,
    side,
    type: 'market',
    amount: addAmounts(amount),
    price,
    ...execute(executed),
    status: rule?.status ?? 'filled',
    externalOrderId: keptId(store.settings, externalOrderId),
  });
  if (executed === '0') return order;
  const movement = { type: 'order', source: order.id, description: `${side} ${symbol}` } as const;
  const signed = (value: string, isGiven: boolean): string =>
    isGiven ? money.subtractAmounts('0', value) : value;
  book(store, { ...movement, currency: base, amount: signed(executed, isSale), fee: '0' });
  book(store, { ...movement, currency: quote, amount: signed(order.quoteAmount, !isSale), fee: order.fee });
  return order;
}
