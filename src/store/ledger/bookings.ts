import { sql } from 'kysely';
import { ACCOUNT_KIND, ENTRY_CAUSE, type AccountKind, type EntryCause } from '../../domain/ledger.js';
import { compareAmounts, subtractAmounts, type Money } from '../../domain/money.js';
import type { StoreTransaction } from '../database.js';
import { DEPOSIT_STATUS } from '../schema.js';
import { balanceOf, fundsOf, lockLedger, postEntries, type EntryDraft } from './journal.js';
import {
  AVAILABLE,
  book,
  CONVERSION,
  EXTERNAL,
  FEES,
  fundsAccount,
  MISSING,
  Movements,
  negativePart,
  positivePart,
  PROVIDER,
  RETURN_PENDING,
  UNALLOCATED,
} from './movements.js';

/** Every movement of money, as the entry it is in the ledger: which accounts it goes through, and why. */

/** What the account held before the engine used it is available. */
export async function bookOpeningBalance(trx: StoreTransaction, balance: Money): Promise<void> {
  await book(trx, { cause: ENTRY_CAUSE.OPENING_BALANCE, causeId: balance.currency }, (entry) =>
    entry.makeAvailable(PROVIDER, balance),
  );
}

/** A verified deposit is nobody's yet. */
export async function bookDeposit(trx: StoreTransaction, depositKey: string, money: Money): Promise<void> {
  await book(trx, { cause: ENTRY_CAUSE.DEPOSIT, causeId: depositKey, depositKey }, (entry) =>
    entry.move(PROVIDER, UNALLOCATED, money),
  );
}

export interface AllocationPart {
  /** Null: to the available balance. */
  readonly payoutId: string | null;
  readonly amount: string;
}

export interface Allocation {
  readonly depositKey: string;
  readonly currency: string;
  /** They add up to the deposit. */
  readonly parts: readonly AllocationPart[];
}

/** Each of these deposits goes to its owners, by an entry of its own. */
export async function bookAllocations(
  trx: StoreTransaction,
  allocations: readonly Allocation[],
  actor?: string,
): Promise<void> {
  // One for all: a shortfall that a deposit makes good, those after it need not.
  const movements = new Movements(trx);
  const drafts: EntryDraft[] = [];
  for (const { depositKey, currency, parts } of allocations) {
    for (const { payoutId, amount } of parts) {
      if (payoutId === null) await movements.makeAvailable(UNALLOCATED, { currency, amount });
      else movements.move(UNALLOCATED, fundsAccount(payoutId), { currency, amount });
    }
    const payoutIds = parts.flatMap(({ payoutId }) => payoutId ?? []);
    drafts.push({
      cause: ENTRY_CAUSE.ALLOCATION,
      causeId: depositKey,
      depositKey,
      payoutId: payoutIds.length === 1 ? payoutIds[0] : undefined,
      actor,
      transfers: movements.take(),
    });
  }
  await postEntries(trx, drafts);
}

/** Available money becomes a payout's own. */
export async function bookReservation(trx: StoreTransaction, payoutId: string, money: Money): Promise<void> {
  await book(trx, { cause: ENTRY_CAUSE.RESERVATION, causeId: payoutId, payoutId }, (entry) =>
    entry.move(AVAILABLE, fundsAccount(payoutId), money),
  );
}

export interface FilledOrder {
  readonly externalOrderId: string;
  readonly payoutId: string;
  readonly sold: Money;
  /** Before the fee. */
  readonly bought: Money;
  /** In the currency bought. */
  readonly fee: string;
  readonly price: string;
  /** The price that the payout was opened with; null when it had none. */
  readonly estimatedPrice: string | null;
  /** What the sale would have brought in at that price. */
  readonly estimate: string | null;
}

