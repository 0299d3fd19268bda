import type {
  CurrencyBalance,
  DepositListRequest,
  DepositPage,
  DepositRecord,
  LedgerEntry,
  LedgerListRequest,
  LedgerPage,
} from '../store/ledger/ledger-records.js';
import type {
  DeclarationOutcome,
  PayoutListRequest,
  PayoutPage,
  PayoutRecord,
  TimelineEntry,
} from '../store/payouts/payout-records.js';
import type { PayoutRequest } from '../domain/payout-request.js';

/** What the API needs of the store. */
export interface ApiStore {
  readonly payouts: {
    find(payoutId: string): Promise<PayoutRecord | undefined>;
    /** Newest first. @throws UnknownCursorError */
    list(request: PayoutListRequest): Promise<PayoutPage>;
    /** Oldest first. */
    timeline(payoutId: string): Promise<readonly TimelineEntry[]>;
  };
  readonly deposits: {
    /** `txHash` is normalised already. */
    declareTransaction(declaration: {
      readonly payoutId: string;
      readonly txHash: string;
      readonly actor: string;
    }): Promise<DeclarationOutcome>;
    find(depositId: string): Promise<DepositRecord | undefined>;
    /** `txHash` is normalised already. */
    findOfTransaction(txHash: string): Promise<readonly DepositRecord[]>;
    /** Newest first. @throws UnknownCursorError */
    list(request: DepositListRequest): Promise<DepositPage>;
  };
  readonly ledger: {
    /** Newest first. @throws UnknownCursorError */
    list(request: LedgerListRequest): Promise<LedgerPage>;
    balances(): Promise<readonly CurrencyBalance[]>;
    /** Oldest first. */
    postingsOf(payoutId: string): Promise<readonly LedgerEntry[]>;
  };
  /** Equal for requests that ask for the same payout. */
  hashRequest(request: PayoutRequest): Promise<string>;
  ping(): Promise<void>;
}
