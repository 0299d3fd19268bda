import type { ColumnType, Generated, GeneratedAlways, JSONColumnType, Selectable } from 'kysely';
import type { BrakeKind } from '../domain/brake.js';
import type { Destination } from '../domain/destination.js';
import type { FailureType } from '../domain/failure-type.js';
import type { AccountKind, EntryCause } from '../domain/ledger.js';
import type { AmountMode, DepositMatch, Funding } from '../domain/payout-request.js';
import type { PayoutStatus } from '../domain/payout-status.js';
import type { PayoutPolicy } from '../domain/policy.js';
import type { ProviderOrderStatus, ProviderPayoutStatus } from '../domain/provider-status.js';
import type { FeeSide } from '../domain/quote.js';
import type { RequestReason } from '../domain/request-reason.js';
import type { CaseKey } from '../domain/comparison.js';
import type { PriceOffer } from '../domain/price-offer.js';
import type { ReconciliationReport } from '../domain/reconciliation.js';

/** The tables of the store as kysely sees them; migrations/ holds what PostgreSQL sees. Amounts are numeric, read as strings. */
export interface StoreSchema {
  engine_settings: { name: string; value: string };
  reference_prices: {
    symbol: string;
    bid: string;
    believed_at: Timestamp;
    candidate: string | null;
    candidate_since: Date | null;
  };
  brakes: {
    brake_id: Generated<string>;
    kind: BrakeKind;
    /** Null: of all. */
    currency: string | null;
    /** What was seen, or why a person engaged it. */
    detail: string;
    engaged_by: string;
    engaged_at: Timestamp;
    released_by: string | null;
    released_at: Date | null;
    release_reason: string | null;
  };
  account_wallets: {
    currency: string;
    address: string;
    first_seen_at: Timestamp;
    /** Since when the account does not show it. */
    gone_at: Date | null;
  };
  legal_payout_transitions: { from_status: PayoutStatus; to_status: PayoutStatus };
  payouts: PayoutTable;
  payout_timeline: {
    entry_id: Generated<string>;
    payout_id: string;
    status: PayoutStatus;
    detail: string;
    at: Timestamp;
  };
  expected_deposits: {
    funding_account: Generated<string>;
    currency: string;
    amount: string;
    payout_id: string;
    rests_until: Date | null;
  };
  declared_transactions: { tx_hash: string; payout_id: string; declared_by: string; declared_at: Timestamp };
  deposits: DepositTable;
  deposit_allocations: {
    deposit_id: string;
    /** Null: what no payout needs; its owner is owed it, and where there is none it is available. */
    payout_id: string | null;
    owner: string | null;
    amount: string;
    matched_by: 'declaredTransaction' | 'exactAmount' | 'person';
    allocated_at: Timestamp;
  };
  deposit_notices: DepositNoticeTable;
  ledger_accounts: {
    account_id: Generated<string>;
    funding_account: string;
    currency: string;
    kind: AccountKind;
    payout_id: string | null;
    /** Of what is owed to somebody: to whom. */
    owner: string | null;
    debits: Generated<string>;
    credits: Generated<string>;
    /** Computed by the database, by the account's normal side. */
    balance: Generated<string>;
    account_key: Generated<string>;
  };
  ledger_entries: {
    entry_id: Generated<string>;
    cause: EntryCause;
    cause_id: string;
    funding_account: string;
    /** The payout that the entry is about; null for entries about none, or about several. */
    payout_id: string | null;
    deposit_id: string | null;
    /** Name of the API key of the person who decided it; null where the engine did. */
    actor: string | null;
    details: JSONColumnType<Readonly<Record<string, string>>>;
    at: Timestamp;
  };
  ledger_postings: { entry_id: string; line: number; account_id: string; amount: string };
  payout_destinations: {
    destination_id: GeneratedAlways<string>;
    payout_id: string;
    /** The first attempt that goes there. */
    payout_attempt: number;
    destination: JSONColumnType<Destination>;
    decided_by: string;
    decided_at: Timestamp;
  };
  provider_requests: ProviderRequestTable;
  provider_answers: {
    answer_id: Generated<string>;
    operation: RequestOperation;
    external_order_id: string;
    sends: number;
    received_at: Timestamp;
    verdict: string;
    http_status: number | null;
    provider_id: string | null;
    named_external_order_id: string | null;
    currency: string | null;
    amount: string | null;
    words: string | null;
  };
  provider_orders: {
    external_order_id: string;
    payout_id: string;
    provider_order_id: string;
    symbol: string;
    /** Sold, in the funding currency. */
    amount: string;
    price: string;
    /** Brought in, before the fee, in the payout currency. */
    quote_amount: string;
    fee: string;
    status: ProviderOrderStatus;
    recorded_at: Timestamp;
    /** When the provider's API said last what stands here. */
    read_at: Timestamp;
  };
  provider_payouts: {
    external_order_id: string;
    payout_id: string;
    provider_payout_id: string;
    currency: string;
    /** What the engine asked for. */
    post_amount: string;
    /** What the recipient gets, as the provider's answer says. */
    recipient_amount: string;
    fee: string;
    status: ProviderPayoutStatus;
    /** What the ledger holds as taken. */
    booked_amount: Generated<string>;
    booked_fee: Generated<string>;
    /** Amount and fee were as expected when it was accepted; null: its answer says nothing of them. */
    is_expected: Generated<boolean | null>;
    adjustments: Generated<number>;
    /** How many times the provider said that it had failed or was cancelled, as far as that is booked. */
    failures: Generated<number>;
    /** What is booked as on its way back. */
    return_pending: Generated<string>;
    /** All that came back, with the fee where that came back. */
    returned_amount: string | null;
    /** When something of it came back last; null while nothing has. */
    returned_at: Date | null;
    /** Of what came back, what is the recipient's after all. */
    retaken_amount: Generated<string>;
    recorded_at: Timestamp;
    /** When the provider's API said last what stands here. */
    read_at: Timestamp;
  };
  /** Currencies in which an answer was as expected, by the side of the fee. */
  fee_proofs: { currency: string; fee_side: FeeSide };
  provider_sync: {
    only_row: Generated<boolean>;
    generation: Generated<string>;
    sync_no: Generated<string>;
    began_at: Date | null;
    completed_at: Date | null;
    /** QbitPay's clock less ours. */
    clock_skew_ms: number | null;
    max_requests_per_second: number | null;
    /** When the last sync began that has ended, complete or not. */
    tried_at: Date | null;
    /** Why that one is not complete. */
    problem: string | null;
    /** When the opening balance was written; null: not yet. */
    opened_at: Date | null;
  };
  provider_lists: {
    kind: ObjectKind;
    is_offered: Generated<boolean>;
    has_shown: Generated<boolean>;
    backfill_cursor: string | null;
    backfilled_at: Date | null;
    /** When the last reading that came to its end began. */
    completed_at: Date | null;
    /** The same of readings that went on beyond what is known. */
    overlap_read_at: Date | null;
    problem: string | null;
    /** Since when all of the list is wished to be read anew, until it is. */
    reread_from: Date | null;
    reread_cursor: string | null;
  };
  provider_objects: ProviderObjectTable;
  sync_wishes: {
    wish_id: Generated<string>;
    reason: string;
    /** Null: a sync of everything. */
    kind: ObjectKind | null;
    provider_id: string | null;
    wished_at: Timestamp;
  };
  workflow_hints: {
    payout_id: string;
    signal: HintSignal;
    hint_no: Generated<string>;
    /** The workflow has the signal, and has not read what it is about. */
    delivered_at: Date | null;
    /** Temporal gives the workflow no more signals. */
    refused_at: Date | null;
  };
  provider_request_counts: { minute: Date; reason: RequestReason; operation: string; requests: number };
  provider_balance_readings: {
    funding_account: string;
    currency: string;
    available: string;
    pending: string;
    read_at: Date;
    /** By how much it was below the ledger when nothing moved last. */
    short: Generated<string>;
    /** How much of that a brake has named. */
    short_named: Generated<string>;
    /** Of the transactions that showed before, the ledger has all. */
    posted_until: Date | null;
  };
  reconciliation_reports: {
    report_id: Generated<string>;
    ran_at: Date;
    clean: boolean;
    report: JSONColumnType<ReconciliationReport>;
    open_cases: JSONColumnType<readonly CaseKey[]>;
  };
  webhook_inbox: WebhookInboxTable;
  payout_decisions: {
    payout_id: string;
    /** The caller's key with a hash of the content; without a key, the id of the Temporal update. Unique within a payout. */
    operation_id: string;
    action: string;
    actor: string;
    reason: string;
    at: Timestamp;
  };
}

