import { sql } from 'kysely';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import {
  addAmounts,
  compareAmounts,
  divide,
  leastAmount,
  multiply,
  roundDownToCurrency,
  subtractAmounts,
  type Money,
} from '../../domain/money.js';
import { FUNDING } from '../../domain/payout-request.js';
import type { StoreTransaction } from '../database.js';
import type { PayoutRow } from '../schema.js';
import { fundsOf, nextCauseId, selectPostings } from './journal.js';
import { bearMissing } from './missing-money.js';
import { AVAILABLE, book, fundsAccount, owedAccount, positivePart, type Movements } from './movements.js';

/** Whose the money is that a payout has at its end, and where it gets it back from when it goes on after all. */

/**
 * The payout has ended: what it has left goes back to whose it was, but for what is missing of its deposits. What its owner
 * had deposited he is owed. What was reserved goes back to what the owner is owed and to the available balance, in the
 * proportion in which it was taken. What the house has borne for the payout comes before both.
 */
export async function releaseFunds(trx: StoreTransaction, payout: FundedPayout): Promise<void> {
  const { payout_id: payoutId, owner } = payout;
  const own = await fundsOf(trx, payoutId);
  await bearMissing(
    trx,
    payoutId,
    own.map(({ currency }) => currency),
  );
  const { fromOwed, reserved } = await readSource(trx, payout);
  const funds = fundsAccount(payoutId);
  const causeId = await nextCauseId(trx, ENTRY_CAUSE.RELEASE, { payoutId });
  const borneIn = await readBorneByHouse(trx, payoutId);
  const write = (entry: Movements): void => {
    for (const { currency } of own) {
      const amount = entry.left(funds, currency);
      const borne = leastAmount(amount, positivePart(borneIn.get(currency) ?? '0'));
      const rest = subtractAmounts(amount, borne);
      const owed =
        compareAmounts(fromOwed, reserved) === 0
          ? rest
          : roundDownToCurrency(divide(multiply(rest, fromOwed), reserved), currency);
      entry.free(funds, owedAccount(owner), { currency, amount: owed });
      entry.makeAvailable(funds, { currency, amount: subtractAmounts(amount, owed) });
    }
  };
  await book(trx, { cause: ENTRY_CAUSE.RELEASE, causeId, payoutId, write });
}

type FundedPayout = Pick<PayoutRow, 'payout_id' | 'owner' | 'funding'>;

/** How a payout came by its money. */
interface Source {
  /** Of what was reserved for it, what its owner was owed; a deposit is his altogether. */
  readonly fromOwed: string;
  readonly reserved: string;
}

async function readSource(
  trx: StoreTransaction,
  { payout_id: payoutId, funding }: FundedPayout,
): Promise<Source> {
  if (funding === FUNDING.DEPOSIT) return { fromOwed: '0', reserved: '0' };
  const taken = await selectPostings(trx)
    .select(['kind', 'amount'])
    .where('cause', '=', ENTRY_CAUSE.RESERVATION)
    .where('cause_id', '=', payoutId)
    .where('kind', 'in', [ACCOUNT_KIND.OWED, ACCOUNT_KIND.AVAILABLE])
    .execute();
  const fromOwed = taken.find(({ kind }) => kind === ACCOUNT_KIND.OWED)?.amount ?? '0';
  return { fromOwed, reserved: addAmounts(...taken.map(({ amount }) => amount)) };
}

/** By currency: what QbitPay took beyond the money of the payout, less what the house got back of it. */
async function readBorneByHouse(
  trx: StoreTransaction,
  payoutId: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await selectPostings(trx)
    .select(['currency', sql<string>`sum(amount)`.as('borne')])
    .where('ledger_entries.payout_id', '=', payoutId)
    .where('cause', '<>', ENTRY_CAUSE.RESERVATION)
    .where('kind', 'in', [ACCOUNT_KIND.SHORTFALL, ACCOUNT_KIND.AVAILABLE])
    .groupBy('currency')
    .execute();
  return new Map(rows.map(({ currency, borne }) => [currency, borne]));
}

/**
 * A payout that had ended goes on: it gets back what it had left. What its owner is owed may fall below zero by that, and
 * is nobody else's loss; of the available balance it gets what is there.
 */
export async function reclaimFunds(trx: StoreTransaction, payoutId: string): Promise<void> {
  const causeId = await nextCauseId(trx, ENTRY_CAUSE.RECLAIM, { payoutId });
  const released = await releasedBy(trx, payoutId);
  const write = (entry: Movements): void => {
    for (const { owner, currency, amount } of released) {
      const account = owner === null ? AVAILABLE : owedAccount(owner);
      const most = owner === null ? entry.left(account, currency) : amount;
      entry.move(account, fundsAccount(payoutId), { currency, amount: leastAmount(amount, most) });
    }
  };
  await book(trx, { cause: ENTRY_CAUSE.RECLAIM, causeId, payoutId, write });
}

/** What a payout has left, to whom, and has not got back. */
function releasedBy(
  trx: StoreTransaction,
  payoutId: string,
): Promise<readonly (Money & { readonly owner: string | null })[]> {
  return selectPostings(trx)
    .select(['owner', 'currency', sql<string>`-sum(amount)`.as('amount')])
    .where('ledger_entries.payout_id', '=', payoutId)
    .where('cause', 'in', [ENTRY_CAUSE.RELEASE, ENTRY_CAUSE.RECLAIM])
    .where('kind', 'in', [ACCOUNT_KIND.OWED, ACCOUNT_KIND.AVAILABLE])
    .groupBy(['owner', 'currency'])
    .having(sql<boolean>`sum(amount) < 0`)
    .execute();
}