/** An executed order, through `conversion`. Its gain or loss against the estimate stands in the details. */
export async function bookOrder(trx: StoreTransaction, order: FilledOrder): Promise<void> {
  const { externalOrderId, payoutId, sold, bought, price, estimatedPrice, estimate } = order;
  const funds = fundsAccount(payoutId);
  const gain = estimate === null ? null : subtractAmounts(bought.amount, estimate);
  const details = {
    price,
    ...(estimatedPrice === null || estimate === null || gain === null
      ? {}
      : { estimatedPrice, estimate, gain }),
  };
  const draft = { cause: ENTRY_CAUSE.ORDER, causeId: externalOrderId, payoutId, details };
  await book(trx, draft, async (entry) => {
    await entry.charge(funds, CONVERSION, sold);
    entry.move(CONVERSION, PROVIDER, sold);
    entry.move(PROVIDER, CONVERSION, bought);
    entry.move(CONVERSION, funds, bought);
    await entry.chargeFee(funds, { currency: bought.currency, amount: order.fee });
  });
}

export interface ProviderDebit {
  readonly externalOrderId: string;
  readonly payoutId: string;
  readonly currency: string;
  /** What the recipient gets. */
  readonly amount: string;
  readonly fee: string;
}

/** An accepted attempt takes amount and fee out of the payout's own money; what is beyond it, out of `shortfall`. */
export async function bookPayout(trx: StoreTransaction, debit: ProviderDebit): Promise<void> {
  const { externalOrderId: causeId, payoutId, currency, amount, fee } = debit;
  const funds = fundsAccount(payoutId);
  const draft = { cause: ENTRY_CAUSE.PAYOUT, causeId, payoutId, details: { amount, fee } };
  await book(trx, draft, async (entry) => {
    await entry.charge(funds, PROVIDER, { currency, amount });
    await entry.chargeFee(funds, { currency, amount: fee });
  });
}

/** QbitPay took another amount or fee than was booked: the difference is an entry of its own. */
export async function bookAdjustment(
  trx: StoreTransaction,
  before: ProviderDebit,
  after: ProviderDebit,
  number: number,
): Promise<void> {
  const { payoutId, currency } = before;
  const funds = fundsAccount(payoutId);
  const more = subtractAmounts(after.amount, before.amount);
  const moreFee = subtractAmounts(after.fee, before.fee);
  const draft = {
    cause: ENTRY_CAUSE.PAYOUT_ADJUSTMENT,
    causeId: `${before.externalOrderId}#${number}`,
    payoutId,
    details: {
      expectedAmount: before.amount,
      amount: after.amount,
      expectedFee: before.fee,
      fee: after.fee,
    },
  };
  await book(trx, draft, async (entry) => {
    // What is given back comes first, so that it covers what is taken on top.
    entry.move(PROVIDER, funds, { currency, amount: negativePart(more) });
    entry.move(PROVIDER, FEES, { currency, amount: negativePart(moreFee) });
    entry.move(FEES, funds, { currency, amount: negativePart(moreFee) });
    await entry.charge(funds, PROVIDER, { currency, amount: positivePart(more) });
    await entry.chargeFee(funds, { currency, amount: positivePart(moreFee) });
  });
}

/** The attempt failed: the recipient's amount is on its way back. The fee is not, until QbitPay shows it. */
export async function bookFailure(
  trx: StoreTransaction,
  debit: ProviderDebit,
  causeId: string,
): Promise<void> {
  const { payoutId } = debit;
  await book(trx, { cause: ENTRY_CAUSE.PAYOUT_FAILURE, causeId, payoutId }, (entry) =>
    entry.move(RETURN_PENDING, fundsAccount(payoutId), debit),
  );
}

export interface ReversedFailure {
  /** That of the failure. */
  readonly causeId: string;
  readonly payoutId: string;
  readonly currency: string;
  /** What is booked as on its way back. */
  readonly pending: string;
  /** What was booked as back, of the amount and of the fee. */
  readonly returned: string;
  readonly returnedFee: string;
}

/** The attempt that failed is carried out after all: what was given back, or on its way, is the recipient's. */
export async function bookFailureReversed(trx: StoreTransaction, reversed: ReversedFailure): Promise<void> {
  const { causeId, payoutId, currency, pending, returned, returnedFee } = reversed;
  const funds = fundsAccount(payoutId);
  const draft = { cause: ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED, causeId, payoutId };
  await book(trx, draft, async (entry) => {
    entry.move(funds, RETURN_PENDING, { currency, amount: pending });
    await entry.charge(funds, PROVIDER, { currency, amount: returned });
    await entry.chargeFee(funds, { currency, amount: returnedFee });
  });
}

