/**
 * What QbitPay says of its objects, in our words. src/qbitpay translates; the store's columns, the API and the
 * workflows know only these.
 */

export const PROVIDER_PAYOUT_STATUS = {
  PENDING: 'pending',
  IN_TRANSIT: 'in_transit',
  PAID: 'paid',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  /** QbitPay used a word that the contract does not have. */
  UNKNOWN: 'unknown',
} as const;
export type ProviderPayoutStatus = (typeof PROVIDER_PAYOUT_STATUS)[keyof typeof PROVIDER_PAYOUT_STATUS];

export const PROVIDER_ORDER_STATUS = {
  PENDING: 'pending',
  FILLED: 'filled',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  UNKNOWN: 'unknown',
} as const;
export type ProviderOrderStatus = (typeof PROVIDER_ORDER_STATUS)[keyof typeof PROVIDER_ORDER_STATUS];

export type ProviderStatus = ProviderPayoutStatus | ProviderOrderStatus;

/** QbitPay gave the payout or the order up: it keeps no money of a payout, and an order sells no more. */
const FAILED_OR_CANCELLED = [PROVIDER_PAYOUT_STATUS.FAILED, PROVIDER_PAYOUT_STATUS.CANCELLED] as const;
export const ORDER_ENDS = [PROVIDER_ORDER_STATUS.FILLED, ...FAILED_OR_CANCELLED] as const;
const ENDS: readonly ProviderStatus[] = [PROVIDER_PAYOUT_STATUS.PAID, ...ORDER_ENDS];

export function isFailedOrCancelled(status: ProviderStatus): boolean {
  return (FAILED_OR_CANCELLED as readonly ProviderStatus[]).includes(status);
}

export function isEndAtProvider(status: ProviderStatus): boolean {
  return ENDS.includes(status);
}

export const BALANCE_TRANSACTION_TYPE = {
  DEPOSIT: 'deposit',
  ORDER: 'order',
  PAYOUT: 'payout',
  /** The money of a payout that failed, or was cancelled, is back. */
  PAYOUT_FAILURE: 'payout_failure',
  PAYOUT_CANCEL: 'payout_cancel',
  /** Nothing that the engine has brought about. */
  OTHER: 'other',
} as const;
export type BalanceTransactionType = (typeof BALANCE_TRANSACTION_TYPE)[keyof typeof BALANCE_TRANSACTION_TYPE];

export const BALANCE_TRANSACTION_STATUS = {
  PENDING: 'pending',
  AVAILABLE: 'available',
  UNKNOWN: 'unknown',
} as const;
export type BalanceTransactionStatus =
  (typeof BALANCE_TRANSACTION_STATUS)[keyof typeof BALANCE_TRANSACTION_STATUS];

/** What a balance transaction did to the object that is its source. */
export type Leg = 'deposit' | 'order' | 'payout' | 'return';

/** Undefined for money that moved without the engine. */
export function legOfType(type: BalanceTransactionType): Leg | undefined {
  switch (type) {
    case BALANCE_TRANSACTION_TYPE.DEPOSIT:
    case BALANCE_TRANSACTION_TYPE.ORDER:
    case BALANCE_TRANSACTION_TYPE.PAYOUT:
      return type;
    case BALANCE_TRANSACTION_TYPE.PAYOUT_FAILURE:
    case BALANCE_TRANSACTION_TYPE.PAYOUT_CANCEL:
      return 'return';
    case BALANCE_TRANSACTION_TYPE.OTHER:
      return undefined;
  }
}
