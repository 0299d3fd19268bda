import type { FailureType } from '../../domain/failure-type.js';
import type { AmountMode, Funding, PayoutRequest } from '../../domain/payout-request.js';
import type { PayoutStatus } from '../../domain/payout-status.js';
import type { ProviderOrderStatus, ProviderPayoutStatus } from '../../domain/provider-status.js';
import type { FeeTerms, ProviderMinimum } from '../../domain/quote.js';

/** What the store knows of a payout. Amounts are decimal strings, times are Dates. */
export interface PayoutRecord {
  readonly payoutId: string;
  /** Keyed hash of the normalised request: the same id with another hash is another payout. */
  readonly requestHash: string;
  /** The first run of the workflow that opened this payout; a Temporal reset keeps it. */
  readonly firstExecutionRunId: string;
  /** Names the API call that started the workflow, so that one caller only is told "created". */
  readonly openRequestId: string | null;
  /** Name of the API key that asked for the payout, or `unknown`. */
  readonly maker: string;
  readonly request: PayoutRequest;
  readonly amount: string;
  readonly currency: string;
  readonly amountMode: AmountMode;
  readonly fundingCurrency: string;
  readonly funding: Funding;
  readonly status: PayoutStatus;
  /** Why the payout is held, or what it waits for at the moment; null when all is well. */
  readonly holdReason: FailureType | null;
  /** Why the payout ended without paying. */
  readonly failure: { readonly type: FailureType; readonly message: string } | null;
  /** What is worth a look without keeping the payout from going on. */
  readonly flags: readonly FailureType[];
  /** Null for a payout that was never opened, or that the available balance funds. */
  readonly deposit: PayoutDepositRecord | null;
  readonly feeTerms: FeeTerms | null;
  /** The bid that the amounts were computed with; null where nothing is sold. */
  readonly estimatedPrice: string | null;
  /** The account's minimum for payouts when this one opened. */
  readonly minimum: ProviderMinimum | null;
  /** The number of the order, and of the provider payout, that is being made. */
  readonly orderAttempt: number;
  readonly payoutAttempt: number;
  /** What a held payout was doing. */
  readonly heldFrom: PayoutStatus | null;
  readonly order: OrderRecord | null;
  readonly providerPayout: ProviderPayoutRecord | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface PayoutDepositRecord {
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  /** The unique amount that is expected. */
  readonly amount: string;
  readonly received: string;
  readonly expiresAt: Date;
}

/** An order as the provider's answer states it. */
export interface OrderRecord {
  readonly externalOrderId: string;
  readonly providerOrderId: string;
  readonly symbol: string;
  /** Sold, in the funding currency. */
  readonly amount: string;
  readonly price: string;
  /** Brought in, before the fee, in the payout currency. */
  readonly quoteAmount: string;
  readonly fee: string;
  readonly status: ProviderOrderStatus;
}

/** A payout attempt as the provider's answer states it. */
export interface ProviderPayoutRecord {
  readonly externalOrderId: string;
  readonly providerPayoutId: string;
  readonly currency: string;
  /** What the engine asked for. */
  readonly postAmount: string;
  /** What the recipient gets, as the provider's answer says. */
  readonly recipientAmount: string;
  readonly fee: string;
  readonly status: ProviderPayoutStatus;
}

export interface TimelineEntry {
  readonly status: PayoutStatus;
  readonly at: Date;
  readonly detail: string;
}

export interface PayoutPage {
  readonly payouts: readonly PayoutRecord[];
  /** True when there are more in the direction of reading. */
  readonly hasMore: boolean;
}

export interface PayoutListRequest {
  readonly limit: number;
  /** Payouts after (older than) this one. */
  readonly startingAfter?: string | undefined;
  /** Payouts before (newer than) this one. */
  readonly endingBefore?: string | undefined;
  readonly status?: PayoutStatus | undefined;
}

/** Thrown by lists when the cursor names no payout. */
export class UnknownCursorError extends Error {
  override readonly name = 'UnknownCursorError';
  readonly field: 'starting_after' | 'ending_before';

  constructor(field: 'starting_after' | 'ending_before') {
    super(`${field} names no payout`);
    this.field = field;
  }
}

export const DECLARATION_OUTCOME = {
  DECLARED: 'declared',
  /** Another payout declared the same transaction. */
  DECLARED_ELSEWHERE: 'declaredElsewhere',
  /** The payout has ended; money for it would be unallocated. */
  PAYOUT_ENDED: 'payoutEnded',
  /** The payout expects no deposit. */
  FUNDED_FROM_BALANCE: 'fundedFromBalance',
  UNKNOWN_PAYOUT: 'unknownPayout',
} as const;
export type DeclarationOutcome = (typeof DECLARATION_OUTCOME)[keyof typeof DECLARATION_OUTCOME];
