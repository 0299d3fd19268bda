import {
  isEndAtProvider,
  isFailedOrCancelled,
  PROVIDER_ORDER_STATUS,
  type ProviderStatus,
} from './provider-status.js';
import {
  netsShown,
  type ProviderObject,
  type Transaction,
  type TransactionIndex,
} from './provider-objects.js';
import { addAmounts, compareAmounts, subtractAmounts } from './money.js';
import {
  isZero,
  NO_NETS,
  subtractNets,
  sumNets,
  type Discrepancies,
  type Nets,
} from './reconciliation-discrepancies.js';
import {
  DISCREPANCY_KIND,
  type StoreSnapshot,
  type Discrepancy,
  type DiscrepancyKind,
} from './reconciliation.js';

export type Attempt = StoreSnapshot['attempts'][number];
type Answer = NonNullable<Attempt['answer']>;

export interface AnswerComparison {
  readonly store: StoreSnapshot;
  readonly transactions: TransactionIndex;
  readonly discrepancies: Discrepancies;
  readonly attempt: Attempt;
  readonly answer: Answer;
  /** What the provider shows of it. */
  readonly own: ProviderObject | undefined;
  /** True for what the store recorded within the window, which the provider has to show. */
  readonly isExpected: boolean;
  readonly sinceMs: number;
}

/** Compares what the store has of an accepted payout or order with what the provider shows: words, amounts, money. */
export function compareAnswer(comparison: AnswerComparison): void {
  const record = new AttemptRecord(comparison);
  const { own, isExpected } = comparison;
  if (own !== undefined) compareObject(record, comparison, own);
  else if (isExpected) reportAbsence(record, comparison);
  compareDebited(record, comparison);
  if (comparison.attempt.operation === 'payout') compareReturned(record, comparison);
  record.close();
}

/** These are about all that the attempt moved. */
const WHOLE_KINDS = [
  DISCREPANCY_KIND.MISSING_AT_PROVIDER,
  DISCREPANCY_KIND.STATUS_DIFFERS,
  DISCREPANCY_KIND.RETURN_OVERDUE,
] as const;

/** What this run has found about one attempt so far. */
class AttemptRecord {
  readonly #comparison: AnswerComparison;
  readonly #kinds = new Set<DiscrepancyKind>();
  readonly #reported = new Map<string, string>();
  #waits = false;

  constructor(comparison: AnswerComparison) {
    this.#comparison = comparison;
  }

