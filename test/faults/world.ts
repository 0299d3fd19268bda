/**
 * What is left of a seed when it is over, as the checker sees it: the simulator's journal and state, the store's rows,
 * Temporal's histories, and what callers were answered. Amounts are decimal strings, times milliseconds since 1970.
 */

/** What callers are told is an end, in words of the checker's own: the engine's table is among what is judged. */
const ENDS: readonly string[] = ['paid', 'failed', 'cancelled', 'expired', 'rejected', 'returned'];

export function isEnd(status: string): boolean {
  return ENDS.includes(status);
}

export const INVARIANT = {
  /** Per payout at most one payout at the provider that is not failed or cancelled; exactly one where it is paid. */
  PAID_ONCE: 'paidOnce',
  /** Per payout at most one order. */
  SOLD_ONCE: 'soldOnce',
  /** What is given up, or held for a person, has a reason that others than the engine can see. */
  HAS_A_REASON: 'hasAReason',
  /** Ledger, store and the provider's balances agree per currency, to the last digit. */
  MONEY_AGREES: 'moneyAgrees',
  /** Every accepted request comes to an end or is held, and an end stays. */
  COMES_TO_AN_END: 'comesToAnEnd',
  /** No money is believed to have moved before the API was read. */
  READ_BEFORE_BELIEVED: 'readBeforeBelieved',
  /** Same id and same content, same payout. */
  SAME_REQUEST_SAME_PAYOUT: 'sameRequestSamePayout',
  /** The API never contradicts the store. */
  API_TELLS_THE_STORE: 'apiTellsTheStore',
  /** Every history replays. */
  HISTORY_REPLAYS: 'historyReplays',
  /** No secret and no account number in logs, ids, search attributes and failures. */
  NOTHING_LEAKS: 'nothingLeaks',
  /** Money is sold at a price that the provider quoted within the last 30 s only. */
  PRICE_IS_FRESH: 'priceIsFresh',
  /** Nobody is paid but the recipient whom the caller named. */
  PAYS_THE_RECIPIENT: 'paysTheRecipient',
  /** No money leaves for a payout whose deposit was taken back. */
  PROVEN_WHEN_USED: 'provenWhenUsed',
  /** Nothing leaves while a brake is engaged, and none is engaged without cause. */
  BRAKES_HOLD: 'brakesHold',
  /** The seed was played to its end and left evidence: of nothing nothing can be wrong. */
  WAS_PLAYED: 'wasPlayed',
} as const;
export type Invariant = (typeof INVARIANT)[keyof typeof INVARIANT];
export const INVARIANTS = Object.values(INVARIANT);

export interface Violation {
  readonly invariant: Invariant;
  /** What it is about: a payout, a currency, a workflow. */
  readonly subject: string;
  readonly detail: string;
}

/** A violation of the invariant that is being looked at: its subject, and the detail. */
export type Finding = readonly [subject: string, detail: string];

export interface World {
  /** Ids of the payouts that the plan asks for; each of its requests can be carried out. */
  readonly planned: readonly string[];
  /** The engine was told that it may send anything again that it has proven absent (`RESEND_MAX_AMOUNT`). */
  readonly mayResend: boolean;
  /** Whom each payout is for: the account, by the payout's id. */
  readonly recipients: ReadonlyMap<string, string>;
  /** Ids of the deposits that the provider took back. */
  readonly takenBack: readonly string[];
  /** Kinds of brakes for which the plan gives cause. */
  readonly brakesWithCause: readonly string[];
  /** Temporal lost its database: what had ended before has no history. */
  readonly isTemporalLost: boolean;
  /** What the campaign waited for in vain when nothing went wrong any more. */
  readonly missing: readonly string[];
  readonly provider: ProviderWorld;
  readonly store: StoreWorld;
  readonly answers: readonly CallerAnswer[];
  readonly histories: readonly HistoryReading[];
  /** Where nothing secret may be: log lines, ids, search attributes, failures. */
  readonly texts: readonly PublicText[];
  /** The secrets, and the account numbers of recipients. */
  readonly canaries: readonly string[];
}

export interface ProviderWorld {
  readonly payouts: readonly ProviderPayout[];
  readonly orders: readonly ProviderOrder[];
  readonly transactions: readonly ProviderTransaction[];
  readonly balances: readonly { readonly currency: string; readonly amount: string }[];
  /** When a payout came to its end. */
  readonly ends: readonly {
    readonly providerPayoutId: string;
    readonly status: string;
    readonly atMs: number;
  }[];
  /** Deposits of which the engine was never told, whatever the provider tried. */
  readonly unannounced: readonly string[];
  readonly journal: readonly JournalEntry[];
  /** What another account carried out for the engine, by `externalOrderId`. */
  readonly sentElsewhere: readonly string[];
  /** The bid from each of these moments on, oldest first. */
  readonly bids: readonly { readonly sinceMs: number; readonly bid: string }[];
}

