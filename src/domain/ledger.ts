/**
 * The words of the double-entry ledger. Per currency and funding account there is one account of each kind, and one
 * of kind `payout` for every payout, and one of kind `owed` for every owner. A posting is signed: positive debits its account, negative credits it, and the
 * postings of an entry sum to zero per currency. `provider`, `return_pending` and `missing` say where the money is: debits
 * less credits. All others say whose it is: credits less debits.
 */
export const ACCOUNT_KIND = {
  /** What QbitPay holds for the account, available and pending. */
  PROVIDER: 'provider',
  /** Money that a provider payout took and that QbitPay has said it gives back, until it is there again. */
  RETURN_PENDING: 'return_pending',
  /** Deposits that QbitPay showed, and does not show any more, as long as nobody has borne that. */
  MISSING: 'missing',
  /** Nobody's but the house's: what payouts funded from the balance are paid from. */
  AVAILABLE: 'available',
  /**
   * What one owner of payouts is owed: what his deposits brought, and his payouts did not need or could not pay. Below zero
   * where one of these is carried out after all, and it is spent: then he owes it.
   */
  OWED: 'owed',
  /** Deposits that are there and belong to no payout. */
  UNALLOCATED: 'unallocated',
  /** The funds of one payout. */
  PAYOUT: 'payout',
  /** Money that moved outside of the engine: charges, the dashboard. */
  EXTERNAL: 'external',
  /** Parts below the smallest unit of a currency, which cannot be paid out. */
  ROUNDING: 'rounding',
  /** Passed through: credited with what payouts are charged, debited with what QbitPay took. */
  FEES: 'fees',
  /** Passed through: what orders sold and brought in. */
  CONVERSION: 'conversion',
  /** What was taken beyond the money of whoever it was taken for; never above zero. */
  SHORTFALL: 'shortfall',
} as const;
export type AccountKind = (typeof ACCOUNT_KIND)[keyof typeof ACCOUNT_KIND];

/** Why an entry was booked. With the id of its cause it is unique: nothing can be booked twice. */
export const ENTRY_CAUSE = {
  /** What the account held when the engine began to use it; the id is the currency. */
  OPENING_BALANCE: 'opening_balance',
  /** A verified deposit came in, unallocated at first; the id is the deposit's key. */
  DEPOSIT: 'deposit',
  /**
   * QbitPay does not show a deposit any more; it shows it again; or whoever had it has borne that. The id is the deposit's
   * and a number.
   */
  DEPOSIT_MISSING: 'deposit_missing',
  /** A deposit was given to payouts, to their owners what they do not need, or to the available balance; the id is the deposit's key. */
  ALLOCATION: 'allocation',
  /** A payout was given what its owner is owed, and money of the available balance; the id is the payout's. */
  RESERVATION: 'reservation',
  /** An order was filled; the id is its `externalOrderId`. */
  ORDER: 'order',
  /** QbitPay accepted a payout attempt, booked as it was expected to cost; the id is its `externalOrderId`. */
  PAYOUT: 'payout',
  /** What QbitPay really took differs from what was booked before; the id is the attempt's and a number. */
  PAYOUT_ADJUSTMENT: 'payout_adjustment',
  /**
   * QbitPay says that the attempt failed or was cancelled; the return of its money is pending. The id is the attempt's
   * and a number.
   */
  PAYOUT_FAILURE: 'payout_failure',
  /**
   * QbitPay carries the attempt out after all: what was booked as given back, or on its way, is taken again. The id is that
   * of the failure.
   */
  PAYOUT_FAILURE_REVERSED: 'payout_failure_reversed',
  /** Money of a failed attempt is there again, all of it or a part; the id is the balance transaction's. */
  RETURN: 'return',
  /** A payout that had ended is carried out after all, with the money that it had left; the id is the payout's and a number. */
  RECLAIM: 'reclaim',
  /** A payout ended, and what it had left is its owner's again, or the house's; the id is the payout's and a number. */
  RELEASE: 'release',
  /** Money moved outside of the engine; the id is the balance transaction's. */
  OUTSIDE: 'outside_activity',
  /** A person put the books right, with a reason; the id is the adjustment's. */
  ADJUSTMENT: 'adjustment',
} as const;
export type EntryCause = (typeof ENTRY_CAUSE)[keyof typeof ENTRY_CAUSE];

/** What persons put right in the books. */
export const ADJUSTMENT_KIND = {
  /** QbitPay took a fee of the account's own, which no transaction shows: the house bears it. */
  ACCOUNT_FEE: 'account_fee',
  /** QbitPay holds more, or less, than the ledger knows of: the difference is the house's. */
  CORRECTION: 'correction',
  /** Money that does not come: the rest of a return, which its payout bears; what an owner owes, or a shortfall, which the house makes good. */
  WRITE_OFF: 'write_off',
} as const;
export type AdjustmentKind = (typeof ADJUSTMENT_KIND)[keyof typeof ADJUSTMENT_KIND];
