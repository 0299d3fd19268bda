import type { FaultKind } from './fault-kinds.js';

/**
 * What the simulator stores. Amounts and prices are plain decimal strings; times are ISO strings where the wire
 * shows them and milliseconds since the epoch where a timer uses them. Records are replaced, never changed in place.
 */

export interface StoredRecord {
  readonly id: string;
}

interface CreatedRecord extends StoredRecord {
  readonly createdAt: string;
}

export interface BalanceRecord extends StoredRecord {
  /** The currency: an account has one balance for each. */
  readonly id: string;
  readonly balanceId: string;
  readonly available: string;
  readonly pending: string;
}

export interface BalanceTransactionRecord extends CreatedRecord {
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
  readonly forgotten?: boolean;
}

/** The last time a price was quoted; the id is symbol, side and price. */
export interface QuoteRecord extends StoredRecord {
  readonly symbol: string;
  readonly quotedAt: number;
}

export interface OrderRecord extends CreatedRecord {
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly amount: string;
  readonly price: string;
  /** What was executed at that price; with the fee, all that moved. */
  readonly quoteAmount: string;
  readonly fee: string;
  readonly status: 'filled' | UnfilledStatus;
  readonly externalOrderId: string | undefined;
  /** The API shows it no more. */
  readonly forgotten?: boolean;
}

export const UNFILLED_STATUSES = ['cancelled', 'failed'] as const;
type UnfilledStatus = (typeof UNFILLED_STATUSES)[number];

export const PAYOUT_STATUSES = ['pending', 'inTransit', 'paid', 'cancelled', 'failed'] as const;
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];

export const PAYOUT_OUTCOMES = ['paid', 'failed', 'cancelled', 'stuck'] as const;
/** Where a payout ends when it moves by itself; `stuck` stays in transit. */
export type PayoutOutcome = (typeof PAYOUT_OUTCOMES)[number];

export interface PayoutRecord extends CreatedRecord {
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
  /** Its money came back. */
  readonly returned?: boolean;
  /** The API shows it no more; it moves on all the same. */
  readonly forgotten?: boolean;
  /** What the API shows instead of the truth, where an overwrite said so. */
  readonly shown?: Partial<Pick<PayoutRecord, 'amount' | 'fee' | 'status'>>;
}

export interface DepositRecord extends CreatedRecord {
  readonly currency: string;
  readonly amount: string;
  readonly addr: string | null;
  readonly txHash: string;
  readonly status: 'pending' | 'confirmed';
  readonly confirmations: number;
  readonly notify: boolean;
  /** The amount that the notice claims, when it differs. */
  readonly announcedAmount: string | undefined;
  /** Null for a notice that lies: no money moved. */
  readonly balanceTransactionId: string | null;
  readonly confirmAt: number | null;
}

export const CHARGE_STATUSES = [
  'pending',
  'buyerPaid',
  'sellerConfirmed',
  'closed',
  'cancelled',
  'dispute',
] as const;

export interface ChargeRecord extends CreatedRecord {
  readonly currency: string;
  readonly amount: string;
  readonly status: (typeof CHARGE_STATUSES)[number];
  readonly externalOrderId: string | undefined;
}

/** What a control call ordered for the requests, events or objects that come next. */
export interface RuleRecord extends StoredRecord {
  /** How often it still applies. */
  readonly remaining: number;
}

export interface PayoutOutcomeRecord extends RuleRecord {
  readonly outcome: PayoutOutcome;
  /** The requested amount; compared as numbers. */
  readonly amount: string | undefined;
  /** The `bankAccountNum` or `addr` of the destination. */
  readonly destination: string | undefined;
  readonly externalOrderId: string | undefined;
}

export interface OrderOutcomeRecord extends RuleRecord {
  readonly status: UnfilledStatus;
  /** How much of the amount is executed before, in the base currency. */
  readonly filled: string;
  readonly externalOrderId: string | undefined;
}

export interface FaultRecord extends RuleRecord {
  readonly kind: FaultKind;
  readonly endpoint: string | null;
  readonly eventType: string | null;
  readonly externalOrderId: string | null;
  readonly status: number | undefined;
  readonly message: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly wrapped: boolean;
  readonly delayMs: number | undefined;
}

export interface DeliveryAttempt {
  readonly at: string;
  /** The receiver's status, or null when none arrived. */
  readonly status: number | null;
  readonly error?: string;
  /** True for copies and re-sends, which are not part of the retry schedule. */
  readonly extra: boolean;
}

/**
 * waiting: there was no webhook URL · scheduled: sent now or at `nextAttemptAt` · held: a fault keeps it until it is
 * released · acknowledged: a 2xx came · abandoned: all retries failed · lost: never sent, by a fault · manual: forged,
 * sent by control calls only.
 */
export type DeliveryState =
  'waiting' | 'scheduled' | 'held' | 'acknowledged' | 'abandoned' | 'lost' | 'manual';

export interface EventRecord extends CreatedRecord {
  readonly type: string;
  readonly livemode: boolean;
  /** The object the event is about. */
  readonly subject: { readonly kind: 'payout' | 'deposit'; readonly id: string } | null;
  /** What the object looked like then, as JSON text. */
  readonly data: string;
  /** A URL of its own and no retries, for the test event. */
  readonly targetUrl?: string;
  readonly delivery: DeliveryState;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptAt: number | null;
}

export interface JournalRecord extends StoredRecord {
  /** The sequence, from 1. */
  readonly id: string;
  readonly at: string;
  /** When it took effect, or what it shows was read: later than `at` by what it had to wait. */
  readonly servedAt: string;
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
