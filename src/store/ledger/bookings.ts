import { ENTRY_CAUSE } from '../../domain/ledger.js';
import { subtractAmounts, type Money } from '../../domain/money.js';
import type { StoreTransaction } from '../database.js';
import {
  AVAILABLE,
  book,
  CONVERSION,
  EXTERNAL,
  FEES,
  fundsAccount,
  negativePart,
  owedAccount,
  positivePart,
  PROVIDER,
  RETURN_PENDING,
  UNALLOCATED,
  type Booking,
  type Movements,
} from './movements.js';

/** Every movement of money, as the entry it is in the ledger: which accounts it goes through, and why. */

/** What the account held before the engine used it is available. */
export async function bookOpeningBalance(trx: StoreTransaction, balance: Money): Promise<void> {
  await book(trx, {
    cause: ENTRY_CAUSE.OPENING_BALANCE,
    causeId: balance.currency,
    write: (entry) => entry.makeAvailable(PROVIDER, balance),
  });
}

/** A verified deposit is nobody's yet. */
export async function bookDeposit(trx: StoreTransaction, depositKey: string, money: Money): Promise<void> {
  await book(trx, {
    ...{ cause: ENTRY_CAUSE.DEPOSIT, causeId: depositKey, depositKey },
    write: (entry) => entry.move(PROVIDER, UNALLOCATED, money),
  });
}

export interface AllocationPart {
  readonly payoutId: string | null;
  /** Of what a payout does not need: whose it is. Null, like the payout: nobody's, it becomes available. */
  readonly owner: string | null;
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
  // Together: a shortfall that a deposit makes good, those after it need not.
  await book(
    trx,
    ...allocations.map(({ depositKey, currency, parts }): Booking => {
      const payoutIds = parts.flatMap(({ payoutId }) => payoutId ?? []);
      return {
        cause: ENTRY_CAUSE.ALLOCATION,
        causeId: depositKey,
        depositKey,
        payoutId: payoutIds.length === 1 ? payoutIds[0] : undefined,
        actor,
        write: (entry) => {
          for (const part of parts) allocate(entry, part, currency);
        },
      };
    }),
  );
}

function allocate(entry: Movements, { payoutId, owner, amount }: AllocationPart, currency: string): void {
  const money = { currency, amount };
  if (payoutId !== null) entry.move(UNALLOCATED, fundsAccount(payoutId), money);
  else if (owner !== null) entry.free(UNALLOCATED, owedAccount(owner), money);
  else entry.makeAvailable(UNALLOCATED, money);
}

export interface Reservation extends Money {
  readonly payoutId: string;
  readonly owner: string;
  /** How much of it is taken out of what the owner is owed; the rest is of the available balance. */
  readonly fromOwed: string;
}

/** What its owner is owed, and available money, become a payout's own. */
export async function bookReservation(trx: StoreTransaction, reservation: Reservation): Promise<void> {
  const { payoutId, owner, currency, amount, fromOwed } = reservation;
  const funds = fundsAccount(payoutId);
  const draft = { cause: ENTRY_CAUSE.RESERVATION, causeId: payoutId, payoutId };
  const write = (entry: Movements): void => {
    entry.move(owedAccount(owner), funds, { currency, amount: fromOwed });
    entry.move(AVAILABLE, funds, { currency, amount: subtractAmounts(amount, fromOwed) });
  };
  await book(trx, { ...draft, write });
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
  const write = (entry: Movements): void => {
    entry.charge(funds, CONVERSION, sold);
    entry.move(CONVERSION, PROVIDER, sold);
    entry.move(PROVIDER, CONVERSION, bought);
    entry.move(CONVERSION, funds, bought);
    entry.chargeFee(funds, { currency: bought.currency, amount: order.fee });
  };
  await book(trx, { ...draft, write });
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
  const write = (entry: Movements): void => {
    entry.charge(funds, PROVIDER, { currency, amount });
    entry.chargeFee(funds, { currency, amount: fee });
  };
  await book(trx, { ...draft, write });
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
  const write = (entry: Movements): void => {
    // What is given back comes first, so that it covers what is taken on top.
    entry.move(PROVIDER, funds, { currency, amount: negativePart(more) });
    entry.move(PROVIDER, FEES, { currency, amount: negativePart(moreFee) });
    entry.move(FEES, funds, { currency, amount: negativePart(moreFee) });
    entry.charge(funds, PROVIDER, { currency, amount: positivePart(more) });
    entry.chargeFee(funds, { currency, amount: positivePart(moreFee) });
  };
  await book(trx, { ...draft, write });
}

/** The attempt failed: the recipient's amount is on its way back. The fee is not, until QbitPay shows it. */
export async function bookFailure(
  trx: StoreTransaction,
  debit: ProviderDebit,
  causeId: string,
): Promise<void> {
  const { payoutId } = debit;
  await book(trx, {
    ...{ cause: ENTRY_CAUSE.PAYOUT_FAILURE, causeId, payoutId },
    write: (entry) => entry.move(RETURN_PENDING, fundsAccount(payoutId), debit),
  });
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
  const write = (entry: Movements): void => {
    entry.move(funds, RETURN_PENDING, { currency, amount: pending });
    entry.charge(funds, PROVIDER, { currency, amount: returned });
    entry.chargeFee(funds, { currency, amount: returnedFee });
  };
  await book(trx, { ...draft, write });
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
  const write = (entry: Movements): void => {
    entry.move(PROVIDER, RETURN_PENDING, { currency, amount });
    entry.move(PROVIDER, FEES, { currency, amount: fee });
    entry.move(FEES, fundsAccount(payoutId), { currency, amount: fee });
  };
  await book(trx, { ...draft, write });
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
  const write = (entry: Movements): void => {
    const incoming = { currency, amount: positivePart(amount) };
    entry.move(PROVIDER, EXTERNAL, entry.repayShortfall(PROVIDER, incoming));
    entry.chargeHouse(PROVIDER, { currency, amount: negativePart(amount) });
  };
  await book(trx, { cause: ENTRY_CAUSE.OUTSIDE, causeId, details: { type }, write });
}
