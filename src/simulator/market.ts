import { addAmounts, divide, multiply } from '../domain/money.js';
import { badRequest, ProviderError } from './provider-error.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';

export type Side = 'bid' | 'ask';

/**
 * Prices. A quoted price may be used in an order for `quoteValidityMs` (30 s, contract "Markets") after the ticker
 * named it, even when the market has moved since; any other price is refused.
 */
export class Market {
  readonly #state: SimulatorState;
  readonly #settings: Settings;

  constructor(state: SimulatorState, settings: Settings) {
    this.#state = state;
    this.#settings = settings;
  }

  /** Answers the price now and remembers that it was quoted. */
  quote(symbol: string, side: Side): { price: string; timestamp: number } {
    const price = this.price(symbol, side);
    const timestamp = Date.now();
    this.#state.quotes.put({ id: quoteId(symbol, side, price), symbol, quotedAt: timestamp });
    return { price, timestamp };
  }

  price(symbol: string, side: Side): string {
    const prices = this.#settings.current.prices;
    const price = Object.hasOwn(prices, symbol) ? prices[symbol] : undefined;
    if (price === undefined) throw badRequest('unknown symbol', 'symbol');
    return addAmounts(price[side]);
  }

  /** Throws 402 `invalid_request_error` unless this price was quoted and is still valid [I]. */
  assertQuoted(symbol: string, side: Side, price: string): void {
    const quote = this.#state.quotes.get(quoteId(symbol, side, price));
    const age = quote === undefined ? Infinity : Date.now() - quote.quotedAt;
    if (age > this.#settings.current.quoteValidityMs) {
      throw new ProviderError(402, 'invalid_request_error', 'the price is not valid, fetch the ticker again');
    }
  }

  /** Makes every price quoted so far for a symbol invalid. */
  expireQuotes(symbol: string): void {
    for (const quote of this.#state.quotes.oldestFirst()) {
      if (quote.symbol === symbol) this.#state.quotes.put({ ...quote, quotedAt: 0 });
    }
  }

  /** What an amount is worth in another currency at the bid, or undefined when no symbol joins the two. */
  worthAtBid(amount: string, currency: string, inCurrency: string): string | undefined {
    if (currency === inCurrency) return amount;
    const prices = this.#settings.current.prices;
    const direct = prices[`${inCurrency}/${currency}`];
    if (direct !== undefined) return divide(amount, direct.bid);
    const inverse = prices[`${currency}/${inCurrency}`];
    return inverse === undefined ? undefined : multiply(amount, inverse.bid);
  }
}

function quoteId(symbol: string, side: Side, price: string): string {
  return `${symbol} ${side} ${addAmounts(price)}`;
}
