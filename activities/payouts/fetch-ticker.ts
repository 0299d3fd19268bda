import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { compareAmounts, CURRENCY_PATTERN } from '../../src/domain/money.js';
import { quotedAt } from '../../src/domain/price-guard.js';
import { QbitPayInvalidRequestError } from '../../src/qbitpay/errors.js';
import { TICKER_SIDE } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { waitFor } from '../failure-mapping.js';

export interface FetchTickerInput {
  readonly payoutId: string;
  readonly fundingCurrency: string;
  readonly currency: string;
  /** An opening asks for a deposit by this price; an order is refused at a wrong one. */
  readonly purpose: 'opening' | 'order';
}

/** The price of one unit of the funding currency in the payout currency, to a seller. */
export interface Price {
  readonly symbol: string;
  readonly bid: string;
  /** Milliseconds of Unix time, never later than our own reading; the price is good for 30 s from then. */
  readonly quotedAtMs: number;
}

export type FetchTickerResult =
  { readonly kind: 'price'; readonly price: Price } | { readonly kind: 'noSuchPair' };

/** `GET /markets/ticker`: selling the funding currency for the payout currency uses the pair's bid. */
export function createFetchTicker({ store, qbitpay, settings }: ActivityDependencies) {
  return async function fetchTicker(input: FetchTickerInput): Promise<FetchTickerResult> {
    // A workflow that was started without the API brings its request unchecked.
    if (!CURRENCY_PATTERN.test(input.fundingCurrency) || !CURRENCY_PATTERN.test(input.currency)) {
      return { kind: 'noSuchPair' };
    }
    const symbol = `${input.fundingCurrency}/${input.currency}`;
    try {
      const ticker = await qbitpay.getTicker({ symbol, side: TICKER_SIDE.BID });
      const isOpening = input.purpose === 'opening';
      const isUsable =
        compareAmounts(ticker.price, '0') > 0 &&
        (!isOpening || (await store.believePrice({ symbol, bid: ticker.price }, settings.maxPriceChangeBps)));
      if (!isUsable) throw waitFor(FAILURE_TYPE.PRICE_IMPLAUSIBLE);
      const quotedAtMs = quotedAt(ticker.timestamp, Date.now());
      return { kind: 'price', price: { symbol, bid: ticker.price, quotedAtMs } };
    } catch (error) {
      // Without the provider's own error object a proxy may have answered.
      if (!(error instanceof QbitPayInvalidRequestError) || !error.hasErrorObject) throw error;
      return { kind: 'noSuchPair' };
    }
  };
}