export interface ReturnedMoney {
  readonly balanceTransactionId: string;
  readonly payoutId: string;
  readonly currency: string;
  /** Of the recipient's amount, which is on its way back. */
  readonly amount: string;
  /** Of the fee. */
  readonly fee: string;
}

/** Money of a failed attempt is there. */
export async function bookReturn(trx: StoreTransaction, returned: ReturnedMoney): Promise<void> {
  const { balanceTransactionId: causeId, payoutId, currency, amount, fee } = returned;
  const draft = { cause: ENTRY_CAUSE.RETURN, causeId, payoutId, details: { amount, fee } };
  await book(trx, draft, (entry) => {
    entry.move(PROVIDER, RETURN_PENDING, { currency, amount });
    entry.move(PROVIDER, FEES, { currency, amount: fee });
    entry.move(FEES, fundsAccount(payoutId), { currency, amount: fee });
  });
}

/** The payout has ended: what it has left is available, but for what is missing of its deposits. */
export async function releaseFunds(trx: StoreTransaction, payoutId: string): Promise<void> {
  await lockLedger(trx);
  await bearMissing(trx, payoutId);
  const causeId = await nextCauseId(trx, ENTRY_CAUSE.RELEASE, { payoutId });
  await book(trx, { cause: ENTRY_CAUSE.RELEASE, causeId, payoutId }, async (entry) => {
    for (const money of await fundsOf(trx, payoutId)) {
      await entry.makeAvailable(fundsAccount(payoutId), money);
    }
  });
}

/** A payout that had ended goes on: it gets back what it had left to the available balance, as far as that is there. */
export async function reclaimFunds(trx: StoreTransaction, payoutId: string): Promise<void> {
  await lockLedger(trx);
  const causeId = await nextCauseId(trx, ENTRY_CAUSE.RECLAIM, { payoutId });
  await book(trx, { cause: ENTRY_CAUSE.RECLAIM, causeId, payoutId }, async (entry) => {
    for (const { currency, amount } of await releasedBy(trx, payoutId)) {
      const available = await balanceOf(trx, AVAILABLE, currency);
      const reclaimed = compareAmounts(amount, available) < 0 ? amount : available;
      entry.move(AVAILABLE, fundsAccount(payoutId), { currency, amount: reclaimed });
    }
  });
}

/** What a payout has left to the available balance, and has not got back. */
function releasedBy(trx: StoreTransaction, payoutId: string): Promise<readonly Money[]> {
  return trx
    .selectFrom('ledger_postings')
    .innerJoin('ledger_entries', 'ledger_entries.entry_id', 'ledger_postings.entry_id')
    .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id')
    .select(['currency', sql<string>`-sum(amount)`.as('amount')])
    .where('ledger_entries.payout_id', '=', payoutId)
    .where('cause', 'in', [ENTRY_CAUSE.RELEASE, ENTRY_CAUSE.RECLAIM])
    .where('kind', '=', ACCOUNT_KIND.AVAILABLE)
    .groupBy('currency')
    .having(sql<boolean>`sum(amount) < 0`)
    .execute();
}

/** QbitPay does not show a deposit any more: whose it is stays, and where it is is not known. */
export async function bookMissing(
  trx: StoreTransaction,
  depositKey: string,
  { currency, amount }: Money,
): Promise<void> {
  await lockLedger(trx);
  // What was sold or paid out of it is not there to be missed.
  const held = await balanceOf(trx, PROVIDER, currency);
  const missing = compareAmounts(amount, held) < 0 ? amount : held;
  await bookOfMissing(trx, { depositKey }, (entry) =>
    entry.move(MISSING, PROVIDER, { currency, amount: missing }),
  );
}

/** QbitPay shows a deposit again that was missing: what somebody has borne of it meanwhile is available. */
export async function bookFound(
  trx: StoreTransaction,
  depositKey: string,
  { currency }: Pick<Money, 'currency'>,
): Promise<void> {
  await lockLedger(trx);
  const missing = await postedForMissing(trx, depositKey, ACCOUNT_KIND.MISSING);
  const away = subtractAmounts('0', await postedForMissing(trx, depositKey, ACCOUNT_KIND.PROVIDER));
  await bookOfMissing(trx, { depositKey }, async (entry) => {
    entry.move(PROVIDER, MISSING, { currency, amount: missing });
    await entry.makeAvailable(PROVIDER, { currency, amount: subtractAmounts(away, missing) });
  });
}

