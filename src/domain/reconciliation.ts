import type {
  BalanceTransactionStatus,
  BalanceTransactionType,
  ProviderOrderStatus,
  ProviderPayoutStatus,
  ProviderStatus,
} from './provider-status.js';

/** What the engine's store and the provider are compared by: see docs/operations.md, one section per kind of discrepancy. */

export interface DiscrepancyDescription {
  /** What is different, for anyone who reads it. */
  readonly meaning: string;
  /** What to do about it now. */
  readonly action: string;
}

const describe = (meaning: string, action: string): DiscrepancyDescription => ({ meaning, action });

/**
 * Every kind of discrepancy between the store and QbitPay. The API, the command and docs/operations.md show the same
 * words (a test keeps the page in step).
 */
const TABLE = {
  MISSING_AT_PROVIDER: describe(
    'QbitPay accepted this payout or order and does not show it any more.',
    'Ask QbitPay what became of the provider id, and pay nothing again before it has answered.',
  ),
  UNKNOWN_AT_PROVIDER: describe(
    'QbitPay has a payout or order whose externalOrderId the store does not know, or knows as never accepted.',
    'Find out who sent it: another system with the same key, or an engine whose store was restored to an earlier moment; stop the workers in the second case.',
  ),
  OUTCOME_NOT_RECORDED: describe(
    'A request was sent, no answer came into the store, and QbitPay has carried it out.',
    'Treat the money as moved: never send it again, and write down the provider id with the payout.',
  ),
  DUPLICATE_AT_PROVIDER: describe(
    'QbitPay has more than one payout or order with the same externalOrderId.',
    'Ask QbitPay at once to cancel the ones that the store does not have.',
  ),
  AMOUNT_DIFFERS: describe(
    'The store and QbitPay have different amounts for the same payout, order or deposit.',
    'Take the amount in the QbitPay dashboard for the true one, and ask QbitPay why it changed.',
  ),
  FEE_DIFFERS: describe(
    'The store and QbitPay have different fees for the same payout or order.',
    'Take the fee in the QbitPay dashboard for the true one, and compare it with the agreed rate.',
  ),
  STATUS_DIFFERS: describe(
    'The store and QbitPay say different things about how a payout or order ended, or only one of them knows of an end.',
    'Look at the payout in the QbitPay dashboard, and pay nothing again before both say the same.',
  ),
  DEPOSIT_UNSEEN: describe(
    'QbitPay shows a deposit that the store does not have.',
    'Wait for the next sync, which books it; if it is still there at the next run, see GET /v1/provider.',
  ),
  DEPOSIT_MISSING: describe(
    'The store has a deposit whose balance transaction QbitPay does not show any more.',
    'Ask QbitPay whether the deposit was taken back; until it has answered, do not pay out more from this account.',
  ),
  RETURN_OVERDUE: describe(
    'A payout failed or was cancelled, and its money has not come back into the store.',
    'Ask QbitPay for the return of the provider id, and pay again only under a new payoutId.',
  ),
  BALANCE_OFF: describe(
    'A balance at QbitPay is not what the ledger says, and nothing else in the report explains it.',
    'Compare the balance transactions in the QbitPay dashboard with the ledger, from the last clean run on.',
  ),
} satisfies Record<string, DiscrepancyDescription>;

export type DiscrepancyKind = keyof typeof TABLE;
export const DISCREPANCIES: Readonly<Record<DiscrepancyKind, DiscrepancyDescription>> = TABLE;
export const DISCREPANCY_KINDS = Object.keys(TABLE) as DiscrepancyKind[];
export const DISCREPANCY_KIND = Object.fromEntries(DISCREPANCY_KINDS.map((kind) => [kind, kind])) as {
  readonly [Kind in DiscrepancyKind]: Kind;
};

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

/** What a payout and an order have in common. */
export interface ObjectAtProvider<Status> {
  readonly id: string;
  readonly externalOrderId: string | undefined;
  readonly amount: string;
  readonly fee: string;
  readonly status: Status;
  readonly createdAtMs: number;
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
  readonly payouts: readonly (ObjectAtProvider<ProviderPayoutStatus> & { readonly currency: string })[];
  readonly orders: readonly (ObjectAtProvider<ProviderOrderStatus> & {
    readonly symbol: string;
    readonly quoteAmount: string;
  })[];
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
  }[];
  readonly deposits: readonly {
    readonly providerDepositId: string | null;
    readonly currency: string;
    readonly amount: string;
    readonly verifiedAtMs: number;
  }[];
  /** Balance transactions that are booked as outside activity. */
  readonly outsideTransactionIds: readonly string[];
  /** When the engine began to use the account, what it held then is its opening balance. */
  readonly openedAtMs: number;
  /** The transactions that were shown by then; those of long before are not among them. */
  readonly openingTransactionIds: readonly string[];
}
