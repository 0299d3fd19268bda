import { netsShown, type Transaction, type TransactionIndex } from './provider-objects.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from './provider-status.js';
import { isZero, subtractNets, sumNets, type Discrepancies } from './reconciliation-discrepancies.js';
import { DISCREPANCY_KIND, type StoreSnapshot, type Discrepancy } from './reconciliation.js';

export interface UnseenDeposit {
  readonly balanceTransactionId: string;
  readonly providerDepositId: string;
  readonly currency: string;
  readonly net: string;
  readonly createdAtMs: number;
}

export interface DepositComparison {
  readonly store: StoreSnapshot;
  readonly transactions: TransactionIndex;
  readonly discrepancies: Discrepancies;
  readonly sinceMs: number;
}

type StoreDeposit = StoreSnapshot['deposits'][number];

/** Compares the store's deposits with the provider's, and answers with those that the store lacks. */
export function compareDeposits(comparison: DepositComparison): UnseenDeposit[] {
  for (const deposit of comparison.store.deposits) {
    // Proven by the balance alone: the provider shows no transaction for it.
    if (deposit.providerDepositId === null) continue;
    compareDeposit(comparison, deposit, deposit.providerDepositId);
  }
  return findUnseen(comparison);
}

function compareDeposit(
  { store, transactions, discrepancies, sinceMs }: DepositComparison,
  deposit: StoreDeposit,
  providerDepositId: string,
): void {
  const taken = transactions.take('deposit', providerDepositId);
  const booked = sumNets([{ currency: deposit.currency, net: deposit.amount }]);
  const shown = netsShown(taken, store.openedAtMs, booked);
  const isAbsent = taken.length === 0;
  if (isAbsent && deposit.verifiedAtMs < sinceMs) return;
  const off = subtractNets(shown, booked);
  if ([...off.values()].every(isZero)) return;
  if (isAbsent) discrepancies.explainGone(off);
  else discrepancies.explain(off);
  if (discrepancies.isYoung(deposit.verifiedAtMs)) {
    discrepancies.countInFlight();
    return;
  }
  discrepancies.report({
    ...depositDiscrepancy(isAbsent ? DISCREPANCY_KIND.DEPOSIT_MISSING : DISCREPANCY_KIND.AMOUNT_DIFFERS),
    currency: deposit.currency,
    providerIds: [providerDepositId],
    store: deposit.amount,
    provider: isAbsent ? null : (shown.get(deposit.currency) ?? null),
    sinceMs: deposit.verifiedAtMs,
  });
}

function findUnseen({ store, transactions, discrepancies }: DepositComparison): UnseenDeposit[] {
  const unseen: UnseenDeposit[] = [];
  for (const transaction of [...transactions.untaken]) {
    const { id, type, source, currency, net, status, createdAtMs } = transaction;
    const isDeposit = type === BALANCE_TRANSACTION_TYPE.DEPOSIT && source !== undefined;
    if (!isDeposit || createdAtMs < store.openedAtMs) continue;
    transactions.take('deposit', source);
    discrepancies.explain(sumNets([transaction]));
    const isAvailable = status === BALANCE_TRANSACTION_STATUS.AVAILABLE;
    if (isAvailable) {
      unseen.push({ balanceTransactionId: id, providerDepositId: source, currency, net, createdAtMs });
    }
    if (!isAvailable || discrepancies.isYoung(createdAtMs)) discrepancies.countInFlight();
    else discrepancies.report(unseenDiscrepancy(transaction, source));
  }
  return unseen;
}

function unseenDiscrepancy({ currency, net, createdAtMs }: Transaction, source: string): Discrepancy {
  return {
    ...depositDiscrepancy(DISCREPANCY_KIND.DEPOSIT_UNSEEN),
    currency,
    providerIds: [source],
    store: null,
    provider: net,
    sinceMs: createdAtMs,
  };
}

function depositDiscrepancy(
  kind: Discrepancy['kind'],
): Pick<Discrepancy, 'kind' | 'object' | 'payoutId' | 'externalOrderId'> {
  return { kind, object: 'deposit', payoutId: null, externalOrderId: null };
}
