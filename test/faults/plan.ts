import type { Crash } from './crash-points.js';

/** Everything that happens to the engine under one seed. The same seed makes the same plan, to the last digit. */
export interface Plan {
  readonly seed: number;
  readonly payouts: readonly PlannedPayout[];
  readonly providerFaults: readonly ProviderFault[];
  readonly webhookFaults: readonly WebhookFault[];
  readonly forgeries: readonly Forgery[];
  readonly crashes: readonly Crash[];
  readonly serverFaults: readonly ServerFault[];
  readonly prices: readonly PriceChange[];
  /** Up to this much is sent again by itself when it was proven absent. */
  readonly resendMaxAmount: '0' | 'CNY:1000000,USDT:1000000';
  readonly depositDeadlineSeconds: number;
  /** Free USDT before the first payout. */
  readonly openingBalance: string;
  readonly feeSide: 'added' | 'deducted';
  /** Where QbitPay has ways of its own, that no contract rules out; only some plans do. */
  readonly oddities?: Oddities;
  /** What happens to the whole account or to a server; only some plans have it. */
  readonly incidents?: Incidents;
}

/** Where it names a payout, that is its index, and it exists for the incident. */
export interface Incidents {
  /** QbitPay's clock is so far ahead, or, negative, behind. */
  readonly clockOffsetMs?: number;
  /** Its pages hold no more, whatever is asked for, and shift by what comes while they are read. */
  readonly pageSize?: number;
  /** A payout on its way that QbitPay does not show for a while. */
  readonly vanished?: number;
  /** A payout whose deposit QbitPay takes back before it is used. */
  readonly takenBack?: number;
  /** The processes are started with the key of another account, and later with the right one. */
  readonly anotherAccountAtMs?: number;
  readonly temporalLostAtMs?: number;
  /** A person stops everything, and lets it go on later. */
  readonly brakedAtMs?: number;
  /** Hundreds of signed events about a payout and about deposits that never came. */
  readonly flooded?: number;
}

export interface Oddities {
  /** What it makes of every `externalOrderId`. */
  readonly externalOrderIds: 'dropped' | 'cut' | 'lowerCase' | 'prefixed' | 'underscored';
  /** After so long a list shows what is there. */
  readonly visibleAfterMs: number;
  /** Refuses requests that it carries out. */
  readonly falseRefusals: readonly ProviderFault[];
  /** Index of the payout that its bank sends back after it was paid. */
  readonly sentBack: number;
}

export interface PlannedPayout {
  readonly index: number;
  readonly request: PayoutMix;
  readonly startsAtMs: number;
  /** How the deposit comes in; undefined where the available balance funds it. */
  readonly deposit: PlannedDeposit | undefined;
  /** Cancelled by its caller this long after it was opened. */
  readonly cancelAfterMs: number | undefined;
  /** Where it ends at the provider. */
  readonly outcome: 'paid' | 'failed' | 'cancelled' | 'stuck';
  /** The create request is sent again, so many times, at once. */
  readonly repeats: number;
  /** A request with the same id and other content follows. */
  readonly hasConflict: boolean;
}

export interface PayoutMix {
  readonly amount: string;
  readonly currency: 'CNY' | 'USDT';
  readonly amountMode: 'receive' | 'send';
  readonly funding: 'deposit' | 'balance';
}

export interface PlannedDeposit {
  /**
   * exact: what is asked for · silent: without a webhook · pending: confirmed later · split: in two parts, both
   * declared · excess: too much, declared · lie: first a notice without money · never: none comes ·
   * takenBack: see {@link Incidents}
   */
  readonly kind: 'exact' | 'silent' | 'pending' | 'split' | 'excess' | 'lie' | 'never' | 'takenBack';
  readonly delayMs: number;
}

export interface ProviderFault {
  readonly endpoint: string;
  readonly kind: string;
  readonly times: number;
  readonly delayMs?: number;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** The provider's own words. */
  readonly message?: string;
  /** Index of the payout whose request it strikes; any request of the endpoint without it. */
  readonly payout?: number;
}

export interface WebhookFault {
  readonly kind: 'webhookLost' | 'webhookDoubled' | 'webhookDelayed' | 'webhookHeld' | 'webhookStale';
  readonly eventType?: string;
  readonly delayMs?: number;
}

export interface Forgery {
  readonly type: 'payout.paid' | 'payout.failed' | 'deposit.confirmed';
  readonly signature: 'valid' | 'wrong' | 'none';
  readonly atMs: number;
  readonly payout: number;
}

export interface ServerFault {
  readonly server: 'temporal' | 'postgres';
  readonly atMs: number;
  readonly downMs: number;
}

export interface PriceChange {
  readonly atMs: number;
  readonly bid: string;
  readonly ask: string;
}
