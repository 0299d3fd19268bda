import type { DepositProof } from '../src/store/deposits/deposit-intake.js';
import type { OpenPayout } from '../src/store/payouts/open-payouts.js';
import type { SeenStore } from '../src/store/controls/seen-store.js';
import type { Store } from '../src/store/store.js';
import type { FeeSide } from '../src/domain/quote.js';
import type { AmountLimits } from '../src/domain/amount-limits.js';
import type { QbitPayClient } from '../src/qbitpay/client.js';

/** What activities work with; put together in src/bin only. */
export interface ActivityDependencies {
  readonly store: Store;
  readonly qbitpay: QbitPayClient;
  readonly settings: ActivitySettings;
  readonly payoutRuns: PayoutRuns;
  readonly supervision: SupervisionSettings;
  /** What this process has seen of the store. */
  readonly seen: SeenStore;
  /** Aborted when the process is to stop: what runs for ever ends, for another process to go on with it. */
  readonly stopping: AbortSignal;
}

/** What Temporal runs for payouts. */
export interface PayoutRuns {
  /** The status that the running workflow of each payout shows; those that none runs for are left out. */
  readonly readShown: (payoutIds: readonly string[]) => Promise<ReadonlyMap<string, string | undefined>>;
  /** False where one runs. */
  readonly start: (payout: OpenPayout) => Promise<boolean>;
  /** Tells a workflow that something stands in the store that it has not seen. */
  readonly signal: (hint: {
    readonly payoutId: string;
    readonly signal: string;
  }) => Promise<'taken' | 'notRunning' | 'limitReached'>;
}

export interface ReconciliationSettings {
  /** How young a thing may be to be under way instead of different, in seconds. */
  readonly graceSeconds: number;
}

export interface SyncSettings {
  /** From the start of one sync to the start of the next. */
  readonly intervalMs: number;
  /** How far beyond what is known a deep reading goes: objects may show late, below newer ones. */
  readonly overlapSeconds: number;
  /** Shown beside what is asked; null where there is no limit. */
  readonly maxRequestsPerSecond: number | null;
}

export interface SupervisionSettings {
  /** How long nothing was written to a payout before its workflow is looked for. */
  readonly minimumAgeSeconds: number;
  /** The pause between two looks at all open payouts. */
  readonly intervalMs: number;
}

export interface ActivitySettings {
  readonly feeSide: FeeSide;
  /** Network of the account's address, by currency. */
  readonly networks: Readonly<Record<string, string>>;
  /** Address of the wallet that deposits go to, by currency, where the account has several. */
  readonly depositAddresses: Readonly<Record<string, string>>;
  readonly depositProof: DepositProof;
  /** Others pay from the account as well, under ids of their own. */
  readonly isAccountShared: boolean;
  /** The most that a payout may be about, by currency. */
  readonly maxPayoutAmounts: AmountLimits;
  /** How far a price may be from the last one that a payout was opened with, in basis points a day. */
  readonly maxPriceChangeBps: number;
  /** How many digits tell a payout's deposit from others. */
  readonly depositTailDigits: number;
  /** So many of the last 20 answers in a currency may not be as expected before its brake is engaged. */
  readonly brakeAfterDifferences: number;
  readonly reconciliation: ReconciliationSettings;
  readonly sync: SyncSettings;
  /** A request that was proven absent is sent again by itself up to this. */
  readonly resendLimits: AmountLimits;
}
