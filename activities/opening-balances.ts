import { addAmounts } from '../src/domain/money.js';
import type { BalanceTransaction } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';

/**
 * Books, once, what the account held before the engine used it. What moved since then (deposits whose notices are
 * on their way, charges) is not part of it: it is booked for its own reason.
 */
export async function ensureOpeningBalances({
  book,
  qbitpay,
}: Pick<ActivityDependencies, 'book' | 'qbitpay'>): Promise<void> {
  const { openedAt, isRecorded } = await book.ledger.readAccountOpening();
  if (isRecorded) return;
  // Read first: what comes in while the list is read must not look like opening money.
  const balances = await qbitpay.listBalances();
  const moved: BalanceTransaction[] = [];
  for await (const transaction of qbitpay.iterateBalanceTransactions()) {
    if (Date.parse(transaction.createdAt) < openedAt.getTime()) break;
    moved.push(transaction);
  }
  const unbooked = await book.ledger.findUnbooked(
    moved.map(({ id, source }) => ({ id, source: source ?? null })),
  );
  await book.ledger.recordOpeningBalances(
    balances.map(({ currency, available, pending }) => ({
      currency,
      held: addAmounts(available, pending),
      unbooked: addAmounts(
        ...moved
          .filter((one) => one.currency === currency && unbooked.has(one.id))
          .map(({ amount, net = amount }) => net),
      ),
    })),
  );
  await book.ledger.recordBalanceReading(balances);
}
