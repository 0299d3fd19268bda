import { netsShown, type Transaction, type TransactionIndex } from './provider-objects.js';
import { isZero, subtractNets, sumNets, type Findings } from './reconciliation-findings.js';
import { DIFFERENCE_KIND, type BookSnapshot, type Difference } from './reconciliation.js';

export interface UnseenDeposit {
  readonly balanceTransactionId: string;
  readonly providerDepositId: string;
  readonly currency: string;
  readonly net: string;
  readonly createdAtMs: number;
}

export interface DepositComparison {
  readonly book: BookSnapshot;
  readonly transactions: TransactionIndex;
  readonly findings: Findings;
  readonly sinceMs: number;
}

type BookDeposit = BookSnapshot['deposits'][number];

/** Compares the book's deposits with the provider's, and answers with those that the book lacks. */
export function compareDeposits(comparison: DepositComparison): UnseenDeposit[] {
  for (const deposit of comparison.book.deposits) {
    // Proven by the balance alone: the provider shows no transaction for it.
    if (deposit.providerDepositId === null) continue;
    compareDeposit(comparison, deposit, deposit.providerDepositId);
  }
  return findUnseen(comparison);
}

function compareDeposit(
  { book, transactions, findings, sinceMs }: DepositComparison,
  deposit: BookDeposit,
  providerDepositId: string,
): void {
  const taken = transactions.take('deposit', providerDepositId);
  const booked = sumNets([{ currency: deposit.currency, net: deposit.amount }]);
  const shown = netsShown(taken, book.openedAtMs, booked);
  const isAbsent = taken.length === 0;
  if (isAbsent && deposit.verifiedAtMs < sinceMs) return;
  const off = subtractNets(shown, booked);
  if ([...off.values()].every(isZero)) return;
  if (isAbsent) findings.explainGone(off);
  else findings.explain(off);
  if (findings.isYoung(deposit.verifiedAtMs)) {
    findings.countInFlight();
    return;
  }
  findings.report({
    ...depositDifference(isAbsent ? DIFFERENCE_KIND.DEPOSIT_MISSING : DIFFERENCE_KIND.AMOUNT_DIFFERS),
    currency: deposit.currency,
    providerIds: [providerDepositId],
    book: deposit.amount,
    provider: isAbsent ? null : (shown.get(deposit.currency) ?? null),
    sinceMs: deposit.verifiedAtMs,
  });
}

function findUnseen({ book, transactions, findings }: DepositComparison): UnseenDeposit[] {
  const unseen: UnseenDeposit[] = [];
  for (const transaction of [...transactions.untaken]) {
    const { id, type, source, currency, net, status, createdAtMs } = transaction;
    if (type !== 'deposit' || source === undefined || createdAtMs < book.depositsFromMs) continue;
    transactions.take('deposit', source);
    findings.explain(sumNets([transaction]));
    const isAvailable = status === 'available';
    if (isAvailable) {
      unseen.push({ balanceTransactionId: id, providerDepositId: source, currency, net, createdAtMs });
    }
    if (!isAvailable || findings.isYoung(createdAtMs)) findings.countInFlight();
    else findings.report(unseenDifference(transaction, source));
  }
  return unseen;
}

function unseenDifference({ currency, net, createdAtMs }: Transaction, source: string): Difference {
  return {
    ...depositDifference(DIFFERENCE_KIND.DEPOSIT_UNSEEN),
    currency,
    providerIds: [source],
    book: null,
    provider: net,
    sinceMs: createdAtMs,
  };
}

function depositDifference(
  kind: Difference['kind'],
): Pick<Difference, 'kind' | 'object' | 'payoutId' | 'externalOrderId'> {
  return { kind, object: 'deposit', payoutId: null, externalOrderId: null };
}
