import { isZero, subtractNets, sumNets, type Comparison, type Nets } from './comparison.js';
import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import type { ProviderObject, Transaction } from './provider-objects.js';
import {
  isEndAtProvider,
  isFailedOrCancelled,
  PROVIDER_ORDER_STATUS,
  type Leg,
  type ProviderStatus,
} from './provider-status.js';
import {
  DISCREPANCY_KIND,
  type Discrepancy,
  type DiscrepancyKind,
  type StoreSnapshot,
} from './reconciliation.js';

export type Attempt = StoreSnapshot['attempts'][number];

/** A payout or an order that the provider accepted. */
export interface AcceptedAttempt {
  readonly attempt: Attempt;
  readonly answer: NonNullable<Attempt['answer']>;
  /** What the provider shows of it. */
  readonly own: ProviderObject | undefined;
  /** True for what the store recorded within the window, which the provider has to show. */
  readonly isExpected: boolean;
}

/** Compares what the store has of an accepted payout or order with what the provider shows: words, amounts, money. */
export function compareAnswer(comparison: Comparison, accepted: AcceptedAttempt): void {
  new AnswerComparison(comparison, accepted).compare();
}

/** The currency is the answer's where none is said. */
type Said = Pick<Discrepancy, 'store' | 'provider' | 'sinceMs'> & { readonly currency?: string };

class AnswerComparison {
  readonly #comparison: Comparison;
  readonly #accepted: AcceptedAttempt;
  readonly #kinds = new Set<DiscrepancyKind>();
  /** By currency, what the amounts that were reported mean for its balance. */
  readonly #reported = new Map<string, string>();
  /** True when the next run has to look again. */
  #waits = false;

  constructor(comparison: Comparison, accepted: AcceptedAttempt) {
    this.#comparison = comparison;
    this.#accepted = accepted;
  }

