import { OPENING_MARGIN_MS } from './account-opening.js';
import { addAmounts, compareAmounts, subtractAmounts, type Money } from './money.js';
import {
  BALANCE_TRANSACTION_TYPE,
  isFailedOrCancelled,
  legOfType,
  type BalanceTransactionStatus,
  type BalanceTransactionType,
  type ProviderStatus,
} from './provider-status.js';
import type { Discrepancy, OutsideActivity } from './reconciliation.js';

/** Names what is compared together, for the run after this one. */
export interface CaseKey {
  readonly kind: 'payout' | 'order' | 'deposit' | 'transaction';
  /** An `externalOrderId`, which the store or QbitPay has a payout or an order by. */
  readonly name: string | null;
  /** Else the id of a deposit of the store's, or of an object of QbitPay's that belongs to nothing. */
  readonly id: string | null;
}

/** Everything that the store and the mirror have of one payout attempt, order, deposit, or stray transaction. */
export interface Case extends CaseKey {
  /** A request of the store's that may have reached QbitPay. */
  readonly attempt: Attempt | null;
  readonly deposit: Deposit | null;
  readonly objects: readonly ShownObject[];
  readonly transactions: readonly Transaction[];
  readonly unreadable: readonly UnreadableObject[];
  /** Names nobody, and came to light after a request whose outcome is not known was sent. */
  readonly mayBeOurs: boolean;
}

export interface Attempt {
  readonly payoutId: string;
  readonly state: 'prepared' | 'sending' | 'accepted' | 'refused' | 'not_sent' | 'retry_later' | 'unknown';
  readonly changedAtMs: number;
  /** What the provider answered; null while no answer is in the store. */
  readonly answer: Answer | null;
}

export interface Answer {
  readonly providerId: string;
  /** Payout: what the recipient gets. Order: what was sold. */
  readonly amount: string;
  /** Payout: currency paid out. Order: currency sold. */
  readonly currency: string;
  /** Order only: what it brought in, before the fee. */
  readonly quoteAmount: string | null;
  readonly fee: string;
  /** As it was read last. */
  readonly status: ProviderStatus;
  /** When the answer came into the store. */
  readonly recordedAtMs: number;
  /** When the provider was last read about it: never before `recordedAtMs`, and after an end no more. */
  readonly readAtMs: number;
  /** What the ledger has booked for it on the provider account, signed; empty while nothing is booked. */
  readonly booked: readonly CurrencyNet[];
  /** Payout: when its money was booked as being back; null while it is not. */
  readonly returnedAtMs: number | null;
  readonly returned: string | null;
}

export interface Deposit {
  readonly providerDepositId: string | null;
  readonly currency: string;
  readonly amount: string;
  readonly verifiedAtMs: number;
  /** False where the available balance alone proved it: QbitPay shows no transaction for it. */
  readonly hasTransaction: boolean;
  /** What of it the ledger has as missing: it was taken back. */
  readonly missing: string;
}

/** A payout or an order as the mirror has it. */
export interface ShownObject {
  readonly id: string;
  readonly externalOrderId: string | null;
  readonly currency: string;
  readonly amount: string;
  /** Orders only: what was bought. */
  readonly quote: Money | null;
  readonly fee: string;
  readonly feeCurrency: string;
  readonly status: ProviderStatus;
  /** By QbitPay's clock; null where it does not say. */
  readonly createdAtMs: number | null;
  /** When the mirror had it first, and when it changed last. */
  readonly seenAtMs: number;
  readonly changedAtMs: number;
}

export interface Transaction {
  readonly id: string;
  readonly type: BalanceTransactionType;
  /** QbitPay's word. */
  readonly typeText: string;
  readonly source: string | null;
  readonly currency: string;
  /** Signed: what it does to the balance. */
  readonly net: string;
  readonly status: BalanceTransactionStatus;
  readonly createdAtMs: number;
  readonly seenAtMs: number;
}

