import {
  isFinal,
  netsShown,
  RETURNED_STATUSES,
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
  type Findings,
  type Nets,
} from './reconciliation-findings.js';
import {
  DIFFERENCE_KIND,
  type BookSnapshot,
  type Difference,
  type DifferenceKind,
} from './reconciliation.js';

export type Attempt = BookSnapshot['attempts'][number];
type Answer = NonNullable<Attempt['answer']>;

export interface AnswerComparison {
  readonly book: BookSnapshot;
  readonly transactions: TransactionIndex;
  readonly findings: Findings;
  readonly attempt: Attempt;
  readonly answer: Answer;
  /** What the provider shows of it. */
  readonly own: ProviderObject | undefined;
  /** True for what the book recorded within the window, which the provider has to show. */
  readonly isExpected: boolean;
  readonly sinceMs: number;
}

/** Compares what the book has of an accepted payout or order with what the provider shows: words, amounts, money. */
export function compareAnswer(comparison: AnswerComparison): void {
  const record = new AttemptRecord(comparison);
  const { own, isExpected } = comparison;
  if (own !== undefined) compareObject(record, comparison, own);
  else if (isExpected) reportAbsence(record, comparison);
  compareTaken(record, comparison);
  if (comparison.attempt.operation === 'payout') compareReturned(record, comparison);
  record.close();
}

/** These are about all that the attempt moved. */
const WHOLE_KINDS = [
  DIFFERENCE_KIND.MISSING_AT_PROVIDER,
  DIFFERENCE_KIND.STATUS_DIFFERS,
  DIFFERENCE_KIND.RETURN_OVERDUE,
] as const;

/** What this run has found about one attempt so far. */
class AttemptRecord {
  readonly #comparison: AnswerComparison;
  readonly #kinds = new Set<DifferenceKind>();
  readonly #reported = new Map<string, string>();
  #waits = false;

  constructor(comparison: AnswerComparison) {
    this.#comparison = comparison;
  }

  /**
   * True when a difference of the balance transactions is known already: something is under way or missing as a
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

  has(...kinds: DifferenceKind[]): boolean {
    return kinds.some((kind) => this.#kinds.has(kind));
  }

  wait(): void {
    this.#waits = true;
  }

  report(
    kind: DifferenceKind,
    said: Pick<Difference, 'book' | 'provider' | 'sinceMs'> & { readonly currency?: string },
  ): void {
    const { attempt, answer, own, findings } = this.#comparison;
    const { operation, payoutId, externalOrderId } = attempt;
    this.#kinds.add(kind);
    findings.report({
      kind,
      object: operation,
      payoutId,
      externalOrderId,
      providerIds: [own?.id ?? answer.providerId],
      currency: said.currency ?? answer.currency,
      book: said.book,
      provider: said.provider,
      sinceMs: said.sinceMs,
    });
  }

  close(): void {
    if (this.#waits) this.#comparison.findings.countInFlight();
  }
}

function reportAbsence(record: AttemptRecord, { answer, findings }: AnswerComparison): void {
  const { amount, recordedAtMs } = answer;
  if (findings.isYoung(recordedAtMs)) record.wait();
  else
    record.report(DIFFERENCE_KIND.MISSING_AT_PROVIDER, {
      book: amount,
      provider: null,
      sinceMs: recordedAtMs,
    });
}

function compareObject(record: AttemptRecord, comparison: AnswerComparison, own: ProviderObject): void {
  const { attempt, answer, findings } = comparison;
  const { operation } = attempt;
  const areBothFilled = answer.status === 'filled' && own.status === 'filled';
  const mayStillChange = !isFinal(operation, answer.status) && findings.isYoung(answer.recordedAtMs);
  /** `taken`: more of it is less in the balance. */
  const compare = (
    kind: DifferenceKind,
    currency: string,
    book: string,
    provider: string,
    taken = true,
  ): void => {
    if (compareAmounts(book, provider) === 0) return;
    if (mayStillChange) {
      record.wait();
      return;
    }
    record.report(kind, { currency, book, provider, sinceMs: answer.recordedAtMs });
    record.noteReported(currency, taken ? subtractAmounts(book, provider) : subtractAmounts(provider, book));
  };
  // The book has what an order that ended unfilled really moved, the provider may show what was asked for.
  const isEndedUnfilled = operation === 'order' && RETURNED_STATUSES.includes(answer.status);
  if (!isEndedUnfilled) compare(DIFFERENCE_KIND.AMOUNT_DIFFERS, own.currency, answer.amount, own.amount);
  if (areBothFilled && answer.quoteAmount !== null && own.quote !== null) {
    compare(DIFFERENCE_KIND.AMOUNT_DIFFERS, own.quote.currency, answer.quoteAmount, own.quote.amount, false);
  }
  // Before it is filled, an order's fee is not known.
  if (operation === 'payout' || areBothFilled) {
    compare(DIFFERENCE_KIND.FEE_DIFFERS, own.feeCurrency, answer.fee, own.fee);
  }
  compareStatus(record, comparison, own.status);
}

/** Words for what is not settled yet may differ; of the two ends of a settlement one side may know a little later. */
function compareStatus(
  record: AttemptRecord,
  { attempt, answer, findings }: AnswerComparison,
  status: string,
): void {
  const isBookFinal = isFinal(attempt.operation, answer.status);
  const isProviderFinal = isFinal(attempt.operation, status);
  if (status === answer.status || (!isBookFinal && !isProviderFinal)) return;
  const isContradiction = isBookFinal && isProviderFinal;
  if (!isContradiction && findings.isYoung(answer.readAtMs)) record.wait();
  else {
    const said = { book: answer.status, provider: status, sinceMs: answer.readAtMs };
    record.report(DIFFERENCE_KIND.STATUS_DIFFERS, said);
  }
}