  compare(): void {
    const { attempt, answer, own, isExpected } = this.#accepted;
    if (own !== undefined) this.#compareObject(own);
    else if (isExpected) {
      const said = { store: answer.amount, provider: null, sinceMs: answer.recordedAtMs };
      this.#report(DISCREPANCY_KIND.MISSING_AT_PROVIDER, said);
    }
    this.#compareDebited();
    if (attempt.operation === 'payout') this.#compareReturned();
    if (this.#waits) this.#comparison.inFlight += 1;
  }

  /** Waits instead while the other side may still come to say the same. */
  #report(kind: DiscrepancyKind, said: Said, mayChange = this.#comparison.isYoung(said.sinceMs)): void {
    if (mayChange) {
      this.#waits = true;
      return;
    }
    const { attempt, answer, own } = this.#accepted;
    const { operation: object, payoutId, externalOrderId } = attempt;
    const providerIds = [own?.id ?? answer.providerId];
    this.#kinds.add(kind);
    this.#comparison.report({
      ...{ kind, object, payoutId, externalOrderId, providerIds, currency: answer.currency },
      ...said,
    });
  }

  #compareObject(own: ProviderObject): void {
    const { attempt, answer } = this.#accepted;
    const isOrder = attempt.operation === 'order';
    const areBothFilled = [answer.status, own.status].every(
      (status) => status === PROVIDER_ORDER_STATUS.FILLED,
    );
    // The store has what an order that ended unfilled really moved, the provider may show what was asked for.
    if (!isOrder || !isFailedOrCancelled(answer.status)) {
      this.#compareAmount(DISCREPANCY_KIND.AMOUNT_DIFFERS, own.currency, answer.amount, own.amount);
    }
    if (areBothFilled && answer.quoteAmount !== null && own.quote !== null) {
      const { currency, amount } = own.quote;
      this.#compareAmount(DISCREPANCY_KIND.AMOUNT_DIFFERS, currency, answer.quoteAmount, amount, false);
    }
    // Before it is filled, an order's fee is not known.
    if (!isOrder || areBothFilled) {
      this.#compareAmount(DISCREPANCY_KIND.FEE_DIFFERS, own.feeCurrency, answer.fee, own.fee);
    }
    this.#compareStatus(own.status);
  }

  /** `taken`: more of it is less in the balance. */
  #compareAmount(
    kind: DiscrepancyKind,
    currency: string,
    store: string,
    provider: string,
    taken = true,
  ): void {
    if (compareAmounts(store, provider) === 0) return;
    const { status, recordedAtMs: sinceMs } = this.#accepted.answer;
    const mayChange = !isEndAtProvider(status) && this.#comparison.isYoung(sinceMs);
    this.#report(kind, { currency, store, provider, sinceMs }, mayChange);
    const off = taken ? subtractAmounts(store, provider) : subtractAmounts(provider, store);
    this.#reported.set(currency, addAmounts(this.#reported.get(currency) ?? '0', off));
  }

  /** Words for what is not settled yet may differ; of the two ends of a settlement one side may know a little later. */
  #compareStatus(status: ProviderStatus): void {
    const { answer } = this.#accepted;
    const ends = [answer.status, status].filter(isEndAtProvider);
    if (status === answer.status || ends.length === 0) return;
    const mayChange = ends.length === 1 && this.#comparison.isYoung(answer.readAtMs);
    const said = { store: answer.status, provider: status, sinceMs: answer.readAtMs };
    this.#report(DISCREPANCY_KIND.STATUS_DIFFERS, said, mayChange);
  }

  /** What it took, and for an order what it brought in: the ledger's word and the balance transactions'. */
  #compareDebited(): void {
    const { attempt, answer, isExpected } = this.#accepted;
    const booked = sumNets(answer.booked);
    const shown = this.#comparison.netsShown(this.#take(attempt.operation), booked);
    // Without transactions from before the window nothing can be said.
    const comparable = isExpected ? booked : new Map([...booked].filter(([currency]) => shown.has(currency)));
    this.#compareNets(comparable, shown, answer.recordedAtMs);
  }

  #compareReturned(): void {
    const { currency, returned, returnedAtMs } = this.#accepted.answer;
    const returns = this.#take('return');
    if (returnedAtMs === null || returned === null) {
      this.#compareUnbookedReturn(returns);
      return;
    }
    const booked = sumNets([{ currency, net: returned }]);
    const shown = this.#comparison.netsShown(returns, booked);
    if (shown.size > 0) this.#compareNets(booked, shown, returnedAtMs);
    else if (returnedAtMs >= this.#comparison.sinceMs) {
      this.#comparison.explainGone(subtractNets(new Map(), booked));
      this.#reportOverdue({ store: returned, provider: null, sinceMs: returnedAtMs });
    }
  }

  /** The store has nothing back: it waits for money that was taken, or the provider has given something back. */
  #compareUnbookedReturn(returns: readonly Transaction[]): void {
    const { answer, own } = this.#accepted;
    const shown = this.#comparison.netsShown(returns);
    this.#comparison.explain(shown);
    if (shown.size === 0 && answer.booked.length === 0) return;
    const returnedAtMs = Math.max(...returns.map(({ createdAtMs }) => createdAtMs));
    const sinceMs = shown.size === 0 ? answer.readAtMs : returnedAtMs;
    if (isFailedOrCancelled(answer.status)) {
      const due = subtractAmounts('0', sumNets(answer.booked).get(answer.currency) ?? '0');
      this.#reportOverdue({ store: due, provider: shown.get(answer.currency) ?? null, sinceMs });
    } else if (shown.size > 0 && !isFailedOrCancelled(own?.status ?? answer.status)) {
      if (this.#hasStatusDiscrepancy()) return;
      const mayChange = !isEndAtProvider(answer.status) && this.#comparison.isYoung(sinceMs);
      const said = { store: answer.status, provider: 'returned', sinceMs };
      this.#report(DISCREPANCY_KIND.STATUS_DIFFERS, said, mayChange);
    }
  }

  #reportOverdue(said: Said): void {
    const isYoung = this.#comparison.isYoung(said.sinceMs);
    if (isYoung || !this.#hasStatusDiscrepancy())
      this.#report(DISCREPANCY_KIND.RETURN_OVERDUE, said, isYoung);
  }

  /** Nothing can be expected back from a payout that is gone, or of which the two sides say different things. */
  #hasStatusDiscrepancy(): boolean {
    const { MISSING_AT_PROVIDER, STATUS_DIFFERS } = DISCREPANCY_KIND;
    return this.#kinds.has(MISSING_AT_PROVIDER) || this.#kinds.has(STATUS_DIFFERS);
  }

  /** Whatever differs is explained: by what is known of this attempt already, by its youth, or by a report of its own. */
  #compareNets(booked: Nets, shown: Nets, sinceMs: number): void {
    for (const [currency, off] of subtractNets(shown, booked)) {
      if (isZero(off)) continue;
      const explanation = new Map([[currency, off]]);
      if (shown.has(currency)) this.#comparison.explain(explanation);
      else this.#comparison.explainGone(explanation);
      if (this.#accountsFor(currency, off)) continue;
      const said = { store: booked.get(currency) ?? null, provider: shown.get(currency) ?? null };
      this.#report(DISCREPANCY_KIND.AMOUNT_DIFFERS, { ...said, currency, sinceMs });
    }
  }

  /**
   * True when a discrepancy of the balance transactions is known already: something is under way or missing as a
   * whole, or the amounts that were reported come to exactly this.
   */
  #accountsFor(currency: string, off: string): boolean {
    if (this.#waits || this.#hasStatusDiscrepancy() || this.#kinds.has(DISCREPANCY_KIND.RETURN_OVERDUE))
      return true;
    return compareAmounts(this.#reported.get(currency) ?? '0', off) === 0;
  }

  /** By the store's id and, where the provider shows it under another one, by that. */
  #take(leg: Leg): Transaction[] {
    const { answer, own } = this.#accepted;
    return [answer.providerId, own?.id ?? answer.providerId].flatMap((id) =>
      this.#comparison.transactions.take(leg, id),
    );
  }
}
