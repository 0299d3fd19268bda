import {
  isReturn,
  isZero,
  subtractNets,
  sumNets,
  type Answer,
  type Case,
  type Comparison,
  type Nets,
  type ShownObject,
  type Transaction,
} from './comparison.js';
import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import { isEndAtProvider, isFailedOrCancelled, PROVIDER_ORDER_STATUS } from './provider-status.js';
import { DISCREPANCY_KIND, type Discrepancy, type DiscrepancyKind } from './reconciliation.js';

/** A payout or an order that the provider accepted. */
export interface AcceptedCase {
  readonly one: Case;
  readonly answer: Answer;
  /** What the provider shows of it. */
  readonly own: ShownObject | undefined;
  /** What it moved. */
  readonly transactions: readonly Transaction[];
}

/** Compares what the store has of an accepted payout or order with what the provider shows: words, amounts, money. */
export function compareAnswer(comparison: Comparison, accepted: AcceptedCase): void {
  new AnswerComparison(comparison, accepted).compare();
}

/** The currency and the id are the answer's where none are said. */
type Said = Pick<Discrepancy, 'store' | 'provider' | 'sinceMs'> &
  Partial<Pick<Discrepancy, 'currency' | 'providerIds'>>;

class AnswerComparison {
  readonly #comparison: Comparison;
  readonly #accepted: AcceptedCase;
  readonly #kinds = new Set<DiscrepancyKind>();
  /** By currency, what the amounts that were reported mean for its balance. */
  readonly #reported = new Map<string, string>();
  /** True when the next run has to look again. */
  #waits = false;

  constructor(comparison: Comparison, accepted: AcceptedCase) {
    this.#comparison = comparison;
    this.#accepted = accepted;
  }

  compare(): void {
    const { one, answer, own, transactions } = this.#accepted;
    if (own !== undefined) this.#compareObject(own);
    else if (one.unreadable.length === 0) {
      const said = { store: answer.amount, provider: null, sinceMs: answer.recordedAtMs };
      this.#report(DISCREPANCY_KIND.MISSING_AT_PROVIDER, said);
    }
    const isOrder = one.kind === 'order';
    this.#compareDebited(transactions.filter((transaction) => isOrder || !isReturn(transaction)));
    if (!isOrder) {
      const returns = transactions.filter(isReturn);
      const isInItsCurrency = ({ currency }: Transaction): boolean => currency === answer.currency;
      this.#compareReturned(returns.filter(isInItsCurrency));
      for (const other of returns.filter((one) => !isInItsCurrency(one))) this.#reportForeign(other);
    }
    if (this.#waits) this.#comparison.inFlight += 1;
  }

  /** Waits instead while the other side may still come to say the same. */
  #report(kind: DiscrepancyKind, said: Said, mayChange = this.#comparison.isYoung(said.sinceMs)): void {
    if (mayChange) {
      this.#waits = true;
      return;
    }
    this.#kinds.add(kind);
    this.#comparison.report(this.#describe(kind, said));
  }

