import type { Decision, DecisionOutcome } from '../../src/store/controls/decisions.js';
import { refuse } from '../../src/store/outcome.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { Money } from '../../src/domain/money.js';
import { isWithinSlippage, priceLimitOf } from '../../src/domain/price-guard.js';
import { offerAt, type PriceOffer } from '../../src/domain/price-offer.js';
import {
  estimatedPostAmount,
  reachesMinimum,
  type Converted,
  type FeeTerms,
} from '../../src/domain/quote.js';
import type { ActivityDependencies } from '../dependencies.js';

/** What a payout sells, and what a person is shown where its price has moved too far. */

type Parts = Pick<ActivityDependencies, 'store'>;

/** What earlier orders of this payout moved before they ended: the one that is placed now is for the rest. */
export async function readConverted(
  { store }: Parts,
  { payoutId, request, order }: PayoutRecord,
): Promise<Converted & { readonly funds: string }> {
  const [sold, own] = await Promise.all([
    order === null ? '0' : store.ledger.soldByOrders(payoutId, request.fundingCurrency),
    store.ledger.fundsOf(payoutId),
  ]);
  return {
    sold,
    proceeds: amountIn(own, request.currency),
    funds: amountIn(own, request.fundingCurrency),
  };
}

function amountIn(funds: readonly Money[], currency: string): string {
  return funds.find((one) => one.currency === currency)?.amount ?? '0';
}

export function feeTermsOf({ feeTerms }: PayoutRecord): FeeTerms {
  if (feeTerms === null) throw new Error('the payout was never opened');
  return feeTerms;
}

export async function readOffer(parts: Parts, payout: PayoutRecord, price: string): Promise<PriceOffer> {
  const { funds, ...done } = await readConverted(parts, payout);
  const terms = { request: payout.request, feeTerms: feeTermsOf(payout), done, funds };
  return offerAt(terms, payout.estimatedPrice ?? price, price);
}

export function isBelowMinimum(
  { minimum, ...payout }: PayoutRecord,
  price: string,
  done: Converted,
): boolean {
  if (minimum === null) return false;
  const { request } = payout;
  const postAmount = estimatedPostAmount(request, price, feeTermsOf({ minimum, ...payout }), done);
  return reachesMinimum(postAmount, request, price, minimum) === false;
}

/** True where what is left of the payout's money is enough to sell for what its order has not brought in. */
export async function canSellRest(parts: Parts, payout: PayoutRecord): Promise<boolean> {
  const limit = priceLimitOf(payout, 0);
  if (limit === null) return false;
  const { now, missing } = await readOffer(parts, payout, limit.price);
  return now.sells !== '0' && missing === '0';
}

/**
 * A person accepts a price: the one that the hold shows, or one that is as near to it as prices may move by themselves.
 * Money that is missing then has to be deposited first.
 */
export async function acceptPrice(parts: Parts, decision: Decision, price: string): Promise<DecisionOutcome> {
  const payout = await parts.store.payouts.getPayout(decision.payoutId);
  const { priceOffer, policy } = payout;
  if (priceOffer === null) return refuse('its hold names no price');
  const shown = priceOffer.now.price;
  if (!isWithinSlippage(price, shown, policy.maxSlippageBps)) {
    return refuse(`${price} is too far below the price that its hold shows, ${shown}`);
  }
  if (isBelowMinimum(payout, price, await readConverted(parts, payout))) {
    return refuse(`at ${price} it is below the minimum of the account`);
  }
  const { missing } = await readOffer(parts, payout, price);
  return parts.store.decisions.acceptPrice(decision, { price, missing });
}
