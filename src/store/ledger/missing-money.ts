import { sql } from 'kysely';
import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import { leastAmount, type Money } from '../../domain/money.js';
import type { StoreTransaction } from '../database.js';
import { DEPOSIT_STATUS } from '../schema.js';
import { lockLedger, nextCauseId, selectPostings } from './journal.js';
import { book, fundsAccount, MISSING, PROVIDER, type Movements } from './movements.js';

/** Deposits that QbitPay showed, and does not show any more: where their money is, and who bears it. */

/** QbitPay does not show a deposit any more: whose it is stays, and where it is is not known. */
export async function bookMissing(
  trx: StoreTransaction,
  depositKey: string,
  { currency, amount }: Money,
): Promise<void> {
  const heldIn = await lockLedger(trx, [currency]);
  // What was sold or paid out of it is not there to be missed.
  const missing = leastAmount(amount, heldIn(currency));
  await bookOfMissing(trx, { depositKey }, (entry) =>
    entry.move(MISSING, PROVIDER, { currency, amount: missing }),
  );
}

/**
 * QbitPay shows a deposit again that was missing: what payouts have borne of it meanwhile is theirs again. Answers with
 * these payouts.
 */
export async function bookFound(
  trx: StoreTransaction,
  depositKey: string,
  { currency }: Pick<Money, 'currency'>,
): Promise<readonly string[]> {
  await lockLedger(trx, [currency]);
  const missing = await stillMissing(trx, depositKey);
  const borne = await selectPostings(trx)
    .select(['ledger_accounts.payout_id as payoutId', sql<string>`sum(amount)`.as('amount')])
    .where('deposit_id', '=', depositKey)
    .where('cause', '=', ENTRY_CAUSE.DEPOSIT_MISSING)
    .where('kind', '=', ACCOUNT_KIND.PAYOUT)
    .groupBy('ledger_accounts.payout_id')
    .having(sql<boolean>`sum(amount) > 0`)
    .$narrowType<{ payoutId: string }>()
    .execute();
  await bookOfMissing(trx, { depositKey }, (entry) => {
    entry.move(PROVIDER, MISSING, { currency, amount: missing });
    for (const { payoutId, amount } of borne)
      entry.move(PROVIDER, fundsAccount(payoutId), { currency, amount });
  });
  return borne.map(({ payoutId }) => payoutId);
}

/**
 * A payout ends that lives on deposits which are missing: what it has of them is nobody's. Its other currencies, which follow,
 * are locked with theirs.
 */
export async function bearMissing(
  trx: StoreTransaction,
  payoutId: string,
  currencies: readonly string[],
): Promise<void> {
  const parts = await trx
    .selectFrom('deposit_allocations as part')
    .innerJoin('deposits', 'deposits.deposit_id', 'part.deposit_id')
    .select(['part.deposit_id as depositKey', 'part.amount', 'deposits.currency'])
    .where('part.payout_id', '=', payoutId)
    .where('deposits.status', '=', DEPOSIT_STATUS.MISSING)
    .execute();
  if (parts.length > 0) await lockLedger(trx, currencies);
  for (const { depositKey, amount, currency } of parts) {
    const funds = fundsAccount(payoutId);
    const missing = await stillMissing(trx, depositKey);
    await bookOfMissing(trx, { depositKey, payoutId }, (entry) => {
      const borne = leastAmount(amount, missing, entry.left(funds, currency));
      entry.move(funds, MISSING, { currency, amount: borne });
    });
  }
}

async function bookOfMissing(
  trx: StoreTransaction,
  about: { readonly depositKey: string; readonly payoutId?: string },
  write: (entry: Movements) => void,
): Promise<void> {
  const cause = ENTRY_CAUSE.DEPOSIT_MISSING;
  const causeId = await nextCauseId(trx, cause, { depositKey: about.depositKey });
  await book(trx, { cause, causeId, ...about, write });
}

/** What of a deposit nobody has borne yet. */
async function stillMissing(trx: StoreTransaction, depositKey: string): Promise<string> {
  const { posted } = await selectPostings(trx)
    .select(sql<string>`coalesce(sum(amount), 0)`.as('posted'))
    .where('deposit_id', '=', depositKey)
    .where('cause', '=', ENTRY_CAUSE.DEPOSIT_MISSING)
    .where('kind', '=', ACCOUNT_KIND.MISSING)
    .executeTakeFirstOrThrow();
  return posted;
}
