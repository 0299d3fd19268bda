import { ACCOUNT_KIND, ENTRY_CAUSE } from '../../domain/ledger.js';
import {
  addAmounts,
  compareAmounts,
  roundDownToCurrency,
  subtractAmounts,
  type Money,
} from '../../domain/money.js';
import type { StoreTransaction } from '../database.js';
import {
  balanceOf,
  fundsOf,
  lockLedger,
  postEntries,
  postEntry,
  PROVIDER_ACCOUNT as PROVIDER,
  type AccountRef,
  type EntryDraft,
  type Transfer,
} from './journal.js';

/** Every movement of money, as the entry it is in the ledger: which accounts it goes through, and why. */

const RETURN_PENDING = { kind: ACCOUNT_KIND.RETURN_PENDING } as const;
const AVAILABLE = { kind: ACCOUNT_KIND.AVAILABLE } as const;
const UNALLOCATED = { kind: ACCOUNT_KIND.UNALLOCATED } as const;
const FEES = { kind: ACCOUNT_KIND.FEES } as const;
const CONVERSION = { kind: ACCOUNT_KIND.CONVERSION } as const;
const ROUNDING = { kind: ACCOUNT_KIND.ROUNDING } as const;
const SHORTFALL = { kind: ACCOUNT_KIND.SHORTFALL } as const;
const EXTERNAL = { kind: ACCOUNT_KIND.EXTERNAL } as const;
const fundsAccount = (payoutId: string): AccountRef => ({ kind: ACCOUNT_KIND.PAYOUT, payoutId });

/** What the account held before the engine used it is available. */
export async function bookOpeningBalance(trx: StoreTransaction, { currency, amount }: Money): Promise<void> {
  await lockLedger(trx);
  await postEntry(trx, {
    cause: ENTRY_CAUSE.OPENING_BALANCE,
    causeId: currency,
    transfers: await toAvailable(trx, PROVIDER, currency, amount),
  });
}

/** A verified deposit is nobody's yet. */
export async function bookDeposit(
  trx: StoreTransaction,
  depositKey: string,
  { currency, amount }: Money,
): Promise<void> {
  await postEntry(trx, {
    cause: ENTRY_CAUSE.DEPOSIT,
    causeId: depositKey,
    depositKey,
    transfers: [{ debit: PROVIDER, credit: UNALLOCATED, currency, amount }],
  });
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
  await lockLedger(trx);
  const shortfalls = new Map<string, string>();
  const drafts: EntryDraft[] = [];
  for (const { depositKey, currency, parts } of allocations) {
    const transfers: Transfer[] = [];
    for (const { payoutId, amount } of parts) {
      if (payoutId !== null) {
        transfers.push({ debit: UNALLOCATED, credit: fundsAccount(payoutId), currency, amount });
        continue;
      }
      const shortfall = shortfalls.get(currency) ?? (await balanceOf(trx, SHORTFALL, currency));
      const released = splitAvailable(shortfall, UNALLOCATED, currency, amount);
      // What it repays, those after it need not.
      const repaid = released.filter(({ credit }) => credit === SHORTFALL).map((one) => one.amount);
      shortfalls.set(currency, addAmounts(shortfall, ...repaid));
      transfers.push(...released);
    }
    const payoutIds = parts.flatMap(({ payoutId }) => payoutId ?? []);
    drafts.push({
      cause: ENTRY_CAUSE.ALLOCATION,
      causeId: depositKey,
      depositKey,
      payoutId: payoutIds.length === 1 ? payoutIds[0] : undefined,
      actor,
      transfers,
    });
  }
  await postEntries(trx, drafts);
}