export type PayoutRow = Selectable<PayoutTable>;
export type DepositRow = Selectable<DepositTable>;
export type DepositNoticeRow = Selectable<DepositNoticeTable>;

/** Filled by the database when left out. */
type Timestamp = ColumnType<Date, Date | undefined>;

/** What the workflow of a payout is told; what happened stands in the store. */
export type HintSignal = 'payoutEvent' | 'depositAllocated' | 'balanceReleased' | 'brakeReleased';

/** The lists of QbitPay that the mirror keeps. */
export const OBJECT_KIND = { PAYOUT: 'payout', ORDER: 'order', TRANSACTION: 'transaction' } as const;
export type ObjectKind = (typeof OBJECT_KIND)[keyof typeof OBJECT_KIND];

interface ProviderObjectTable {
  kind: ObjectKind;
  provider_id: string;
  external_order_id: string | null;
  source: string | null;
  /** Of a transaction, in our words. */
  type: string | null;
  status: string | null;
  currency: string | null;
  amount: string | null;
  /** As it was read, without personal data. */
  content: JSONColumnType<object>;
  /** What of it cannot be read: such an object is shown, and moves nothing. */
  problem: string | null;
  /** Why its money could not be booked. */
  booking_problem: string | null;
  is_open: boolean;
  /** When its payout was resumed, or a webhook announced its end: a reading from before is no answer. */
  awaited_since: Date | null;
  /** It is of a payout of ours, and nobody has posted it as it is now. */
  is_unread: Generated<boolean>;
  /** Of a payout or an order: its id says that this store has sent it, and it has not. Null: not judged yet. */
  is_unexplained: boolean | null;
  /** Null: it was not seen beside another one of its request. */
  is_duplicate_named: boolean | null;
  first_seen_at: Timestamp;
  read_at: Date;
  changed_at: Date;
  missing_since: Date | null;
  /** The requests that a person said it is none of, by their `external_order_id`. */
  disowned_for: Generated<string[]>;
}

