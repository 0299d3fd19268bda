import {
  addAmounts,
  compareAmounts,
  divide,
  isSameInCurrency,
  multiply,
  roundDownToCurrency,
  roundUpToCurrency,
  smallestUnit,
  subtractAmounts,
  type Money,
} from './money.js';
import { isSameCurrency } from './currency-pair.js';
import { AMOUNT_MODE, type PayoutRequest } from './payout-request.js';

/**
 * What a payout costs at a price: the amounts of the deposit, the order and the provider's payout.
 * Fees are estimates from the account's rates; the provider's answer is the truth.
 */

/** Who bears the provider's fee (contract, section Payouts): [I] a setting, the reference contradicts itself. */
export const FEE_SIDE = {
  /** The recipient gets the POST amount, the fee is taken on top. */
  ADDED: 'added',
  /** The fee is taken off the POST amount. */
  DEDUCTED: 'deducted',
} as const;
export type FeeSide = (typeof FEE_SIDE)[keyof typeof FEE_SIDE];

export interface FeeTerms {
  readonly side: FeeSide;
  /** `feeRates.payout`, as a fraction: "0.005" is half a percent. */
  readonly payoutRate: string;
  /** `feeRates.trade`, as a fraction of what an order brings in. */
  readonly tradeRate: string;
}

/** The fee that the provider will take for a POST of this amount, rounded up to the currency. */
export function estimateFee(postAmount: string, currency: string, terms: FeeTerms): string {
  return roundUpToCurrency(multiply(postAmount, terms.payoutRate), currency);
}

/** What a POST of this amount is expected to take: the recipient's part, and the fee. */
export function expectedDebit(
  postAmount: string,
  currency: string,
  terms: FeeTerms,
): { readonly amount: string; readonly fee: string } {
  const fee = estimateFee(postAmount, currency, terms);
  return { amount: terms.side === FEE_SIDE.ADDED ? postAmount : subtractAmounts(postAmount, fee), fee };
}

/** What a POST of this amount takes from the balance in the payout currency. */
export function costOfPayout(postAmount: string, currency: string, terms: FeeTerms): string {
  return terms.side === FEE_SIDE.ADDED
    ? addAmounts(postAmount, estimateFee(postAmount, currency, terms))
    : postAmount;
}

/**
 * The POST amount that gives the recipient at least `recipientAmount`, which is in whole smallest units as the POST amount is:
 * the fee, rounded up, then takes none of it.
 */
export function postAmountToReceive(recipientAmount: string, currency: string, terms: FeeTerms): string {
  const before =
    terms.side === FEE_SIDE.ADDED
      ? recipientAmount
      : divide(recipientAmount, subtractAmounts('1', terms.payoutRate));
  return roundUpToCurrency(before, currency);
}

/** The largest POST amount whose cost these funds cover. */
export function postAmountFromFunds(funds: string, currency: string, terms: FeeTerms): string {
  if (terms.side === FEE_SIDE.DEDUCTED) return roundDownToCurrency(funds, currency);
  const postAmount = roundDownToCurrency(divide(funds, addAmounts('1', terms.payoutRate)), currency);
  // Funds may be finer than the currency: the fee, rounded up, can take the cost one smallest unit over them.
  return compareAmounts(costOfPayout(postAmount, currency, terms), funds) > 0
    ? subtractAmounts(postAmount, smallestUnit(currency))
    : postAmount;
}

/** How much of the funding currency has to be sold at `bid` to bring in `proceeds` after the order's fee. */
export function amountToSell(
  proceeds: string,
  bid: string,
  pair: Pick<PayoutRequest, 'currency' | 'fundingCurrency'>,
  terms: FeeTerms,
): string {
  let gross = proceeds;
  if (compareAmounts(terms.tradeRate, '0') !== 0) {
    const beforeFee = divide(proceeds, subtractAmounts('1', terms.tradeRate));
    // One smallest unit more, because the order's own fee is rounded up.
    gross = addAmounts(roundUpToCurrency(beforeFee, pair.currency), smallestUnit(pair.currency));
  }
  return roundUpToCurrency(divide(gross, bid), pair.fundingCurrency);
}

/** What selling `amount` at `bid` brings in after the order's fee, rounded down. */
export function proceedsOfSale(amount: string, bid: string, currency: string, terms: FeeTerms): string {
  const gross = roundDownToCurrency(multiply(amount, bid), currency);
  return subtractAmounts(gross, roundUpToCurrency(multiply(gross, terms.tradeRate), currency));
}

/** What earlier orders of a payout, ended before they were filled, have done already. */
export interface Converted {
  /** In the funding currency. */
  readonly sold: string;
  /** What the payout has in the payout currency. */
  readonly proceeds: string;
}

const NOTHING_CONVERTED: Converted = { sold: '0', proceeds: '0' };

/** True when no order, or no further one, has to be placed: what is there in the payout currency is all it takes. */
export function isConverted(request: PayoutRequest, terms: FeeTerms, done: Converted): boolean {
  return compareAmounts(missingPart(request, terms, done), '0') === 0;
}