  /**
   * True when a discrepancy of the balance transactions is known already: something is under way or missing as a
   * whole, or the amounts that were reported come to exactly this.
   */
  accountsFor(currency: string, off: string): boolean {
    if (this.#waits || this.has(...WHOLE_KINDS)) return true;
    return compareAmounts(this.#reported.get(currency) ?? '0', off) === 0;
  }

  /** Notes what a reported amount means for the balance of its currency. */
  noteReported(currency: string, off: string): void {
    this.#reported.set(currency, addAmounts(this.#reported.get(currency) ?? '0', off));
  }

  has(...kinds: DiscrepancyKind[]): boolean {
    return kinds.some((kind) => this.#kinds.has(kind));
  }

  wait(): void {
    this.#waits = true;
  }

  report(
    kind: DiscrepancyKind,
    said: Pick<Discrepancy, 'store' | 'provider' | 'sinceMs'> & { readonly currency?: string },
  ): void {
    const { attempt, answer, own, discrepancies } = this.#comparison;
    const { operation, payoutId, externalOrderId } = attempt;
    this.#kinds.add(kind);
    discrepancies.report({
      kind,
      object: operation,
      payoutId,
      externalOrderId,
      providerIds: [own?.id ?? answer.providerId],
      currency: said.currency ?? answer.currency,
      store: said.store,
      provider: said.provider,
      sinceMs: said.sinceMs,
    });
  }

  close(): void {
    if (this.#waits) this.#comparison.discrepancies.countInFlight();
  }
}

function reportAbsence(record: AttemptRecord, { answer, discrepancies }: AnswerComparison): void {
  const { amount, recordedAtMs } = answer;
  if (discrepancies.isYoung(recordedAtMs)) record.wait();
  else
    record.report(DISCREPANCY_KIND.MISSING_AT_PROVIDER, {
      store: amount,
      provider: null,
      sinceMs: recordedAtMs,
    });
}

function compareObject(record: AttemptRecord, comparison: AnswerComparison, own: ProviderObject): void {
  const { attempt, answer, discrepancies } = comparison;
  const { operation } = attempt;
  const areBothFilled = [answer.status, own.status].every(
    (status) => status === PROVIDER_ORDER_STATUS.FILLED,
  );
  const mayStillChange = !isEndAtProvider(answer.status) && discrepancies.isYoung(answer.recordedAtMs);
  /** `taken`: more of it is less in the balance. */
  const compare = (
    kind: DiscrepancyKind,
    currency: string,
    store: string,
    provider: string,
    taken = true,
  ): void => {
    if (compareAmounts(store, provider) === 0) return;
    if (mayStillChange) {
      record.wait();
      return;
    }
    record.report(kind, { currency, store, provider, sinceMs: answer.recordedAtMs });
    record.noteReported(
      currency,
      taken ? subtractAmounts(store, provider) : subtractAmounts(provider, store),
    );
  };
  // The store has what an order that ended unfilled really moved, the provider may show what was asked for.
  const isEndedUnfilled = operation === 'order' && isFailedOrCancelled(answer.status);
  if (!isEndedUnfilled) compare(DISCREPANCY_KIND.AMOUNT_DIFFERS, own.currency, answer.amount, own.amount);
  if (areBothFilled && answer.quoteAmount !== null && own.quote !== null) {
    compare(DISCREPANCY_KIND.AMOUNT_DIFFERS, own.quote.currency, answer.quoteAmount, own.quote.amount, false);
  }
  // Before it is filled, an order's fee is not known.
  if (operation === 'payout' || areBothFilled) {
    compare(DISCREPANCY_KIND.FEE_DIFFERS, own.feeCurrency, answer.fee, own.fee);
  }
  compareStatus(record, comparison, own.status);
}

/** Words for what is not settled yet may differ; of the two ends of a settlement one side may know a little later. */
function compareStatus(
  record: AttemptRecord,
  { answer, discrepancies }: AnswerComparison,
  status: ProviderStatus,
): void {
  const isStoreFinal = isEndAtProvider(answer.status);
  const isProviderFinal = isEndAtProvider(status);
  if (status === answer.status || (!isStoreFinal && !isProviderFinal)) return;
  const isContradiction = isStoreFinal && isProviderFinal;
  if (!isContradiction && discrepancies.isYoung(answer.readAtMs)) record.wait();
  else {
    const said = { store: answer.status, provider: status, sinceMs: answer.readAtMs };
    record.report(DISCREPANCY_KIND.STATUS_DIFFERS, said);
  }
}

/** What it took, and for an order what it brought in: the ledger's word and the balance transactions'. */
function compareDebited(record: AttemptRecord, comparison: AnswerComparison): void {
  const { attempt, answer, store, isExpected } = comparison;
  const taken = takeTransactions(comparison, attempt.operation);
  const booked = sumNets(answer.booked);
  const shown = netsShown(taken, store.openedAtMs, booked);
  // Without transactions from before the window nothing can be said.
  const absent = (currency: string): boolean => !isExpected && !shown.has(currency);
  compareNets(record, comparison, {
    booked: new Map([...booked].filter(([currency]) => !absent(currency))),
    shown,
    sinceMs: answer.recordedAtMs,
  });
}

function compareReturned(record: AttemptRecord, comparison: AnswerComparison): void {
  const { answer, store } = comparison;
  const returns = takeTransactions(comparison, 'return');
  const { returnedAtMs, returned } = answer;
  if (returnedAtMs === null || returned === null) {
    const shown = netsShown(returns, store.openedAtMs, NO_NETS);
    comparison.discrepancies.explain(shown);
    if (shown.size > 0) compareUnbookedReturn(record, comparison, shown, returns);
    else compareDueReturn(record, comparison);
    return;
  }
  const booked = sumNets([{ currency: answer.currency, net: returned }]);
  const shown = netsShown(returns, store.openedAtMs, booked);
  if (shown.size > 0) {
    compareNets(record, comparison, { booked, shown, sinceMs: returnedAtMs });
  } else if (returnedAtMs >= comparison.sinceMs) {
    comparison.discrepancies.explainGone(subtractNets(NO_NETS, booked));
    if (comparison.discrepancies.isYoung(returnedAtMs)) record.wait();
    else reportOverdue(record, { store: returned, provider: null, sinceMs: returnedAtMs });
  }
}

/** The store waits for money that was taken, and the provider has given nothing back. */
function compareDueReturn(record: AttemptRecord, { answer, discrepancies }: AnswerComparison): void {
  if (!isFailedOrCancelled(answer.status) || answer.booked.length === 0) return;
  if (discrepancies.isYoung(answer.readAtMs)) record.wait();
  else reportOverdue(record, { store: amountDue(answer), provider: null, sinceMs: answer.readAtMs });
}

/** The provider has given something back that the store does not have. */
function compareUnbookedReturn(
  record: AttemptRecord,
  { answer, own, discrepancies }: AnswerComparison,
  shown: Nets,
  returns: readonly Transaction[],
): void {
  const sinceMs = Math.max(...returns.map(({ createdAtMs }) => createdAtMs));
  const isYoung = discrepancies.isYoung(sinceMs);
  if (isFailedOrCancelled(answer.status)) {
    const provider = shown.get(answer.currency) ?? null;
    if (isYoung) record.wait();
    else reportOverdue(record, { store: amountDue(answer), provider, sinceMs });
  } else if (!(own !== undefined && isFailedOrCancelled(own.status)) && !hasStatusDiscrepancy(record)) {
    if (isYoung && !isEndAtProvider(answer.status)) record.wait();
    else
      record.report(DISCREPANCY_KIND.STATUS_DIFFERS, { store: answer.status, provider: 'returned', sinceMs });
  }
}

/** What cannot be expected back from a payout that is gone, or of which the two sides say different things. */
function hasStatusDiscrepancy(record: AttemptRecord): boolean {
  return record.has(DISCREPANCY_KIND.MISSING_AT_PROVIDER, DISCREPANCY_KIND.STATUS_DIFFERS);
}

function reportOverdue(
  record: AttemptRecord,
  said: Pick<Discrepancy, 'store' | 'provider' | 'sinceMs'>,
): void {
  if (!hasStatusDiscrepancy(record)) record.report(DISCREPANCY_KIND.RETURN_OVERDUE, said);
}

/** All that the ledger says was taken. */
function amountDue({ booked, currency }: Answer): string {
  return subtractAmounts('0', sumNets(booked).get(currency) ?? '0');
}

interface NetsComparison {
  readonly booked: Nets;
  readonly shown: Nets;
  /** When the store came to its word. */
  readonly sinceMs: number;
}

/** Whatever differs is explained: by what is known of this attempt already, by its youth, or by a report of its own. */
function compareNets(
  record: AttemptRecord,
  { discrepancies }: AnswerComparison,
  { booked, shown, sinceMs }: NetsComparison,
): void {
  for (const [currency, off] of subtractNets(shown, booked)) {
    if (isZero(off)) continue;
    const explanation = new Map([[currency, off]]);
    if (shown.has(currency)) discrepancies.explain(explanation);
    else discrepancies.explainGone(explanation);
    if (record.accountsFor(currency, off)) continue;
    if (discrepancies.isYoung(sinceMs)) record.wait();
    else {
      const said = { store: booked.get(currency) ?? null, provider: shown.get(currency) ?? null };
      record.report(DISCREPANCY_KIND.AMOUNT_DIFFERS, { ...said, currency, sinceMs });
    }
  }
}

/** By the store's id and, where the provider shows it under another one, by that. */
function takeTransactions(
  { transactions, answer, own }: AnswerComparison,
  leg: 'payout' | 'order' | 'return',
): Transaction[] {
  const ids = new Set([answer.providerId, ...(own === undefined ? [] : [own.id])]);
  return [...ids].flatMap((id) => transactions.take(leg, id));
}