interface PayoutTable {
  payout_id: string;
  /** Order of creation: what lists are sorted and paged by. */
  sequence: Generated<string>;
  /** Keyed hash of the normalised request: the same id with another hash is another payout. */
  request_hash: string;
  /** Name of the API key that asked for the payout, or `unknown`. */
  maker: string;
  /** Whose payout it is. */
  owner: string;
  /** By which waits it is carried out, whatever the settings are by then. */
  policy: JSONColumnType<PayoutPolicy>;
  /** The workflow runs that claimed it: the last one carries it, and none of the others sends anything any more. */
  run_ids: Generated<string[]>;
  /** How many runs have claimed it; counted by the database. */
  epoch: Generated<number>;
  funding_account: Generated<string>;
  funding: Generated<Funding>;
  /** What is worth a look without keeping the payout from going on. */
  flags: Generated<FailureType[]>;
  amount: string;
  currency: string;
  amount_mode: AmountMode;
  funding_currency: string;
  /** As it was asked for; a person may have changed it since. */
  destination: JSONColumnType<Destination>;
  description: string | null;
  status: PayoutStatus;
  /** Why the payout is held, or what it waits for at the moment. */
  hold_reason: FailureType | null;
  /** What a held payout was doing, and goes on with. */
  held_from: PayoutStatus | null;
  /** The number of the provider payout, and of the order, that is being made. */
  payout_attempt: Generated<number>;
  order_attempt: Generated<number>;
  failure_type: FailureType | null;
  failure_message: string | null;
  deposit_network: string | null;
  deposit_address: string | null;
  /** The unique amount that is expected; of a payout from the balance, what it would sell. */
  deposit_amount: string | null;
  deposit_matched_by: DepositMatch | null;
  deposit_received: Generated<string>;
  deposit_expires_at: Date | null;
  fee_side: FeeSide | null;
  payout_fee_rate: string | null;
  trade_fee_rate: string | null;
  /** The bid that the amounts were computed with; null where nothing is sold. */
  estimated_price: string | null;
  /** What it comes to at the price that it was held for. */
  price_offer: JSONColumnType<PriceOffer> | null;
  /** The lowest price that a person has accepted. */
  accepted_price: string | null;
  /** The account's minimum for payouts when this one opened. */
  minimum_amount: string | null;
  minimum_currency: string | null;
  created_at: Timestamp;
  updated_at: Timestamp;
}

