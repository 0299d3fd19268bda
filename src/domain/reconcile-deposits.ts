import { isZero, subtractNets, sumNets, type Comparison } from './comparison.js';
import { BALANCE_TRANSACTION_STATUS, BALANCE_TRANSACTION_TYPE } from './provider-status.js';
import { DISCREPANCY_KIND, type StoreSnapshot } from './reconciliation.js';

export interface UnseenDeposit {
  readonly balanceTransactionId: string;
  readonly providerDepositId: string;
  readonly currency: string;
  readonly net: string;
  readonly createdAtMs: number;
}

/** Compares the store's deposits with the provider's, and answers with those that the store lacks. */
export function compareDeposits(comparison: Comparison): UnseenDeposit[] {
  for (const deposit of comparison.store.deposits) {
    // Proven by the balance alone: the provider shows no transaction for it.
    if (deposit.providerDepositId === null) continue;
    compareDeposit(comparison, deposit, deposit.providerDepositId);
  }
  return findUnseen(comparison);
}

function compareDeposit(
  comparison: Comparison,
  { currency, amount, verifiedAtMs }: StoreSnapshot['deposits'][number],
  providerDepositId: string,
): void {
  const taken = comparison.transactions.take('deposit', providerDepositId);
  const isAbsent = taken.length === 0;
  if (isAbsent && verifiedAtMs < comparison.sinceMs) return;
  const booked = sumNets([{ currency, net: amount }]);
  const shown = comparison.netsShown(taken, booked);
  const off = subtractNets(shown, booked);
  if ([...off.values()].every(isZero)) return;
  if (isAbsent) comparison.explainGone(off);
  else comparison.explain(off);
  if (comparison.isYoung(verifiedAtMs)) {
    comparison.inFlight += 1;
    return;
  }
  comparison.report({
    kind: isAbsent ? DISCREPANCY_KIND.DEPOSIT_MISSING : DISCREPANCY_KIND.AMOUNT_DIFFERS,
    object: 'deposit',
    currency,
    providerIds: [providerDepositId],
    store: amount,
    provider: shown.get(currency) ?? null,
    sinceMs: verifiedAtMs,
  });
}

function findUnseen(comparison: Comparison): UnseenDeposit[] {
  const { transactions } = comparison;
  const unseen: UnseenDeposit[] = [];
  for (const transaction of [...transactions.untaken]) {
    const { id, type, source, currency, net, status, createdAtMs } = transaction;
    const isDeposit = type === BALANCE_TRANSACTION_TYPE.DEPOSIT && source !== undefined;
    if (!isDeposit || comparison.isOfOpening(transaction)) continue;
    transactions.take('deposit', source);
    comparison.explain(sumNets([transaction]));
    const isAvailable = status === BALANCE_TRANSACTION_STATUS.AVAILABLE;
    if (isAvailable) {
      unseen.push({ balanceTransactionId: id, providerDepositId: source, currency, net, createdAtMs });
    }
    if (!isAvailable || comparison.isYoung(createdAtMs)) {
      comparison.inFlight += 1;
      continue;
    }
    comparison.report({
      kind: DISCREPANCY_KIND.DEPOSIT_UNSEEN,
      object: 'deposit',
      currency,
      providerIds: [source],
      store: null,
      provider: net,
      sinceMs: createdAtMs,
    });
  }
  return unseen;
}