/** A payout ends that lives on deposits which are missing: what it has of them is nobody's. */
async function bearMissing(trx: StoreTransaction, payoutId: string): Promise<void> {
  const parts = await trx
    .selectFrom('deposit_allocations as part')
    .innerJoin('deposits', 'deposits.deposit_id', 'part.deposit_id')
    .select(['part.deposit_id as depositKey', 'part.amount', 'deposits.currency'])
    .where('part.payout_id', '=', payoutId)
    .where('deposits.status', '=', DEPOSIT_STATUS.MISSING)
    .execute();
  for (const { depositKey, amount, currency } of parts) {
    const funds = fundsAccount(payoutId);
    const missing = await postedForMissing(trx, depositKey, ACCOUNT_KIND.MISSING);
    const most = [amount, missing, await balanceOf(trx, funds, currency)];
    const borne = most.reduce((left, right) => (compareAmounts(left, right) < 0 ? left : right));
    await bookOfMissing(trx, { depositKey, payoutId }, (entry) =>
      entry.move(funds, MISSING, { currency, amount: borne }),
    );
  }
}

async function bookOfMissing(
  trx: StoreTransaction,
  about: { readonly depositKey: string; readonly payoutId?: string },
  write: (entry: Movements) => void | Promise<void>,
): Promise<void> {
  const cause = ENTRY_CAUSE.DEPOSIT_MISSING;
  const causeId = await nextCauseId(trx, cause, { depositKey: about.depositKey });
  await book(trx, { cause, causeId, ...about }, write);
}

/** What the entries about a deposit that is missing have debited an account of this kind with. */
async function postedForMissing(
  trx: StoreTransaction,
  depositKey: string,
  kind: AccountKind,
): Promise<string> {
  const { posted } = await trx
    .selectFrom('ledger_postings')
    .innerJoin('ledger_entries', 'ledger_entries.entry_id', 'ledger_postings.entry_id')
    .innerJoin('ledger_accounts', 'ledger_accounts.account_id', 'ledger_postings.account_id')
    .select(sql<string>`coalesce(sum(amount), 0)`.as('posted'))
    .where('deposit_id', '=', depositKey)
    .where('cause', '=', ENTRY_CAUSE.DEPOSIT_MISSING)
    .where('kind', '=', kind)
    .executeTakeFirstOrThrow();
  return posted;
}

/** For what a payout, or a deposit, does more than once. */
async function nextCauseId(
  trx: StoreTransaction,
  cause: EntryCause,
  { payoutId, depositKey }: { readonly payoutId?: string; readonly depositKey?: string },
): Promise<string> {
  const { count } = await trx
    .selectFrom('ledger_entries')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('cause', '=', cause)
    .$if(payoutId !== undefined, (query) => query.where('payout_id', '=', payoutId ?? ''))
    .$if(depositKey !== undefined, (query) => query.where('deposit_id', '=', depositKey ?? ''))
    .executeTakeFirstOrThrow();
  return `${payoutId ?? depositKey ?? ''}#${Number(count) + 1}`;
}

/**
 * Money moved outside of the engine. What was taken is the house's loss: of what came in that way, then of what is
 * available; beyond that it is a shortfall.
 */
export async function bookOutsideActivity(
  trx: StoreTransaction,
  activity: Money & { readonly balanceTransactionId: string; readonly type: string },
): Promise<void> {
  const { balanceTransactionId: causeId, currency, amount, type } = activity;
  await book(trx, { cause: ENTRY_CAUSE.OUTSIDE, causeId, details: { type } }, async (entry) => {
    const incoming = { currency, amount: positivePart(amount) };
    entry.move(PROVIDER, EXTERNAL, await entry.repayShortfall(PROVIDER, incoming));
    await entry.chargeHouse(PROVIDER, { currency, amount: negativePart(amount) });
  });
}