interface DepositTable {
  deposit_id: string;
  /** Order of recording: what lists are sorted and paged by. */
  sequence: Generated<string>;
  provider_deposit_id: string | null;
  tx_hash: string | null;
  /** The place among the deposits of the same transaction. */
  tx_index: Generated<number>;
  currency: string;
  amount: string;
  address: string | null;
  proof: string;
  status: DepositStatus;
  /** The payout that it matched, also when it could not be given to it. */
  payout_id: string | null;
  /** Stays when a person has assigned it later. */
  unallocated_reason: FailureType | null;
  verified_at: Timestamp;
  decided_at: Timestamp;
  /** When it was last read again, for its money to be used. */
  proven_at: Date | null;
}

interface DepositNoticeTable {
  notice_id: string;
  sequence: Generated<string>;
  provider_deposit_id: string | null;
  /** Normalised. */
  tx_hash: string | null;
  address: string | null;
  currency: string;
  amount: string;
  noticed_at: Timestamp;
  deposit_id: string | null;
  problem: string | null;
}

export const DEPOSIT_STATUS = {
  /** Given to payouts, owed to their owners, or available. */
  ALLOCATED: 'allocated',
  /** Nobody's: waits for a person. */
  UNALLOCATED: 'unallocated',
  /** QbitPay does not show its money any more. */
  MISSING: 'missing',
} as const;
export type DepositStatus = (typeof DEPOSIT_STATUS)[keyof typeof DEPOSIT_STATUS];

interface ProviderRequestTable {
  operation: RequestOperation;
  external_order_id: string;
  payout_id: string;
  state: RequestState;
  /** How many times a request was allowed to leave. */
  sends: Generated<number>;
  /** QbitPay answered with a refusal: what the request is once absence checks have borne it out. */
  provisional_state: 'refused' | 'retry_later' | null;
  retry_after_seconds: number | null;
  failure_type: FailureType | null;
  failure_message: string | null;
  /** What was asked for when it was sent last. */
  amount: string | null;
  currency: string | null;
  price: string | null;
  first_sent_at: Date | null;
  /** When it may have left last. */
  last_sent_at: Date | null;
  /** How many times all of the provider's list was read without finding it, since it was sent last. */
  absence_checks: Generated<number>;
  /** Since when a reading counts: the wait for its outcome is over. Null while nobody asks. */
  absence_from: Date | null;
  /** How many readings prove that it never arrived; 0 where none can. */
  absence_wanted: number | null;
  /** Who said that it may be sent again although its outcome was not known. */
  resend_by: string | null;
  /** How many times it was sent again although its outcome was not known. */
  resends: Generated<number>;
  updated_at: Timestamp;
}

export const REQUEST_OPERATION = { ORDER: 'order', PAYOUT: 'payout' } as const;
export type RequestOperation = (typeof REQUEST_OPERATION)[keyof typeof REQUEST_OPERATION];

export const REQUEST_STATE = {
  /** Nothing has been sent. */
  PREPARED: 'prepared',
  /** A request was allowed to leave; its sender has not written the answer yet. */
  SENDING: 'sending',
  /** The provider has it. */
  ACCEPTED: 'accepted',
  /** The provider refused it for good. */
  REFUSED: 'refused',
  /** Certain that no byte left. */
  NOT_SENT: 'not_sent',
  /** The provider refused it in a way that may pass (rate limit, key, price). */
  RETRY_LATER: 'retry_later',
  /** It may or may not have taken effect; never sent again by itself. */
  UNKNOWN: 'unknown',
} as const;
export type RequestState = (typeof REQUEST_STATE)[keyof typeof REQUEST_STATE];

interface WebhookInboxTable {
  webhook_event_id: string;
  body_sha256: GeneratedAlways<Buffer>;
  type: string;
  /** Null when the event does not say. */
  livemode: boolean | null;
  /** The provider's object that the event is about. */
  provider_object_id: string | null;
  payout_id: string | null;
  /** The verified bytes, as received. */
  body: Buffer;
  state: WebhookState;
  state_detail: string | null;
  received_at: Timestamp;
}

export const WEBHOOK_STATE = {
  /** A reason to read QbitPay's API: for the workflow of its payout, or for the next sync. */
  TAKEN: 'taken',
  /** Of no consequence: evidence only, another kind of event, or of the other mode. */
  IGNORED: 'ignored',
  /** It cannot be used, or is about a payout that has ended or is unknown; for a person to see. */
  KEPT: 'kept',
} as const;
export type WebhookState = (typeof WEBHOOK_STATE)[keyof typeof WEBHOOK_STATE];