/** Available money becomes a payout's own. */
export async function bookReservation(
  trx: StoreTransaction,
  payoutId: string,
  { currency, amount }: Money,
): Promise<void> {
  await postEntry(trx, {
    cause: ENTRY_CAUSE.RESERVATION,
    causeId: payoutId,
    payoutId,
    transfers: [{ debit: AVAILABLE, credit: fundsAccount(payoutId), currency, amount }],
  });
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
  await lockLedger(trx);
  const { payoutId, sold, bought, fee } = order;
  const funds = fundsAccount(payoutId);
  const had = await balanceOf(trx, funds, sold.currency);
  await postEntry(trx, {
    cause: ENTRY_CAUSE.ORDER,
    causeId: order.externalOrderId,
    payoutId,
    details: {
      price: order.price,
      ...(order.estimatedPrice === null || order.estimate === null
        ? {}
        : {
            estimatedPrice: order.estimatedPrice,
            estimate: order.estimate,
            gain: subtractAmounts(bought.amount, order.estimate),
          }),
    },
    transfers: [
      ...charge(funds, had, CONVERSION, sold.currency, sold.amount),
      { debit: CONVERSION, credit: PROVIDER, ...sold },
      { debit: PROVIDER, credit: CONVERSION, ...bought },
      { debit: CONVERSION, credit: funds, ...bought },
      ...charge(funds, bought.amount, FEES, bought.currency, fee),
      { debit: FEES, credit: PROVIDER, currency: bought.currency, amount: fee },
    ],
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
  await lockLedger(trx);
  const { payoutId, currency, amount, fee } = debit;
  const funds = fundsAccount(payoutId);
  const had = await balanceOf(trx, funds, currency);
  const left = leftOf(had, amount);
  await postEntry(trx, {
    cause: ENTRY_CAUSE.PAYOUT,
    causeId: debit.externalOrderId,
    payoutId,
    details: { amount, fee },
    transfers: [
      ...charge(funds, had, PROVIDER, currency, amount),
      ...charge(funds, left, FEES, currency, fee),
      { debit: FEES, credit: PROVIDER, currency, amount: fee },
    ],
  });
}

/** QbitPay took another amount or fee than was booked: the difference is an entry of its own. */
export async function bookAdjustment(
  trx: StoreTransaction,
  before: ProviderDebit,
  after: ProviderDebit,
  number: number,
): Promise<void> {
  await lockLedger(trx);
  const { payoutId, currency } = before;
  const funds = fundsAccount(payoutId);
  const more = subtractAmounts(after.amount, before.amount);
  const moreFee = subtractAmounts(after.fee, before.fee);
  // What is given back comes first, so that it covers what is taken on top.
  const given = addAmounts(negativePart(more), negativePart(moreFee));
  const had = addAmounts(await balanceOf(trx, funds, currency), given);
  const left = leftOf(had, positivePart(more));
  await postEntry(trx, {
    cause: ENTRY_CAUSE.PAYOUT_ADJUSTMENT,
    causeId: `${before.externalOrderId}#${number}`,
    payoutId,
    details: {
      expectedAmount: before.amount,
      amount: after.amount,
      expectedFee: before.fee,
      fee: after.fee,
    },
    transfers: [
      { debit: PROVIDER, credit: funds, currency, amount: negativePart(more) },
      { debit: PROVIDER, credit: FEES, currency, amount: negativePart(moreFee) },
      { debit: FEES, credit: funds, currency, amount: negativePart(moreFee) },
      ...charge(funds, had, PROVIDER, currency, positivePart(more)),
      ...charge(funds, left, FEES, currency, positivePart(moreFee)),
      { debit: FEES, credit: PROVIDER, currency, amount: positivePart(moreFee) },
    ],
  });
}

/** The attempt failed: the recipient's amount is on its way back. The fee is not, until QbitPay shows it. */
export async function bookFailure(
  trx: StoreTransaction,
  { externalOrderId, payoutId, currency, amount }: ProviderDebit,
) {
  await postEntry(trx, {
    cause: ENTRY_CAUSE.PAYOUT_FAILURE,
    causeId: externalOrderId,
    payoutId,
    transfers: [{ debit: RETURN_PENDING, credit: fundsAccount(payoutId), currency, amount }],
  });
}

/** The attempt that failed was paid after all: what was booked as return pending is the recipient's. */
export async function bookFailureReversed(
  trx: StoreTransaction,
  { externalOrderId, payoutId, currency, amount }: ProviderDebit,
): Promise<void> {
  await postEntry(trx, {
    cause: ENTRY_CAUSE.PAYOUT_FAILURE_REVERSED,
    causeId: externalOrderId,
    payoutId,
    transfers: [{ debit: fundsAccount(payoutId), credit: RETURN_PENDING, currency, amount }],
  });
}

export interface ReturnedMoney {
  readonly balanceTransactionId: string;
  readonly payoutId: string;
  readonly currency: string;
  /** What was booked as return pending. */
  readonly expected: string;
  /** What came, with the fee where it came back. */
  readonly net: string;
}

/** The money of a failed attempt is there: more than expected is the fee, less is the payout's loss. */
export async function bookReturn(trx: StoreTransaction, returned: ReturnedMoney): Promise<void> {
  await lockLedger(trx);
  const { payoutId, currency, expected, net } = returned;
  const funds = fundsAccount(payoutId);
  const more = subtractAmounts(net, expected);
  const had = await balanceOf(trx, funds, currency);
  await postEntry(trx, {
    cause: ENTRY_CAUSE.RETURN,
    causeId: returned.balanceTransactionId,
    payoutId,
    details: { expected, returned: net },
    transfers: [
      {
        debit: PROVIDER,
        credit: RETURN_PENDING,
        currency,
        amount: subtractAmounts(expected, negativePart(more)),
      },
      { debit: PROVIDER, credit: FEES, currency, amount: positivePart(more) },
      { debit: FEES, credit: funds, currency, amount: positivePart(more) },
      ...charge(funds, had, RETURN_PENDING, currency, negativePart(more)),
    ],
  });
}

/** The payout has ended: what it has left is available. */
export async function releaseFunds(trx: StoreTransaction, payoutId: string): Promise<void> {
  await lockLedger(trx);
  const funds = await fundsOf(trx, payoutId);
  const transfers: Transfer[] = [];
  for (const { currency, amount } of funds) {
    transfers.push(...(await toAvailable(trx, fundsAccount(payoutId), currency, amount)));
  }
  await postEntry(trx, {
    cause: ENTRY_CAUSE.RELEASE,
    causeId: `${payoutId}#${(await countReleases(trx, payoutId)) + 1}`,
    payoutId,
    transfers,
  });
}

async function countReleases(trx: StoreTransaction, payoutId: string): Promise<number> {
  const row = await trx
    .selectFrom('ledger_entries')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('payout_id', '=', payoutId)
    .where('cause', '=', ENTRY_CAUSE.RELEASE)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/**
 * Money moved outside of the engine. What was taken beyond what came in that way is a shortfall; money that comes in
 * later makes it good first.
 */
export async function bookOutsideActivity(
  trx: StoreTransaction,
  activity: Money & { readonly balanceTransactionId: string; readonly type: string },
): Promise<void> {
  await lockLedger(trx);
  const { currency, amount, type } = activity;
  const had = await balanceOf(trx, EXTERNAL, currency);
  const shortfall = await balanceOf(trx, SHORTFALL, currency);
  await postEntry(trx, {
    cause: ENTRY_CAUSE.OUTSIDE,
    causeId: activity.balanceTransactionId,
    details: { type },
    transfers: [
      ...repayFirst(shortfall, PROVIDER, EXTERNAL, currency, positivePart(amount)),
      ...charge(EXTERNAL, had, PROVIDER, currency, negativePart(amount)),
    ],
  });
}

/** Takes an amount out of an account as far as it goes, the rest out of `shortfall`. */
function charge(
  account: AccountRef,
  had: string,
  credit: AccountRef,
  currency: string,
  amount: string,
): Transfer[] {
  const beyond = positivePart(subtractAmounts(amount, had));
  return [
    { debit: account, credit, currency, amount: subtractAmounts(amount, beyond) },
    { debit: SHORTFALL, credit, currency, amount: beyond },
  ];
}

/**
 * Money that becomes available makes good a shortfall first. Parts below the smallest unit cannot be paid out: they are
 * kept apart. The caller holds the ledger's lock.
 */
async function toAvailable(
  trx: StoreTransaction,
  debit: AccountRef,
  currency: string,
  amount: string,
): Promise<Transfer[]> {
  return splitAvailable(await balanceOf(trx, SHORTFALL, currency), debit, currency, amount);
}

function splitAvailable(shortfall: string, debit: AccountRef, currency: string, amount: string): Transfer[] {
  return repayFirst(shortfall, debit, AVAILABLE, currency, amount).flatMap((transfer) => {
    if (transfer.credit !== AVAILABLE) return [transfer];
    const payable = roundDownToCurrency(transfer.amount, currency);
    const dust = subtractAmounts(transfer.amount, payable);
    return [
      { ...transfer, amount: payable },
      { ...transfer, credit: ROUNDING, amount: dust },
    ];
  });
}

function repayFirst(
  shortfall: string,
  debit: AccountRef,
  credit: AccountRef,
  currency: string,
  amount: string,
): Transfer[] {
  const missing = subtractAmounts('0', shortfall);
  const repaid = compareAmounts(amount, missing) < 0 ? amount : missing;
  return [
    { debit, credit: SHORTFALL, currency, amount: repaid },
    { debit, credit, currency, amount: subtractAmounts(amount, repaid) },
  ];
}

function leftOf(had: string, taken: string): string {
  return positivePart(subtractAmounts(had, taken));
}

function positivePart(amount: string): string {
  return compareAmounts(amount, '0') > 0 ? amount : '0';
}

/** What an amount is below zero, as a positive amount. */
function negativePart(amount: string): string {
  return positivePart(subtractAmounts('0', amount));
}