export interface ProviderPayout {
  readonly id: string;
  /** As it was sent, whatever the provider makes of it. */
  readonly externalOrderId: string;
  readonly currency: string;
  readonly amount: string;
  readonly fee: string;
  readonly status: string;
  /** The account that the request named. */
  readonly recipient: string | null;
}

export interface ProviderOrder {
  readonly id: string;
  readonly externalOrderId: string;
  readonly amount: string;
  readonly quoteAmount: string;
  readonly price: string;
}

export interface ProviderTransaction {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly currency: string;
  readonly net: string;
  readonly createdAtMs: number;
}

export interface JournalEntry {
  /** When it took effect, or was read. */
  readonly atMs: number;
  readonly endpoint: string;
  /** With its query. */
  readonly path: string;
  /** What the body names; null where it names none. */
  readonly externalOrderId: string | null;
  readonly status: number | null;
  readonly fault: string | null;
  readonly effects: readonly string[];
  /** Of the money that the body asks to move. */
  readonly currencies: readonly string[];
}

export interface StoreWorld {
  readonly payouts: readonly StorePayout[];
  readonly transitions: readonly {
    readonly payoutId: string;
    readonly status: string;
    readonly atMs: number;
  }[];
  readonly deposits: readonly StoreDeposit[];
  readonly attempts: readonly StoreAttempt[];
  readonly orders: readonly StoreOrder[];
  readonly requests: readonly StoreRequest[];
  readonly accounts: readonly StoreAccount[];
  /** Which deposits a payout lives on. */
  readonly allocations: readonly { readonly payoutId: string; readonly providerDepositId: string }[];
  readonly brakes: readonly StoreBrake[];
  /** Money of failed attempts that was booked as being back. */
  readonly returns: readonly { readonly balanceTransactionId: string; readonly atMs: number }[];
}

export interface StorePayout {
  readonly payoutId: string;
  readonly status: string;
  readonly holdReason: string | null;
  readonly providerPayoutId: string | null;
  readonly amount: string;
  readonly currency: string;
  /** What it asked to be funded with; null where the available balance funds it. */
  readonly deposit: { readonly address: string; readonly amount: string } | null;
}

export interface StoreDeposit {
  readonly depositKey: string;
  readonly providerDepositId: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly status: string;
  readonly verifiedAtMs: number;
}

export interface StoreAttempt {
  readonly externalOrderId: string;
  readonly payoutId: string;
  readonly providerPayoutId: string;
  readonly amount: string;
  readonly fee: string;
  readonly status: string;
}

export interface StoreOrder {
  readonly externalOrderId: string;
  readonly payoutId: string;
  readonly providerOrderId: string;
  readonly amount: string;
  readonly quoteAmount: string;
  /** When the ledger got what it moved; null where it has not. */
  readonly bookedAtMs: number | null;
}

export interface StoreRequest {
  readonly operation: string;
  readonly externalOrderId: string;
  readonly payoutId: string;
  readonly state: string;
  readonly sends: number;
}

export interface StoreAccount {
  readonly kind: string;
  readonly currency: string;
  readonly payoutId: string | null;
  /** Of what is owed to somebody: to whom. */
  readonly owner: string | null;
  readonly balance: string;
  /** The sum of its postings, on its normal side. */
  readonly posted: string;
}

export interface StoreBrake {
  readonly kind: string;
  /** null: nothing leaves at all. */
  readonly currency: string | null;
  readonly detail: string;
  readonly engagedAtMs: number;
  readonly releasedAtMs: number | null;
}

/** What a caller of the engine's API was answered, oldest first. */
export interface CallerAnswer {
  readonly atMs: number;
  /** conflict: a create request with the id of another one, and other content. */
  readonly kind: 'create' | 'conflict' | 'read' | 'cancel';
  readonly payoutId: string;
  /** 0 for a request to cancel that nobody answered. */
  readonly httpStatus: number;
  /** Of a payout; undefined for a problem. */
  readonly payout: AnsweredPayout | undefined;
}

/** The payouts of which a caller was answered that they exist: it may count on them. */
export function acceptedIds(answers: readonly CallerAnswer[]): readonly string[] {
  const accepted = answers.filter(({ kind, payout }) => kind === 'create' && payout !== undefined);
  return [...new Set(accepted.map(({ payoutId }) => payoutId))];
}

export interface AnsweredPayout {
  readonly payoutId: string;
  readonly status: string;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly deposit: { readonly address: string; readonly amount: string } | null;
  readonly providerPayoutId: string | null;
  readonly holdReason: string | null;
  /** Its deposit is there, all of it. */
  readonly isFunded: boolean;
}

export interface HistoryReading {
  readonly workflowId: string;
  /** Why it does not replay; null where it does. */
  readonly replayError: string | null;
  /**
   * Why it failed, timed out or was terminated; null where it did not. None of the engine's ends that way by itself, but
   * a reconciliation in an outage, whose next run is the retry.
   */
  readonly failure: string | null;
}

export interface PublicText {
  readonly where: string;
  readonly text: string;
}
