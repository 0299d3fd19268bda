import type { FaultKind } from './fault-kinds.js';

/**
 * What the simulator stores. Amounts and prices are plain decimal strings; times are ISO strings where the wire
 * shows them and milliseconds since the epoch where a timer uses them. Records are replaced, never changed in place.
 */

export interface SettingsRecord {
  readonly id: 'settings';
  /** Whether a payout's fee is added to the requested amount or deducted from it (contract, "Payouts"). */
  readonly feeSide: 'added' | 'deducted';
  readonly webhookUrl: string | null;
  readonly webhookAlgorithm: 'md5' | 'hmac-sha256';
  readonly livemode: boolean;
  /** In `manual`, payouts move only by control calls. */
  readonly settlement: 'automatic' | 'manual';
  /** Milliseconds a payout stays `pending`, and again `inTransit`. */
  readonly settleAfterMs: number;
  /** Multiplies the 15 minutes between two deliveries of an event. */
  readonly webhookTimeScale: number;
  /** How often an event is sent again after a failed first delivery. */
  readonly webhookRetries: number;
  /** Milliseconds a ticker price may be used in an order. */
  readonly quoteValidityMs: number;
  /** Milliseconds until a new payout or order can be read back. */
  readonly visibleAfterMs: number;
  /** `hidden`: deposits move `available` but show no balance transaction. */
  readonly depositTransactions: 'shown' | 'hidden';
  /** Milliseconds every API request waits before it is served; by endpoint where named. */
  readonly latencyMs: number;
  readonly latencyByEndpoint: Readonly<Record<string, number>>;
  /** The fee really taken for a new payout; null takes what the rate says, which is an estimate at the provider. */
  readonly payoutFee: string | null;
  /** How much less than it should a new payout delivers, and takes from the balance; null nothing. */
  readonly deliverLess: string | null;
  /** In `manual`, the money of a failed or cancelled payout comes back by control calls only. */
  readonly returns: 'immediate' | 'manual';
  /** Whether an immediate return brings the fee back too. */
  readonly returnFees: boolean;
  readonly feeRates: Readonly<Record<'payout' | 'pay' | 'withdrawToken' | 'trade', string>>;
  /** `limit.payout` of the account: the minimum of a payout, in its own currency. */
  readonly payoutLimit: { readonly currency: string; readonly min: string };
  readonly wallets: readonly { readonly currency: string; readonly addr: string }[];
  readonly prices: Readonly<Record<string, { readonly bid: string; readonly ask: string }>>;
}

export interface BalanceRecord {
  /** The currency: an account has one balance for each. */
  readonly id: string;
  readonly balanceId: string;
  readonly available: string;
  readonly pending: string;
}

export interface BalanceTransactionRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly availableOn: string;
  readonly currency: string;
  /** Positive when money comes in; `net` is `amount` minus `fee`. */
  readonly amount: string;
  readonly fee: string;
  readonly net: string;
  readonly type: 'charge' | 'payout' | 'payout_cancel' | 'payout_failure' | 'deposit' | 'order';
  readonly source: string;
  readonly status: 'pending' | 'available';
  readonly description: string;
  /** The API shows it no more; the balance stays as it moved. */
  readonly forgotten?: boolean | undefined;
}

/** The last time a price was quoted; the id is symbol, side and price. */
export interface QuoteRecord {
  readonly id: string;
  readonly symbol: string;
  readonly quotedAt: number;
}

export interface OrderRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly amount: string;
  readonly price: string;
  /** What was executed at that price; with the fee, all that moved. */
  readonly quoteAmount: string;
  readonly fee: string;
  readonly externalOrderId?: string | undefined;
  /** How it ended before all of `amount` was executed; without it, it is filled. */
  readonly unfilled?: UnfilledStatus | undefined;
  /** The API shows it no more. */
  readonly forgotten?: boolean | undefined;
}

export const UNFILLED_STATUSES = ['cancelled', 'failed'] as const;
export type UnfilledStatus = (typeof UNFILLED_STATUSES)[number];

export const PAYOUT_STATUSES = ['pending', 'inTransit', 'paid', 'cancelled', 'failed'] as const;
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];

export const PAYOUT_OUTCOMES = ['paid', 'failed', 'cancelled', 'stuck'] as const;
/** Where a payout ends when it moves by itself; `stuck` stays in transit. */
export type PayoutOutcome = (typeof PAYOUT_OUTCOMES)[number];

