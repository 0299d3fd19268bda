import { atCurrencyScale, subtractAmounts } from './money.js';

/** What the engine's store and the provider are compared by: see docs/operations.md, one section per kind of discrepancy. */

export interface DiscrepancyDescription {
  /** What is different, for anyone who reads it. */
  readonly meaning: string;
  /** What to do about it now. */
  readonly action: string;
}

const describe = (meaning: string, action: string): DiscrepancyDescription => ({ meaning, action });

/**
 * Every kind of discrepancy between the store and QbitPay. The API, the command and docs/operations.md show the same
 * words (a test keeps the page in step).
 */
const TABLE = {
  MISSING_AT_PROVIDER: describe(
    'QbitPay accepted this payout or order and does not show it any more.',
    'Ask QbitPay what became of the provider id, and pay nothing again before it has answered.',
  ),
  UNKNOWN_AT_PROVIDER: describe(
    'QbitPay has a payout or order whose externalOrderId the store does not know, or knows as never accepted.',
    'Find out who sent it: another system with the same key, or an engine whose store was restored to an earlier moment; stop the workers in the second case.',
  ),
  OUTCOME_NOT_RECORDED: describe(
    'A request was sent, no answer came into the store, and QbitPay has carried it out.',
    'Treat the money as moved: never send it again, and write down the provider id with the payout.',
  ),
  DUPLICATE_AT_PROVIDER: describe(
    'QbitPay has more than one payout or order with the same externalOrderId.',
    'Ask QbitPay at once to cancel the ones that the store does not have.',
  ),
  AMOUNT_DIFFERS: describe(
    'The store and QbitPay have different amounts for the same payout, order or deposit.',
    'Take the amount in the QbitPay dashboard for the true one, and ask QbitPay why it changed.',
  ),
  FEE_DIFFERS: describe(
    'The store and QbitPay have different fees for the same payout or order.',
    'Take the fee in the QbitPay dashboard for the true one, and compare it with the agreed rate.',
  ),
  STATUS_DIFFERS: describe(
    'The store and QbitPay say different things about how a payout or order ended, or only one of them knows of an end.',
    'Look at the payout in the QbitPay dashboard, and pay nothing again before both say the same.',
  ),
  DEPOSIT_UNSEEN: describe(
    'QbitPay shows a deposit that the store does not have.',
    'Wait for the next sync, which books it; if it is still there at the next run, see GET /v1/provider.',
  ),
  DEPOSIT_MISSING: describe(
    'The store has a deposit whose balance transaction QbitPay does not show any more.',
    'Ask QbitPay whether the deposit was taken back; until it has answered, do not pay out more from this account.',
  ),
  RETURN_OVERDUE: describe(
    'A payout failed or was cancelled, and its money has not come back into the store.',
    'Ask QbitPay for the return of the provider id, and pay again only under a new payoutId.',
  ),
  UNREADABLE_AT_PROVIDER: describe(
    'QbitPay shows a payout, an order or a balance transaction that the engine cannot read.',
    'Look it up in the QbitPay dashboard: what it moved is in no comparison, and shows as BALANCE_OFF.',
  ),
  BALANCE_OFF: describe(
    'A balance at QbitPay is not what the ledger says, and nothing else in the report explains it.',
    'Run npm run reconcile -- --full, which names what QbitPay has changed or taken back since it was read.',
  ),
} satisfies Record<string, DiscrepancyDescription>;

/** A call of the API that acts on a discrepancy; of its body, what a person has to say himself is left empty. */
export interface DiscrepancyCall {
  readonly method: 'POST';
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
}

