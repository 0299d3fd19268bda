import type { PayoutRequest } from './payout-request.js';

/** The currency that `amount` is in. */
export function amountCurrency(
  request: Pick<PayoutRequest, 'amountMode' | 'currency' | 'fundingCurrency'>,
): string {
  return request.amountMode === 'send' ? request.fundingCurrency : request.currency;
}

/** True when no deposit has to be sold: what is deposited is what is paid out. */
export function isSameCurrency(request: Pick<PayoutRequest, 'currency' | 'fundingCurrency'>): boolean {
  return request.currency === request.fundingCurrency;
}
