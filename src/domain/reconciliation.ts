import type {
  BalanceTransactionStatus,
  BalanceTransactionType,
  ProviderOrderStatus,
  ProviderPayoutStatus,
  ProviderStatus,
} from './provider-status.js';

/** What the engine's store and the provider are compared by: see docs/operations.md, one section per kind of discrepancy. */

export const DISCREPANCY_KIND = {
  /** The store has a payout or order that the provider accepted once and does not show. */
  MISSING_AT_PROVIDER: 'MISSING_AT_PROVIDER',
  /** The provider has a payout or order with an externalOrderId that the store lacks. */
  UNKNOWN_AT_PROVIDER: 'UNKNOWN_AT_PROVIDER',
  /** The provider has a payout or order for an attempt whose outcome the store does not know. */
  OUTCOME_NOT_RECORDED: 'OUTCOME_NOT_RECORDED',
  /** The provider has more than one payout or order with the same externalOrderId. */
  DUPLICATE_AT_PROVIDER: 'DUPLICATE_AT_PROVIDER',
  AMOUNT_DIFFERS: 'AMOUNT_DIFFERS',
  FEE_DIFFERS: 'FEE_DIFFERS',
  STATUS_DIFFERS: 'STATUS_DIFFERS',
  /** The provider shows a deposit that the store does not have. */
  DEPOSIT_UNSEEN: 'DEPOSIT_UNSEEN',
  /** The store has a deposit whose balance transaction the provider does not show any more. */
  DEPOSIT_MISSING: 'DEPOSIT_MISSING',
  /** The provider said that a payout failed or was cancelled, and its money has not come back. */
  RETURN_OVERDUE: 'RETURN_OVERDUE',
  /** A currency's balance is not what the ledger and everything above explain. */
  BALANCE_OFF: 'BALANCE_OFF',
} as const;
export type DiscrepancyKind = (typeof DISCREPANCY_KIND)[keyof typeof DISCREPANCY_KIND];

export const DISCREPANCY_KINDS = Object.values(DISCREPANCY_KIND);

export interface Discrepancy {
  readonly kind: DiscrepancyKind;
  readonly object: 'payout' | 'order' | 'deposit' | 'balance';
  readonly currency: string;
  /** Null where it concerns none of the store's payouts. */
  readonly payoutId: string | null;
  readonly externalOrderId: string | null;
  /** The provider's ids of what differs: one, several for duplicates, none for balances. */
  readonly providerIds: readonly string[];
  /** What the store says: an amount, a status; null when it has nothing. */
  readonly store: string | null;
  /** What the provider says. */
  readonly provider: string | null;
  /** Milliseconds of Unix time from which on it has been so. */
  readonly sinceMs: number;
}

/** Money that moved without the engine: booked to `external`, listed, no discrepancy. */
export interface OutsideActivity {
  readonly balanceTransactionId: string;
  readonly type: string;
  readonly currency: string;
  /** Signed, with the fee: what it did to the balance. */
  readonly net: string;
  readonly createdAtMs: number;
}

/** One currency to the last digit. */
export interface BalanceComparison {
  readonly currency: string;
  /** The ledger's provider account. */
  readonly ledger: string;
  /** The provider's available and pending together. */
  readonly provider: string;
  /** What is explained: under way between the two, or part of another discrepancy. */
  readonly explained: string;
  /** provider − ledger − explained: zero when all is well. */
  readonly off: string;
}

export interface ReconciliationReport {
  readonly ranAtMs: number;
  /** Objects of the provider older than this were not read; balances always cover everything. */
  readonly sinceMs: number;
  readonly clean: boolean;
  readonly discrepancies: readonly Discrepancy[];
  /** Found by this run and booked to `external`. */
  readonly outside: readonly OutsideActivity[];
  /** Younger than the grace time, or waiting for an answer: looked at again by the next run. */
  readonly inFlight: number;
  readonly balances: readonly BalanceComparison[];
  readonly compared: {
    readonly payouts: number;
    readonly orders: number;
    readonly deposits: number;
    readonly balanceTransactions: number;
  };
}

/**
 * What the provider says, read page by page while its balances stood still: everything since the start of the window,
 * and what the reading margin in reconcile.ts asks for before that.
 */
export interface ProviderSnapshot {
  readonly balances: readonly {
    readonly currency: string;
    readonly available: string;
    readonly pending: string;
  }[];
  readonly payouts: readonly {
    readonly id: string;
    readonly externalOrderId: string | undefined;
    readonly currency: string;
    readonly amount: string;
    readonly fee: string;
    readonly status: ProviderPayoutStatus;
    readonly createdAtMs: number;
  }[];
  readonly orders: readonly {
    readonly id: string;
    readonly externalOrderId: string | undefined;
    readonly symbol: string;
    readonly amount: string;
    readonly quoteAmount: string;
    readonly fee: string;
    readonly status: ProviderOrderStatus;
    readonly createdAtMs: number;
  }[];
  /** Oldest first: in the order in which outside activity is to be booked. */
  readonly transactions: readonly {
    readonly id: string;
    readonly type: BalanceTransactionType;
    /** QbitPay's word. */
    readonly typeText: string;
    readonly source: string | undefined;
    readonly currency: string;
    /** Signed: what it does to the balance. */
    readonly net: string;
    readonly status: BalanceTransactionStatus;
    readonly createdAtMs: number;
  }[];
}

/** What the store says, in one snapshot taken after the provider's. */
export interface StoreSnapshot {
  /** The ledger's provider account, by currency. */
  readonly balances: readonly { readonly currency: string; readonly provider: string }[];
  /** Payout attempts and orders that may have reached the provider (provider request no longer merely prepared). */
  readonly attempts: readonly {
    readonly operation: 'payout' | 'order';
    readonly externalOrderId: string;
    readonly payoutId: string;
    readonly providerRequest:
      'prepared' | 'sending' | 'accepted' | 'refused' | 'not_sent' | 'retry_later' | 'unknown';
    readonly requestChangedAtMs: number;
    /** What the provider answered; null while no answer is in the store. */
    readonly answer: {
      readonly providerId: string;
      /** Payout: what the recipient gets. Order: what was sold. */
      readonly amount: string;
      /** Payout: currency paid out. Order: currency sold. */
      readonly currency: string;
      /** Order only: what it brought in, before the fee. */
      readonly quoteAmount: string | null;
      readonly fee: string;
      /** As it was read last. */
      readonly status: ProviderStatus;
      /** When the answer came into the store. */
      readonly recordedAtMs: number;
      /** When the provider was last read about it: never before `recordedAtMs`, and after an end no more. */
      readonly readAtMs: number;
      /**
       * What the ledger has booked for it on the provider account, signed, by currency; empty while nothing is booked
       * (an order that is not filled).
       */
      readonly booked: readonly { readonly currency: string; readonly net: string }[];
      /** Payout: when its money was booked as being back; null while it is not. */
      readonly returnedAtMs: number | null;
      readonly returned: string | null;
    } | null;
    /** The payout's own status in the store. */
    readonly payoutStatus: string;
  }[];
  readonly deposits: readonly {
    readonly depositId: string;
    readonly providerDepositId: string | null;
    readonly currency: string;
    readonly amount: string;
    readonly verifiedAtMs: number;
  }[];
  /** Balance transactions that are booked as outside activity. */
  readonly outsideTransactionIds: readonly string[];
  /** When the engine began to use the account, what it held then is its opening balance. */
  readonly openedAtMs: number;
}
