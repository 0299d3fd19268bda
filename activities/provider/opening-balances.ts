import type { MovedLeg } from '../../src/store/ledger/provider-account.js';
import { addAmounts } from '../../src/domain/money.js';
import { legOfType } from '../../src/domain/provider-status.js';
import type { BalanceTransaction } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readStandingBalances } from './provider-balances.js';

type OpeningDependencies = Pick<ActivityDependencies, 'store' | 'qbitpay'>;

/** A store that is being used while it is opened is read again. */
const OPENING_ATTEMPTS = 20;

/**
 * Books, once, what the account held before the engine used it. What the engine will book for its own reason (deposits
 * whose notices are on their way, money that comes back from failed payouts, charges of later) is not part of it.
 */
export async function ensureOpeningBalances(deps: OpeningDependencies): Promise<void> {
  if ((await deps.store.ledger.readAccountOpening()).isRecorded) return;
  for (let attempt = 1; attempt <= OPENING_ATTEMPTS; attempt += 1) {
    if (await tryOpening(deps)) return;
  }
  throw new Error('the ledger did not stand still while the opening balances were read');
}

/** False when something was booked between the reading of the provider and the writing: then nothing is written. */
async function tryOpening({ store, qbitpay }: OpeningDependencies): Promise<boolean> {
  const bookedBefore = await store.ledger.readProviderBalances();
  const { balances, newest } = await readStandingBalances(qbitpay);
  const transactions = await readAllSince(qbitpay, newest, await store.ledger.readAccountOpening());
  const unbooked = await store.ledger.findUnbooked(
    transactions.map((one) => ({
      id: one.id,
      source: one.source ?? null,
      leg: legOf(one),
      at: new Date(one.createdAt),
    })),
  );
  const isOpened = await store.ledger.recordOpeningBalances(
    balances.map(({ currency, available, pending }) => ({
      currency,
      held: addAmounts(available, pending),
      unbooked: addAmounts(
        ...transactions
          .filter((one) => one.currency === currency && unbooked.has(one.id))
          .map(({ amount, net = amount }) => net),
      ),
    })),
    bookedBefore,
  );
  if (isOpened) await store.ledger.recordBalanceReading(balances);
  return isOpened;
}

async function readAllSince(
  qbitpay: OpeningDependencies['qbitpay'],
  newest: readonly BalanceTransaction[],
  { openedAt }: { readonly openedAt: Date },
): Promise<BalanceTransaction[]> {
  const isRecent = ({ createdAt }: BalanceTransaction): boolean =>
    Date.parse(createdAt) >= openedAt.getTime();
  const recent = newest.filter(isRecent);
  const last = newest.at(-1);
  if (last === undefined || !isRecent(last)) return recent;
  for await (const transaction of qbitpay.iterateBalanceTransactions({}, { startingAfter: last.id })) {
    if (!isRecent(transaction)) break;
    recent.push(transaction);
  }
  return recent;
}

function legOf({ type }: BalanceTransaction): MovedLeg {
  return legOfType(type) ?? 'outside';
}