export interface UnreadableObject {
  readonly id: string;
  readonly kind: 'payout' | 'order' | 'transaction';
  readonly externalOrderId: string | null;
  readonly problem: string;
  readonly seenAtMs: number;
}

export interface CurrencyNet {
  readonly currency: string;
  readonly net: string;
}

/** Signed amounts by currency. */
export type Nets = ReadonlyMap<string, string>;

export function isZero(amount: string): boolean {
  return compareAmounts(amount, '0') === 0;
}

export function sumNets(parts: Iterable<CurrencyNet>): Nets {
  const sums = new Map<string, string>();
  for (const { currency, net } of parts) sums.set(currency, addAmounts(sums.get(currency) ?? '0', net));
  return sums;
}

/** What is left of `nets` without `taken`, in the currencies of both. */
export function subtractNets(nets: Nets, taken: Nets): Nets {
  const rest = new Map(nets);
  for (const [currency, net] of taken) rest.set(currency, subtractAmounts(rest.get(currency) ?? '0', net));
  return rest;
}

/** True for an object that takes money, or may yet. */
export function isLive({ status }: ShownObject): boolean {
  return !isFailedOrCancelled(status);
}

/** Whether a transaction of a payout gives its money back; where the word of its type does not say, its sign does. */
export function isReturn({ type, net }: Transaction): boolean {
  if (type === BALANCE_TRANSACTION_TYPE.PAYOUT) return false;
  return legOfType(type) === 'return' || compareAmounts(net, '0') > 0;
}

export interface ComparisonTimes {
  /** The database's time of everything that is compared. */
  readonly ranAtMs: number;
  /** How long one side may know more than the other before it is a discrepancy. */
  readonly graceMs: number;
  /** When the engine began to use the account: what it held then is its opening balance. */
  readonly openedAtMs: number;
  /** When the last complete sync began: what the mirror had by then, it has together with whatever it belongs to. */
  readonly syncedAtMs: number;
}

/** Of a discrepancy that concerns none of the store's payouts, and no object of the provider. */
const NOBODYS = { payoutId: null, externalOrderId: null, providerIds: [] };
type Found = Omit<Discrepancy, keyof typeof NOBODYS> & Partial<Discrepancy>;

/** Money that the ledger has moved by a transaction that is not shown: whether it has moved, the balance says. */
export interface Unshown extends CurrencyNet {
  /** What is to be reported where it has not moved; null where something else is reported anyway. */
  readonly found: { readonly key: CaseKey; readonly discrepancy: Discrepancy } | null;
}

/** What was found, case after case, and how far it explains the balances. */
export class Comparison {
  readonly times: ComparisonTimes;
  readonly discrepancies: Discrepancy[] = [];
  readonly outside: OutsideActivity[] = [];
  readonly unshown: Unshown[] = [];
  /** What the next run has to look at again, changed or not. */
  readonly open: CaseKey[] = [];
  readonly compared = { payouts: 0, orders: 0, deposits: 0, balanceTransactions: 0 };
  inFlight = 0;
  /** By currency: provider less ledger, as far as it is known why. */
  readonly explained = new Map<string, string>();

  constructor(times: ComparisonTimes) {
    this.times = times;
  }

  /** True for what happened so recently that the other side need not know of it yet. */
  isYoung(atMs: number): boolean {
    return this.times.ranAtMs - atMs < this.times.graceMs;
  }

  /** True for what is part of the opening balance. */
  isOfOpening({ createdAtMs, seenAtMs }: Transaction): boolean {
    const { openedAtMs } = this.times;
    return createdAtMs < openedAtMs - OPENING_MARGIN_MS || seenAtMs <= openedAtMs;
  }

  report(found: Found): void {
    this.discrepancies.push({ ...NOBODYS, ...found });
  }

  explain(nets: Nets): void {
    for (const [currency, net] of nets) {
      this.explained.set(currency, addAmounts(this.explained.get(currency) ?? '0', net));
    }
  }
}
