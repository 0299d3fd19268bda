import type { FailureType } from '../../domain/failure-type.js';
import type { AccountKind, EntryCause } from '../../domain/ledger.js';

/** What the store answers about money. Amounts are decimal strings, times are Dates. */

export interface LedgerPosting {
  readonly account: AccountKind;
  /** The payout whose funds the account is; null for all other kinds. */
  readonly payoutId: string | null;
  readonly currency: string;
  /** Positive: a debit. Negative: a credit. */
  readonly amount: string;
}

export interface LedgerEntry {
  /** A number that grows with every entry. */
  readonly entryId: string;
  readonly cause: EntryCause;
  /** With the cause unique. */
  readonly causeId: string;
  readonly fundingAccount: string;
  /** The payout that the entry is about; null for entries about none, or about several. */
  readonly payoutId: string | null;
  /** The key of the deposit that the entry is about. */
  readonly depositId: string | null;
  /** Name of the API key of the person who decided it; null where the engine did. */
  readonly actor: string | null;
  /** Numbers behind the entry that are no postings: estimated and executed price, and the like. Never personal data. */
  readonly details: Readonly<Record<string, string>>;
  readonly at: Date;
  readonly postings: readonly LedgerPosting[];
}

export interface LedgerListRequest {
  readonly limit: number;
  /** Entries after (older than) this one. */
  readonly startingAfter?: string | undefined;
  /** Entries before (newer than) this one. */
  readonly endingBefore?: string | undefined;
  readonly payoutId?: string | undefined;
  readonly depositId?: string | undefined;
  readonly currency?: string | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

export interface LedgerPage {
  /** Newest first. */
  readonly entries: readonly LedgerEntry[];
  /** True when there are more in the direction of reading. */
  readonly hasMore: boolean;
}

/** One currency's money in one funding account. */
export interface CurrencyBalance {
  readonly fundingAccount: string;
  readonly currency: string;
  readonly available: string;
  /** Funds of open payouts that were taken from the available balance. */
  readonly reserved: string;
  /** Funds of open payouts that were deposited for them. */
  readonly inPayouts: string;
  readonly unallocated: string;
  readonly returnPending: string;
  /** Moved outside of the engine. */
  readonly external: string;
  readonly rounding: string;
  /** Zero or negative. */
  readonly shortfall: string;
  /** What the provider holds according to the ledger. */
  readonly provider: string;
  /** What the provider itself said last; null before the first reading. */
  readonly reading: ProviderBalanceReading | null;
}

export interface ProviderBalanceReading {
  readonly available: string;
  readonly pending: string;
  readonly readAt: Date;
}

export const DEPOSIT_STATUS = {
  /** There, and not decided about yet. */
  VERIFIED: 'verified',
  /** Given to payouts or to the available balance. */
  ALLOCATED: 'allocated',
  /** Nobody's: waits for a person. */
  UNALLOCATED: 'unallocated',
} as const;
export type DepositStatus = (typeof DEPOSIT_STATUS)[keyof typeof DEPOSIT_STATUS];

/** A deposit whose money the provider has shown. */
export interface DepositRecord {
  /** The deposit's key: what paths and workflow ids name it by. */
  readonly depositId: string;
  readonly providerDepositId: string | null;
  readonly txHash: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly address: string | null;
  readonly status: DepositStatus;
  /** Why it is unallocated; stays when a person has assigned it later. */
  readonly unallocatedReason: FailureType | null;
  /** Empty while it is unallocated. */
  readonly allocations: readonly DepositAllocation[];
  readonly verifiedAt: Date;
  readonly decidedAt: Date | null;
}

export interface DepositAllocation {
  /** Null: to the available balance. */
  readonly payoutId: string | null;
  readonly amount: string;
  readonly matchedBy: 'declaredTransaction' | 'exactAmount' | 'person';
}

export interface DepositListRequest {
  readonly limit: number;
  readonly startingAfter?: string | undefined;
  readonly endingBefore?: string | undefined;
  readonly status?: DepositStatus | undefined;
}

export interface DepositPage {
  /** Newest first. */
  readonly deposits: readonly DepositRecord[];
  readonly hasMore: boolean;
}

/** Where a unallocated deposit goes: parts that add up to it exactly, or all of it to the available balance. */
export type Assignment = 'available' | readonly { readonly payoutId: string; readonly amount: string }[];
