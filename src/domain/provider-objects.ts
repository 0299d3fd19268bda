import type { Money } from './money.js';
import { isFailedOrCancelled, legOfType, type Leg, type ProviderStatus } from './provider-status.js';
import type { ObjectAtProvider, ProviderSnapshot } from './reconciliation.js';

/** The provider's side of a reconciliation, ordered for being looked up: payouts and orders alike, transactions by source. */

export type Transaction = ProviderSnapshot['transactions'][number];
export type Operation = 'payout' | 'order';

export interface ProviderObject extends ObjectAtProvider<ProviderStatus> {
  readonly operation: Operation;
  readonly currency: string;
  /** Orders only: what was bought. */
  readonly quote: Money | null;
  readonly feeCurrency: string;
}

export function toProviderObjects({ payouts, orders }: ProviderSnapshot): ProviderObject[] {
  return [
    ...payouts.map((payout) => {
      return { ...payout, operation: 'payout' as const, quote: null, feeCurrency: payout.currency };
    }),
    ...orders.map((order) => {
      const [base = '', quote = ''] = order.symbol.split('/');
      const bought = { currency: quote, amount: order.quoteAmount };
      return { ...order, operation: 'order' as const, currency: base, quote: bought, feeCurrency: quote };
    }),
  ];
}

/** True for an object that takes money, or may yet. */
export function isLive({ status }: ProviderObject): boolean {
  return !isFailedOrCancelled(status);
}

export function legOf({ type, source }: Transaction): Leg | undefined {
  return source === undefined ? undefined : legOfType(type);
}

/**
 * The transactions that are not booked as outside activity. Each is taken at most once, by whatever it belongs to;
 * those that nobody takes are nobody's.
 */
export class TransactionIndex {
  readonly #bySource = new Map<string, Transaction[]>();
  readonly #untaken = new Set<Transaction>();

  constructor(transactions: readonly Transaction[], outsideTransactionIds: readonly string[]) {
    const booked = new Set(outsideTransactionIds);
    for (const transaction of transactions.filter(({ id }) => !booked.has(id))) {
      this.#untaken.add(transaction);
      const leg = legOf(transaction);
      if (leg === undefined || transaction.source === undefined) continue;
      addToGroup(this.#bySource, `${leg} ${transaction.source}`, transaction);
    }
  }

  take(leg: Leg, source: string): readonly Transaction[] {
    const key = `${leg} ${source}`;
    const taken = this.#bySource.get(key) ?? [];
    this.#bySource.delete(key);
    for (const transaction of taken) this.#untaken.delete(transaction);
    return taken;
  }

  /** What the object took and gave back, together. */
  takeAllOf({ operation, id }: ProviderObject): readonly Transaction[] {
    const out = this.take(operation, id);
    return operation === 'payout' ? [...out, ...this.take('return', id)] : out;
  }

  get untaken(): Iterable<Transaction> {
    return this.#untaken;
  }
}

export function addToGroup<Key, Member>(groups: Map<Key, Member[]>, key: Key, member: Member): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [member]);
  else group.push(member);
}