/** What it took, and for an order what it brought in: the ledger's word and the balance transactions'. */
function compareTaken(record: AttemptRecord, comparison: AnswerComparison): void {
  const { attempt, answer, book, isExpected } = comparison;
  const taken = takeTransactions(comparison, attempt.operation);
  const booked = sumNets(answer.booked);
  const shown = netsShown(taken, book.openedAtMs, booked);
  // Without transactions from before the window nothing can be said.
  const absent = (currency: string): boolean => !isExpected && !shown.has(currency);
  compareNets(record, comparison, {
    booked: new Map([...booked].filter(([currency]) => !absent(currency))),
    shown,
    sinceMs: answer.recordedAtMs,
  });
}

function compareReturned(record: AttemptRecord, comparison: AnswerComparison): void {
  const { answer, book } = comparison;
  const returns = takeTransactions(comparison, 'return');
  const { returnedAtMs, returned } = answer;
  if (returnedAtMs === null || returned === null) {
    const shown = netsShown(returns, book.openedAtMs, NO_NETS);
    comparison.findings.explain(shown);
    if (shown.size > 0) compareUnbookedReturn(record, comparison, shown, returns);
    else compareDueReturn(record, comparison);
    return;
  }
  const booked = sumNets([{ currency: answer.currency, net: returned }]);
  const shown = netsShown(returns, book.openedAtMs, booked);
  if (shown.size > 0) {
    compareNets(record, comparison, { booked, shown, sinceMs: returnedAtMs });
  } else if (returnedAtMs >= comparison.sinceMs) {
    comparison.findings.explainGone(subtractNets(NO_NETS, booked));
    if (comparison.findings.isYoung(returnedAtMs)) record.wait();
    else reportOverdue(record, { book: returned, provider: null, sinceMs: returnedAtMs });
  }
}

/** The book waits for money that was taken, and the provider has given nothing back. */
function compareDueReturn(record: AttemptRecord, { answer, findings }: AnswerComparison): void {
  if (!RETURNED_STATUSES.includes(answer.status) || answer.booked.length === 0) return;
  if (findings.isYoung(answer.readAtMs)) record.wait();
  else reportOverdue(record, { book: amountDue(answer), provider: null, sinceMs: answer.readAtMs });
}

/** The provider has given something back that the book does not have. */
function compareUnbookedReturn(
  record: AttemptRecord,
  { attempt, answer, own, findings }: AnswerComparison,
  shown: Nets,
  returns: readonly Transaction[],
): void {
  const sinceMs = Math.max(...returns.map(({ createdAtMs }) => createdAtMs));
  const isYoung = findings.isYoung(sinceMs);
  if (RETURNED_STATUSES.includes(answer.status)) {
    const provider = shown.get(answer.currency) ?? null;
    if (isYoung) record.wait();
    else reportOverdue(record, { book: amountDue(answer), provider, sinceMs });
  } else if (!RETURNED_STATUSES.includes(own?.status ?? '') && !hasStatusFinding(record)) {
    if (isYoung && !isFinal(attempt.operation, answer.status)) record.wait();
    else
      record.report(DIFFERENCE_KIND.STATUS_DIFFERS, { book: answer.status, provider: 'returned', sinceMs });
  }
}

/** What cannot be expected back from a payout that is gone, or of which the two sides say different things. */
function hasStatusFinding(record: AttemptRecord): boolean {
  return record.has(DIFFERENCE_KIND.MISSING_AT_PROVIDER, DIFFERENCE_KIND.STATUS_DIFFERS);
}

function reportOverdue(record: AttemptRecord, said: Pick<Difference, 'book' | 'provider' | 'sinceMs'>): void {
  if (!hasStatusFinding(record)) record.report(DIFFERENCE_KIND.RETURN_OVERDUE, said);
}

/** All that the ledger says was taken. */
function amountDue({ booked, currency }: Answer): string {
  return subtractAmounts('0', sumNets(booked).get(currency) ?? '0');
}

interface NetsComparison {
  readonly booked: Nets;
  readonly shown: Nets;
  /** When the book came to its word. */
  readonly sinceMs: number;
}

/** Whatever differs is explained: by what is known of this attempt already, by its youth, or by a report of its own. */
function compareNets(
  record: AttemptRecord,
  { findings }: AnswerComparison,
  { booked, shown, sinceMs }: NetsComparison,
): void {
  for (const [currency, off] of subtractNets(shown, booked)) {
    if (isZero(off)) continue;
    const explanation = new Map([[currency, off]]);
    if (shown.has(currency)) findings.explain(explanation);
    else findings.explainGone(explanation);
    if (record.accountsFor(currency, off)) continue;
    if (findings.isYoung(sinceMs)) record.wait();
    else {
      const said = { book: booked.get(currency) ?? null, provider: shown.get(currency) ?? null };
      record.report(DIFFERENCE_KIND.AMOUNT_DIFFERS, { ...said, currency, sinceMs });
    }
  }
}

/** By the book's id and, where the provider shows it under another one, by that. */
function takeTransactions(
  { transactions, answer, own }: AnswerComparison,
  leg: 'payout' | 'order' | 'return',
): Transaction[] {
  const ids = new Set([answer.providerId, ...(own === undefined ? [] : [own.id])]);
  return [...ids].flatMap((id) => transactions.take(leg, id));
}
