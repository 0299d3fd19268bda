import { randomBytes } from 'node:crypto';
import { destination } from './destination.js';
import * as fields from './fields.js';
import { choice, type Fields, flag, looseAmount, optional, type Shape, text, withDefault } from './fields.js';

/**
 * What the simulator stores, and the fields of the requests that make it. Amounts and prices are plain decimal strings;
 * times are ISO strings where the wire shows them and milliseconds since the epoch where a timer uses them. Records are
 * replaced, never changed in place.
 */
export interface StoredRecord {
  readonly id: string;
  readonly createdAt?: string;
  /** When something happens to it by itself; null for never. */
  readonly dueAt?: number | null;
}

/** A new id in the provider's form: 24 hexadecimal digits. */
export const newId = (): string => randomBytes(12).toString('hex');

type Created<S extends Shape> = StoredRecord & Readonly<Fields<S>> & { readonly createdAt: string };

const externalOrderId = optional(text);
export const moneyFields = { currency: fields.currencyCode, amount: looseAmount };

/** Its id is the currency: an account has one balance for each. */
export interface BalanceRecord extends StoredRecord {
  readonly balanceId: string;
  readonly available: string;
  readonly pending: string;
}

export interface BalanceTransactionRecord extends StoredRecord {
  readonly createdAt: string;
  readonly currency: string;
  /** Positive when money comes in; `net` is `amount` minus `fee`. */
  readonly amount: string;
  readonly availableOn: string;
  /** `charge`, `payout`, `payout_cancel`, `payout_failure`, `deposit`, `order`, or what a control call says. */
  readonly type: string;
  readonly source: string;
  readonly status: 'pending' | 'available';
  readonly description: string;
  readonly fee: string;
  readonly net: string;
}

export const orderFields = {
  symbol: text,
  side: choice(['buy', 'sell']),
  amount: fields.amount,
  price: optional(fields.amount),
  externalOrderId,
};
export interface OrderRecord extends Created<typeof orderFields> {
  readonly type: 'market';
  readonly price: string;
  /** What was executed at that price; with the fee, all that moved. */
  readonly quoteAmount: string;
  readonly fee: string;
  readonly status: 'filled' | Fields<typeof orderOutcomeFields>['status'];
}

export const PAYOUT_STATUSES = ['pending', 'inTransit', 'paid', 'cancelled', 'failed'] as const;
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];
/** Where a payout ends by itself; `stuck` stays in transit. */
export type PayoutOutcome = Fields<typeof payoutOutcomeFields>['outcome'];

export const payoutFields = {
  amount: fields.amount,
  currency: fields.currencyCode,
  destination,
  description: optional(text),
  externalOrderId,
};
/** Its `amount` is what the recipient receives, after the fee side was applied. */
export interface PayoutRecord extends Created<typeof payoutFields> {
  readonly fee: string;
  readonly status: PayoutStatus;
  readonly arrivalDate: string;
  readonly destinationId: string;
  readonly outcome: PayoutOutcome;
  /** What came back of it since it was given up. */
  readonly returned?: { readonly amount: string; readonly fee: string };
}

export const depositFields = {
  currency: fields.currencyCode,
  amount: fields.exactAmount,
  txHash: optional(text),
  pendingMs: optional(fields.integer(0, 86_400_000)),
  confirm: optional(flag),
  money: withDefault(flag, true),
  notify: withDefault(flag, true),
  announcedAmount: optional(looseAmount),
};
export interface DepositRecord extends Created<typeof depositFields> {
  readonly addr: string | null;
  readonly txHash: string;
  readonly confirmations: number;
  readonly status: 'pending' | 'confirmed';
  /** Null for a notice that lies: no money moved. */
  readonly balanceTransactionId: string | null;
}

const CHARGE_STATUSES = [
  'pending',
  'buyerPaid',
  'sellerConfirmed',
  'closed',
  'cancelled',
  'dispute',
] as const;
export const chargeFields = {
  status: withDefault(choice(CHARGE_STATUSES), 'closed'),
  ...moneyFields,
  externalOrderId,
};
export type ChargeRecord = Created<typeof chargeFields> & { readonly paid: boolean };

/** What the API shows of the object with this id, other than the truth. */
export interface DisguiseRecord extends StoredRecord {
  readonly forgotten?: boolean;
  readonly shown?: object;
}

/** What a control call ordered for the requests, events or objects that come next, and how often it still applies. */
export interface RuleRecord extends StoredRecord {
  readonly remaining: number;
}
export type Rule<S extends Shape> = RuleRecord & Readonly<Fields<S>>;

export const payoutOutcomeFields = {
  outcome: choice(['paid', 'failed', 'cancelled', 'stuck']),
  /** The requested amount; compared as numbers. */
  amount: optional(looseAmount),
  /** The `bankAccountNum` or `addr` of the destination. */
  destination: optional(text),
  externalOrderId,
};

export const orderOutcomeFields = {
  status: choice(['cancelled', 'failed']),
  /** How much of the amount is executed before, in the base currency. */
  filled: withDefault(fields.looseDecimal, '0'),
  externalOrderId,
};

export interface DeliveryAttempt {
  readonly at: string;
  /** The receiver's status, or null when none arrived. */
  readonly status: number | null;
  readonly error?: string;
  /** True for copies and re-sends, which are not part of the retry schedule. */
  readonly extra: boolean;
}

export interface EventRecord extends StoredRecord {
  readonly createdAt: string;
  readonly type: string;
  readonly livemode: boolean;
  readonly subject: { readonly kind: 'payout' | 'deposit'; readonly id: string } | null;
  /** What the subject looked like then, as JSON text. */
  readonly data: string;
  /** A URL of its own and no retries, for the test event. */
  readonly targetUrl?: string;
  /** How often it is sent at first. */
  readonly copies?: number;
  /** waiting: for a URL · held: until it is released · lost: by a fault · manual: forged, sent by control calls only. */
  readonly delivery: 'waiting' | 'scheduled' | 'held' | 'acknowledged' | 'abandoned' | 'lost' | 'manual';
  readonly attempts: readonly DeliveryAttempt[];
}

/** Its id is its sequence, from 1. `servedAt`: when it took effect, or what it shows was read. */
export interface JournalRecord extends StoredRecord {
  readonly at: string;
  readonly servedAt: string;
  readonly method: string;
  readonly path: string;
  readonly endpoint: string | null;
  readonly requestBody: string | null;
  /** Null when no answer was sent. */
  readonly status: number | null;
  readonly fault: string | null;
  readonly effects: readonly string[];
}
