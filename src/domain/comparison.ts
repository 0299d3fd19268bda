import { OPENING_MARGIN_MS } from './account-opening.js';
import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import { TransactionIndex, type Transaction } from './provider-objects.js';
import type { Discrepancy, ProviderSnapshot, StoreSnapshot } from './reconciliation.js';

/** Signed amounts by currency. */
export type Nets = ReadonlyMap<string, string>;

export function isZero(amount: string): boolean {
  return compareAmounts(amount, '0') === 0;
}

export function sumNets(parts: Iterable<{ readonly currency: string; readonly net: string }>): Nets {
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

export interface ComparisonInput {
  readonly store: StoreSnapshot;
  readonly provider: ProviderSnapshot;
  /** The start of the window: what the store recorded before it is not looked for at the provider. */
  readonly sinceMs: number;
  /** When the reading of the provider began: what the store recorded after that is young, however long the reading took. */
  readonly ranAtMs: number;
  /** How long one side may know more than the other before it is a discrepancy. */
  readonly graceMs: number;
}

/** Of a discrepancy that concerns none of the store's payouts, and no object of the provider. */
const NOBODYS = { payoutId: null, externalOrderId: null, providerIds: [] };

/** Both sides, and what was found: the discrepancies, what is under way, and how far both explain the balances. */
export class Comparison {
  readonly store: StoreSnapshot;
  readonly sinceMs: number;
  readonly graceMs: number;
  readonly transactions: TransactionIndex;
  readonly discrepancies: Discrepancy[] = [];
  inFlight = 0;
  /** By currency: provider less ledger, as far as it is known why. */
  readonly explained = new Map<string, string>();
  /** What each transaction that is not shown would take along with it: whether its money is gone, the balance says. */
  readonly gone: { readonly currency: string; readonly net: string }[] = [];
  readonly #ranAtMs: number;
  readonly #openingIds: ReadonlySet<string>;

  constructor({ store, provider, sinceMs, ranAtMs, graceMs }: ComparisonInput) {
    this.store = store;
    this.sinceMs = sinceMs;
    this.graceMs = graceMs;
    this.#ranAtMs = ranAtMs;
    this.#openingIds = new Set(store.openingTransactionIds);
    this.transactions = new TransactionIndex(provider.transactions, store.outsideTransactionIds);
  }

  /** True for what happened so recently that the other side need not know of it yet. */
  isYoung(atMs: number): boolean {
    return this.#ranAtMs - atMs < this.graceMs;
  }

  /** True for what is part of the opening balance. */
  isOfOpening({ id, createdAtMs }: Transaction): boolean {
    return createdAtMs < this.store.openedAtMs - OPENING_MARGIN_MS || this.#openingIds.has(id);
  }

  report(found: Omit<Discrepancy, keyof typeof NOBODYS> & Partial<Discrepancy>): void {
    this.discrepancies.push({ ...NOBODYS, ...found });
  }

  explain(nets: Nets): void {
    for (const [currency, net] of nets) {
      this.explained.set(currency, addAmounts(this.explained.get(currency) ?? '0', net));
    }
  }

  explainGone(nets: Nets): void {
    for (const [currency, net] of nets) this.gone.push({ currency, net });
  }

  /**
   * What transactions did to the balances since the engine began to use the account. What is older is part of the
   * opening balance, except where it is booked on its own.
   */
  netsShown(transactions: readonly Transaction[], booked: Nets = new Map()): Nets {
    return sumNets(transactions.filter((one) => !this.isOfOpening(one) || booked.has(one.currency)));
  }
}