export interface PayoutRecord {
  readonly id: string;
  readonly createdAt: string;
  /** What the recipient receives, after the fee side was applied. */
  readonly amount: string;
  readonly fee: string;
  readonly currency: string;
  readonly description?: string | undefined;
  readonly externalOrderId?: string | undefined;
  readonly status: PayoutStatus;
  readonly arrivalDate: string;
  readonly destinationId: string;
  readonly destination: Readonly<Record<string, string>>;
  readonly outcome: PayoutOutcome;
  /** When it moves by itself; null in manual settlement and at an end. */
  readonly advanceAt: number | null;
  /** The API shows it no more; it moves on all the same. */
  readonly forgotten?: boolean | undefined;
  /** What the API shows instead of the truth, where an overwrite said so. */
  readonly shown?: ShownPayout | undefined;
}

export interface ShownPayout {
  readonly amount?: string | undefined;
  readonly fee?: string | undefined;
  readonly status?: PayoutStatus | undefined;
}

export interface OutcomeRuleRecord {
  readonly id: string;
  readonly outcome: PayoutOutcome;
  /** The requested amount; compared as numbers. */
  readonly amount?: string | undefined;
  /** The `bankAccountNum` or `addr` of the destination. */
  readonly destination?: string | undefined;
  readonly externalOrderId?: string | undefined;
  /** How many payouts it still applies to. */
  readonly remaining: number;
}

export interface OrderOutcomeRuleRecord {
  readonly id: string;
  readonly status: UnfilledStatus;
  /** How much of the amount is executed before, in the base currency. */
  readonly filled: string;
  readonly externalOrderId?: string | undefined;
  /** How many orders it still applies to. */
  readonly remaining: number;
}

export interface DepositRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly currency: string;
  readonly amount: string;
  readonly addr: string | null;
  readonly txHash: string;
  readonly status: 'pending' | 'confirmed';
  readonly confirmations: number;
  /** False: the notice lies, no money moves. */
  readonly money: boolean;
  readonly notify: boolean;
  /** The amount that the notice claims, when it differs. */
  readonly announcedAmount?: string | undefined;
  readonly balanceTransactionId: string | null;
  readonly confirmAt: number | null;
}

export interface ChargeRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly currency: string;
  readonly amount: string;
  readonly status: 'pending' | 'buyerPaid' | 'sellerConfirmed' | 'closed' | 'cancelled' | 'dispute';
  readonly externalOrderId?: string | undefined;
}

export interface DeliveryAttempt {
  readonly at: string;
  /** The receiver's status, or null when none arrived. */
  readonly status: number | null;
  readonly error?: string | undefined;
  /** True for copies and re-sends, which are not part of the retry schedule. */
  readonly extra: boolean;
}

/**
 * waiting: no webhook URL yet · scheduled: will be sent at `nextAttemptAt` · held: until released ·
 * acknowledged: a 2xx came · abandoned: all retries failed · lost: never sent, by a fault · manual: forged, sent by control calls only.
 */
export type DeliveryState =
  'waiting' | 'scheduled' | 'held' | 'acknowledged' | 'abandoned' | 'lost' | 'manual';

export interface EventRecord {
  readonly id: string;
  readonly createdAt: string;
  readonly type: string;
  readonly livemode: boolean;
  /** The object the event is about; `overlay` is what it looked like then. */
  readonly subject: { readonly kind: 'payout' | 'deposit'; readonly id: string } | null;
  readonly overlay: { readonly status?: string; readonly arrivalDate?: string; readonly amount?: string };
  /** The data of an event without a subject, as JSON text. */
  readonly inlineData?: string | undefined;
  /** A URL of its own and no retries, for the test event. */
  readonly targetUrl?: string | undefined;
  readonly delivery: DeliveryState;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptAt: number | null;
}

export interface FaultRecord {
  readonly id: string;
  readonly kind: FaultKind;
  readonly endpoint: string | null;
  readonly eventType: string | null;
  readonly externalOrderId: string | null;
  readonly remaining: number;
  readonly status?: number | undefined;
  readonly message?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly wrapped: boolean;
  readonly delayMs?: number | undefined;
}

export interface JournalRecord {
  /** The sequence, from 1. */
  readonly id: string;
  readonly at: string;
  /** When it took effect, or what it shows was read: later than `at` by what it had to wait. */
  readonly servedAt?: string | undefined;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly endpoint: string | null;
  /** The body as it was sent. */
  readonly requestBody: string | null;
  /** The status answered; null when no answer was sent. */
  readonly status: number | null;
  readonly fault: string | null;
  readonly effects: readonly string[];
}