  #describe(kind: DiscrepancyKind, said: Said): Discrepancy {
    const { one, answer, own } = this.#accepted;
    return {
      kind,
      object: one.kind === 'order' ? 'order' : 'payout',
      currency: answer.currency,
      payoutId: one.attempt?.payoutId ?? null,
      externalOrderId: one.name,
      providerIds: [own?.id ?? answer.providerId],
      ...said,
    };
  }

  #compareObject(own: ShownObject): void {
    const { one, answer } = this.#accepted;
    const isOrder = one.kind === 'order';
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
    this.#compareStatus(own);
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
    const { answer, own } = this.#accepted;
    const sinceMs = Math.max(answer.recordedAtMs, own?.changedAtMs ?? 0);
    const mayChange = !isEndAtProvider(answer.status) && this.#comparison.isYoung(sinceMs);
    this.#report(kind, { currency, store, provider, sinceMs }, mayChange);
    const off = taken ? subtractAmounts(store, provider) : subtractAmounts(provider, store);
    this.#reported.set(currency, addAmounts(this.#reported.get(currency) ?? '0', off));
  }

  /** Words for what is not settled yet may differ; of the two ends of a settlement one side may know a little later. */
  #compareStatus({ status, changedAtMs }: ShownObject): void {
    const { answer } = this.#accepted;
    const ends = [answer.status, status].filter(isEndAtProvider);
    if (status === answer.status || ends.length === 0) return;
    const sinceMs = Math.max(answer.readAtMs, changedAtMs);
    const mayChange = ends.length === 1 && this.#comparison.isYoung(sinceMs);
    this.#report(
      DISCREPANCY_KIND.STATUS_DIFFERS,
      { store: answer.status, provider: status, sinceMs },
      mayChange,
    );
  }

  /** What it took, and for an order what it brought in: the ledger's word and the balance transactions'. */
  #compareDebited(debits: readonly Transaction[]): void {
    const { answer } = this.#accepted;
    this.#compareNets(sumNets(answer.booked), debits, answer.recordedAtMs);
  }

  #compareReturned(returns: readonly Transaction[]): void {
    const { currency, returned, returnedAtMs } = this.#accepted.answer;
    if (returnedAtMs === null || returned === null) {
      this.#compareUnbookedReturn(returns);
      return;
    }
    // Nothing was taken, or a person has given up what was: nothing is awaited.
    if (returns.length === 0 && compareAmounts(returned, '0') === 0) return;
    const booked = sumNets([{ currency, net: returned }]);
    if (returns.length > 0) this.#compareNets(booked, returns, returnedAtMs);
    else {
      this.#explainUnshown(currency, subtractAmounts('0', returned));
      this.#reportOverdue({ store: returned, provider: null, sinceMs: returnedAtMs });
    }
  }

  /** The store has nothing back: it waits for money that was taken, or the provider has given something back. */
  #compareUnbookedReturn(returns: readonly Transaction[]): void {
    const { answer, own } = this.#accepted;
    const shown = sumNets(returns);
    this.#comparison.explain(shown);
    if (shown.size === 0 && answer.booked.length === 0) return;
    const sinceMs = shown.size === 0 ? answer.readAtMs : Math.max(...returns.map(({ seenAtMs }) => seenAtMs));
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

  /** Nobody books as a return what came back in another currency than was taken. */
  #reportForeign(transaction: Transaction): void {
    const { id, currency, net: provider, seenAtMs: sinceMs } = transaction;
    const { answer, own } = this.#accepted;
    this.#comparison.explain(sumNets([transaction]));
    const providerIds = [own?.id ?? answer.providerId, id];
    this.#report(DISCREPANCY_KIND.AMOUNT_DIFFERS, { currency, store: null, provider, sinceMs, providerIds });
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

  /**
   * Whatever differs is explained: by what is known of this attempt already, by its youth, or by a report of its own. What
   * is not shown at all is a discrepancy only where the balance says that it did not move.
   */
  #compareNets(booked: Nets, transactions: readonly Transaction[], bookedAtMs: number): void {
    const shown = sumNets(transactions);
    const sinceMs = Math.max(bookedAtMs, ...transactions.map(({ seenAtMs }) => seenAtMs));
    for (const [currency, off] of subtractNets(shown, booked)) {
      if (isZero(off)) continue;
      const amounts = { store: booked.get(currency) ?? null, provider: shown.get(currency) ?? null };
      const said = { ...amounts, currency, sinceMs };
      const isKnown = this.#accountsFor(currency, off);
      if (shown.has(currency)) {
        this.#comparison.explain(new Map([[currency, off]]));
        if (!isKnown) this.#report(DISCREPANCY_KIND.AMOUNT_DIFFERS, said);
        continue;
      }
      this.#waits ||= !isKnown && this.#comparison.isYoung(sinceMs);
      const isReported = !isKnown && !this.#waits;
      const found = isReported ? this.#describe(DISCREPANCY_KIND.AMOUNT_DIFFERS, said) : undefined;
      this.#explainUnshown(currency, off, found);
    }
  }

  #explainUnshown(currency: string, net: string, discrepancy?: Discrepancy): void {
    const { kind, name, id } = this.#accepted.one;
    const found = discrepancy === undefined ? null : { key: { kind, name, id }, discrepancy };
    this.#comparison.unshown.push({ currency, net, found });
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
}