/** Null where nothing can be called: the action is something else. */
export function callFor(found: Discrepancy): DiscrepancyCall | null {
  const { kind, currency, payoutId, providerIds, store, provider } = found;
  const post = (path: string, body: DiscrepancyCall['body']): DiscrepancyCall => {
    return { method: 'POST', path, body: { ...body, reason: '' } };
  };
  const resolve = (body: DiscrepancyCall['body']) =>
    payoutId === null ? null : post(`/v1/payouts/${payoutId}/resolve`, body);
  switch (kind) {
    case 'MISSING_AT_PROVIDER':
      return resolve({ action: 'close' });
    case 'OUTCOME_NOT_RECORDED':
    case 'DUPLICATE_AT_PROVIDER':
      return resolve({ action: 'adopt', providerPayoutId: providerIds[0] ?? '' });
    case 'UNKNOWN_AT_PROVIDER':
      return post('/v1/brakes', {});
    case 'DEPOSIT_MISSING':
      return post('/v1/brakes', { currency });
    case 'RETURN_OVERDUE': {
      const amount = atCurrencyScale(store ?? '0', currency);
      const body = { kind: 'write_off', currency, amount };
      return post('/v1/ledger/adjustments', payoutId === null ? body : { ...body, payoutId });
    }
    case 'BALANCE_OFF': {
      const amount = atCurrencyScale(subtractAmounts(provider ?? '0', store ?? '0'), currency);
      return post('/v1/ledger/adjustments', { kind: 'correction', currency, amount });
    }
    case 'AMOUNT_DIFFERS':
    case 'FEE_DIFFERS':
    case 'STATUS_DIFFERS':
      return payoutId === null ? null : post(`/v1/payouts/${payoutId}/hold`, {});
    case 'DEPOSIT_UNSEEN':
    case 'UNREADABLE_AT_PROVIDER':
      return null;
  }
}

export type DiscrepancyKind = keyof typeof TABLE;
export const DISCREPANCIES: Readonly<Record<DiscrepancyKind, DiscrepancyDescription>> = TABLE;
export const DISCREPANCY_KINDS = Object.keys(TABLE) as DiscrepancyKind[];
export const DISCREPANCY_KIND = Object.fromEntries(DISCREPANCY_KINDS.map((kind) => [kind, kind])) as {
  readonly [Kind in DiscrepancyKind]: Kind;
};

export interface Discrepancy {
  readonly kind: DiscrepancyKind;
  readonly object: 'payout' | 'order' | 'deposit' | 'transaction' | 'balance';
  /** Empty where it cannot be read. */
  readonly currency: string;
  /** Null where it concerns none of the store's payouts. */
  readonly payoutId: string | null;
  readonly externalOrderId: string | null;
  /** The provider's ids of what differs: one, several for duplicates, none for balances. */
  readonly providerIds: readonly string[];
  /** What the store says: an amount, a status; null when it has nothing. */
  readonly store: string | null;
  /** What the provider says. */
  readonly provider: string | null;
  /** Milliseconds of Unix time from which on it has been so. */
  readonly sinceMs: number;
}

/** Money that moved without the engine: booked to `external`, listed, no discrepancy. */
export interface OutsideActivity {
  readonly balanceTransactionId: string;
  readonly type: string;
  readonly currency: string;
  /** Signed, with the fee: what it did to the balance. */
  readonly net: string;
  readonly createdAtMs: number;
}

/** One currency to the last digit. */
export interface BalanceComparison {
  readonly currency: string;
  /** The ledger's provider account. */
  readonly ledger: string;
  /** The provider's available and pending together. */
  readonly provider: string;
  /** What is explained: under way between the two, or part of another discrepancy. */
  readonly explained: string;
  /** provider − ledger − explained: zero when all is well. */
  readonly off: string;
  /** When the first run of those saw it that have all seen it off; null when it is not. */
  readonly offSinceMs: number | null;
}

export interface ReconciliationReport {
  readonly ranAtMs: number;
  /** When the last complete reading of QbitPay began: what it shows is from then on. */
  readonly readAtMs: number;
  /** What was clean and has not changed since then was not looked at again; null: everything was. */
  readonly sinceMs: number | null;
  readonly clean: boolean;
  readonly discrepancies: readonly Discrepancy[];
  /** Found by this run and booked to `external`. */
  readonly outside: readonly OutsideActivity[];
  /** Younger than the grace time, or waiting for an answer: looked at again by the next run. */
  readonly inFlight: number;
  readonly balances: readonly BalanceComparison[];
  readonly compared: {
    readonly payouts: number;
    readonly orders: number;
    readonly deposits: number;
    readonly balanceTransactions: number;
  };
}
