/**
 * The life of a payout. This table is the only place that says which transitions are legal: the store's
 * trigger, the API's filters and the workflow all use it.
 */
export const PAYOUT_STATUS = {
  /** Accepted; its deposit address, or its place in the queue for the available balance, is not known yet. */
  OPENING: 'opening',
  /** The caller knows the address and amount; the deposit has not been verified and allocated yet. */
  AWAITING_DEPOSIT: 'awaiting_deposit',
  /** The available balance does not suffice yet. */
  AWAITING_BALANCE: 'awaiting_balance',
  /** Funded; the deposit is being sold for the payout currency. */
  CONVERTING: 'converting',
  /** The payout currency is there; the payout is being created at the provider. */
  PAYING: 'paying',
  /** The provider accepted the payout and has not settled it yet. */
  IN_TRANSIT: 'in_transit',
  /** The provider's API says that the recipient has been paid. */
  PAID: 'paid',
  /** Refused or failed for good. */
  FAILED: 'failed',
  /** Cancelled before the money left, by the caller or by the provider. */
  CANCELLED: 'cancelled',
  /** No deposit came before the deadline. */
  EXPIRED: 'expired',
  /** Never opened: the request cannot be carried out as it is. */
  REJECTED: 'rejected',
  /** It was paid, and the bank has sent it back: all of it is there, or the rest is written off. */
  RETURNED: 'returned',
  /** A person has to decide; the hold reason says what. */
  HELD: 'held',
} as const;
export type PayoutStatus = (typeof PAYOUT_STATUS)[keyof typeof PAYOUT_STATUS];

const S = PAYOUT_STATUS;

/** Nobody works on a payout in these any more. Facts may still come: see {@link LEGAL_TRANSITIONS}. */
export const FINAL_STATUSES: readonly PayoutStatus[] = [
  S.PAID,
  S.FAILED,
  S.CANCELLED,
  S.EXPIRED,
  S.REJECTED,
  S.RETURNED,
];

/**
 * From each status, the statuses that may follow. An end is left by what QbitPay shows alone: the bank sent a paid one
 * back, or one that had ended otherwise is carried out after all.
 */
export const LEGAL_TRANSITIONS: Readonly<Record<PayoutStatus, readonly PayoutStatus[]>> = {
  [S.OPENING]: [S.AWAITING_DEPOSIT, S.AWAITING_BALANCE, S.REJECTED, S.CANCELLED, S.HELD],
  [S.AWAITING_DEPOSIT]: [S.CONVERTING, S.PAYING, S.EXPIRED, S.CANCELLED, S.FAILED, S.HELD],
  [S.AWAITING_BALANCE]: [S.CONVERTING, S.PAYING, S.CANCELLED, S.FAILED, S.HELD],
  [S.CONVERTING]: [S.PAYING, S.CANCELLED, S.FAILED, S.HELD],
  [S.PAYING]: [S.IN_TRANSIT, S.CANCELLED, S.FAILED, S.HELD],
  [S.IN_TRANSIT]: [S.PAID, S.FAILED, S.CANCELLED, S.HELD],
  [S.HELD]: [
    S.OPENING,
    S.AWAITING_DEPOSIT,
    S.AWAITING_BALANCE,
    S.CONVERTING,
    S.PAYING,
    S.IN_TRANSIT,
    S.PAID,
    S.FAILED,
    S.CANCELLED,
  ],
  [S.PAID]: [S.RETURNED],
  [S.FAILED]: [S.IN_TRANSIT],
  [S.CANCELLED]: [S.IN_TRANSIT],
  [S.EXPIRED]: [S.IN_TRANSIT],
  [S.REJECTED]: [S.IN_TRANSIT],
  [S.RETURNED]: [S.IN_TRANSIT],
};

/** In these a payout has its money, or is about to have it, and has not sent it. */
export const UNSENT_STATUSES: readonly PayoutStatus[] = [S.AWAITING_DEPOSIT, S.CONVERTING, S.PAYING];

export const PAYOUT_STATUSES = Object.values(PAYOUT_STATUS);

export function canTransition(from: PayoutStatus, to: PayoutStatus): boolean {
  return LEGAL_TRANSITIONS[from].includes(to);
}

/** True for an end. */
export function isFinalStatus(status: PayoutStatus): boolean {
  return FINAL_STATUSES.includes(status);
}