/** Of the amount to be sold or, in receive mode, of the proceeds. */
function missingPart(request: PayoutRequest, terms: FeeTerms, done: Converted): string {
  if (isSameCurrency(request)) return '0';
  if (request.amountMode === AMOUNT_MODE.SEND) return unsold(request, done);
  return missingProceeds(request, terms, done.proceeds);
}

/** How much of its deposit a payout sells at `bid`, after what is done already; "0" when nothing has to be sold. */
export function saleFor(
  request: PayoutRequest,
  bid: string,
  terms: FeeTerms,
  done: Converted = NOTHING_CONVERTED,
): string {
  const missing = missingPart(request, terms, done);
  if (compareAmounts(missing, '0') === 0) return '0';
  return request.amountMode === AMOUNT_MODE.SEND ? missing : amountToSell(missing, bid, request, terms);
}

/** What is left of the amount to be spent, rounded down: never more than the amount is sold. */
function unsold({ amount, fundingCurrency }: PayoutRequest, { sold }: Converted): string {
  return compareAmounts(sold, amount) < 0
    ? roundDownToCurrency(subtractAmounts(amount, sold), fundingCurrency)
    : '0';
}

/** What the payout costs beyond these proceeds, rounded up: with it the cost is always covered. */
function missingProceeds({ amount, currency }: PayoutRequest, terms: FeeTerms, proceeds: string): string {
  const cost = costOfPayout(postAmountToReceive(amount, currency, terms), currency, terms);
  return compareAmounts(proceeds, cost) < 0
    ? roundUpToCurrency(subtractAmounts(cost, proceeds), currency)
    : '0';
}

/** The POST amount of a payout whose funds in the payout currency are `funds`. */
export function postAmountFor(request: PayoutRequest, funds: string, terms: FeeTerms): string {
  return request.amountMode === AMOUNT_MODE.RECEIVE
    ? postAmountToReceive(request.amount, request.currency, terms)
    : postAmountFromFunds(funds, request.currency, terms);
}

/** The POST amount to expect when what has to be sold is sold at `bid`: what the account's minimum is held against. */
export function estimatedPostAmount(
  request: PayoutRequest,
  bid: string,
  terms: FeeTerms,
  done: Converted = NOTHING_CONVERTED,
): string {
  const funds = isSameCurrency(request)
    ? request.amount
    : addAmounts(
        done.proceeds,
        proceedsOfSale(saleFor(request, bid, terms, done), bid, request.currency, terms),
      );
  return postAmountFor(request, funds, terms);
}

/**
 * The deposit to ask for, before the tail that makes it unique. In receive mode it covers a price worse by
 * `maxSlippageBps` basis points; in send mode exactly the amount is spent, whatever the price.
 */
export function depositFor(
  request: PayoutRequest,
  bid: string,
  terms: FeeTerms,
  maxSlippageBps: number,
): string {
  if (request.amountMode === AMOUNT_MODE.SEND) {
    return roundUpToCurrency(request.amount, request.fundingCurrency);
  }
  if (isSameCurrency(request)) {
    const postAmount = postAmountToReceive(request.amount, request.currency, terms);
    return costOfPayout(postAmount, request.currency, terms);
  }
  const withSlippage = multiply(
    saleFor(request, bid, terms),
    divide(String(10_000 + maxSlippageBps), 10_000),
  );
  return roundUpToCurrency(withSlippage, request.fundingCurrency);
}

/**
 * Whether a POST amount reaches the account's minimum, converted at `bid` where the minimum is in the funding
 * currency; undefined when the two cannot be compared.
 */
export function reachesMinimum(
  postAmount: string,
  request: Pick<PayoutRequest, 'currency' | 'fundingCurrency'>,
  bid: string,
  minimum: Money,
): boolean | undefined {
  if (minimum.currency === request.currency) return compareAmounts(postAmount, minimum.amount) >= 0;
  if (minimum.currency === request.fundingCurrency) {
    return compareAmounts(divide(postAmount, bid), minimum.amount) >= 0;
  }
  return undefined;
}

/**
 * What a payout from the available balance takes, in the order of preference: the payout currency directly, else
 * `fundingAmount` of the funding currency, to be sold. In send mode exactly the amount is spent.
 */
export function balanceNeeds(
  request: PayoutRequest,
  fundingAmount: string,
  terms: FeeTerms,
): readonly Money[] {
  const toSell = { currency: request.fundingCurrency, amount: fundingAmount };
  if (isSameCurrency(request) || request.amountMode === AMOUNT_MODE.SEND) return [toSell];
  const postAmount = postAmountToReceive(request.amount, request.currency, terms);
  return [{ currency: request.currency, amount: costOfPayout(postAmount, request.currency, terms) }, toSell];
}

/**
 * True where an object of QbitPay's moves what was asked for: with the fee beside its amount or in it, whichever side
 * QbitPay takes it from. What is below the smallest unit is no difference.
 */
export function isAmountOf(
  { amount, fee }: { readonly amount: string; readonly fee: string },
  asked: Money,
): boolean {
  return [amount, addAmounts(amount, fee)].some((one) => isSameInCurrency(one, asked.amount, asked.currency));
}
