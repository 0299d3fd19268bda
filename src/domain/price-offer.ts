import { compareAmounts, subtractAmounts } from './money.js';
import type { PayoutRequest } from './payout-request.js';
import { estimatedPostAmount, expectedDebit, saleFor, type Converted, type FeeTerms } from './quote.js';

/** What a payout comes to at the price that is to be had, beside the one that it was opened with. */
export interface PriceOffer {
  readonly quoted: PricedSale;
  readonly now: PricedSale;
  /** What the payout's money lacks for the sale at the price of now, in the funding currency. */
  readonly missing: string;
  /** What it leaves of that money. */
  readonly left: string;
}

interface PricedSale {
  readonly price: string;
  /** What still has to be sold, in the funding currency. */
  readonly sells: string;
  /** In the payout currency. */
  readonly recipientAmount: string;
}

export interface OfferTerms {
  readonly request: PayoutRequest;
  readonly feeTerms: FeeTerms;
  readonly done: Converted;
  /** The payout's own money in the funding currency. */
  readonly funds: string;
}

export function offerAt(terms: OfferTerms, quotedPrice: string, price: string): PriceOffer {
  const now = saleAt(terms, price);
  const rest = subtractAmounts(terms.funds, now.sells);
  const isShort = compareAmounts(rest, '0') < 0;
  return {
    quoted: saleAt(terms, quotedPrice),
    now,
    missing: isShort ? subtractAmounts('0', rest) : '0',
    left: isShort ? '0' : rest,
  };
}

function saleAt({ request, feeTerms, done }: OfferTerms, price: string): PricedSale {
  const postAmount = estimatedPostAmount(request, price, feeTerms, done);
  const { amount: recipientAmount } = expectedDebit(postAmount, request.currency, feeTerms);
  return { price, sells: saleFor(request, price, feeTerms, done), recipientAmount };
}
