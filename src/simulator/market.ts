import { addAmounts, divide, multiply } from '../domain/money.js';
import { badRequest, ProviderError } from './provider-error.js';
import type { Settings } from './settings.js';
import type { Store } from './store.js';

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

export function currentPrice({ settings }: Store, symbol: string, side: Side): string {
  const prices = findSymbol(settings, symbol);
  if (prices === undefined) throw badRequest('unknown symbol', 'symbol');
  return addAmounts(prices[side]);
}

/** Throws 402 `invalid_request_error` unless this price was quoted and is still valid [I]. */
export function assertQuoted(store: Store, symbol: string, side: Side, price: string): void {
  const quote = store.quotes.get(quoteId(symbol, side, price));
  const age = quote === undefined ? Infinity : Date.now() - quote.quotedAt;
  if (age <= store.settings.quoteValidityMs) return;
  throw new ProviderError(402, 'invalid_request_error', 'the price is not valid, fetch the ticker again');
}

/** Makes every price quoted so far for a symbol invalid. */
export function expireQuotes({ quotes }: Store, symbol: string): void {
  for (const quote of quotes) if (quote.symbol === symbol) quotes.put({ ...quote, quotedAt: 0 });
}

/** What an amount is worth in another currency at the bid, or undefined when no symbol joins the two. */
export function worthAtBid(
  { settings }: Store,
  amount: string,
  currency: string,
  inCurrency: string,
): string | undefined {
  if (currency === inCurrency) return amount;
  const direct = findSymbol(settings, `${inCurrency}/${currency}`);
  if (direct !== undefined) return divide(amount, direct.bid);
  const inverse = findSymbol(settings, `${currency}/${inCurrency}`);
  return inverse === undefined ? undefined : multiply(amount, inverse.bid);
}

function findSymbol({ symbols }: Settings, symbol: string): Settings['symbols'][number] | undefined {
  return symbols.find((one) => one.symbol === symbol);
}

function quoteId(symbol: string, side: Side, price: string): string {
  return `${symbol} ${side} ${addAmounts(price)}`;
}
