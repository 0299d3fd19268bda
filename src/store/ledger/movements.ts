import { ACCOUNT_KIND } from '../../domain/ledger.js';
import {
  addAmounts,
  compareAmounts,
  leastAmount,
  roundDownToCurrency,
  subtractAmounts,
  type Money,
} from '../../domain/money.js';
import type { StoreTransaction } from '../database.js';
import {
  accountKey,
  lockAccounts,
  postEntries,
  PROVIDER_ACCOUNT,
  type AccountRef,
  type CurrencyAccount,
  type EntryDraft,
  type Transfer,
} from './journal.js';

/** The accounts of the ledger, and how an entry is made of movements between them. */

export const PROVIDER = PROVIDER_ACCOUNT;
export const RETURN_PENDING = { kind: ACCOUNT_KIND.RETURN_PENDING } as const;
export const MISSING = { kind: ACCOUNT_KIND.MISSING } as const;
export const AVAILABLE = { kind: ACCOUNT_KIND.AVAILABLE } as const;
export const UNALLOCATED = { kind: ACCOUNT_KIND.UNALLOCATED } as const;
export const FEES = { kind: ACCOUNT_KIND.FEES } as const;
export const CONVERSION = { kind: ACCOUNT_KIND.CONVERSION } as const;
const ROUNDING = { kind: ACCOUNT_KIND.ROUNDING } as const;
export const SHORTFALL = { kind: ACCOUNT_KIND.SHORTFALL } as const;
export const EXTERNAL = { kind: ACCOUNT_KIND.EXTERNAL } as const;
export const owedAccount = (owner: string): AccountRef => ({ kind: ACCOUNT_KIND.OWED, owner });
export const fundsAccount = (payoutId: string): AccountRef => ({ kind: ACCOUNT_KIND.PAYOUT, payoutId });

/** The transfers of entries as they are made, each in the knowledge of what those before have left. */
export class Movements {
  readonly #balances: ReadonlyMap<string, { readonly balance: string }>;
  readonly #moved = new Map<string, string>();
  readonly #touched: CurrencyAccount[] = [];
  #transfers: Transfer[] = [];

  constructor(balances: ReadonlyMap<string, { readonly balance: string }> = new Map()) {
    this.#balances = balances;
  }

  /** Every account of a movement, whether or not anything moves there: they do not depend on the balances. */
  get touched(): readonly CurrencyAccount[] {
    return this.#touched;
  }

  move(debit: AccountRef, credit: AccountRef, { currency, amount }: Money): void {
    this.#transfers.push({ debit, credit, currency, amount });
    const raise = (account: AccountRef, by: string): void => {
      const key = accountKey(account, currency);
      this.#touched.push({ account, currency });
      this.#moved.set(key, addAmounts(this.#moved.get(key) ?? '0', by));
    };
    raise(credit, amount);
    raise(debit, subtractAmounts('0', amount));
  }

  /** Takes an amount out of an account as far as it goes, the rest out of `shortfall`. */
  charge(account: AccountRef, credit: AccountRef, { currency, amount }: Money): void {
    const beyond = positivePart(subtractAmounts(amount, this.left(account, currency)));
    this.move(account, credit, { currency, amount: subtractAmounts(amount, beyond) });
    this.move(SHORTFALL, credit, { currency, amount: beyond });
  }

  /** What the house bears: what came in from outside goes first, then what is available. */
  chargeHouse(credit: AccountRef, { currency, amount }: Money): void {
    const first = leastAmount(amount, this.left(EXTERNAL, currency));
    this.move(EXTERNAL, credit, { currency, amount: first });
    this.charge(AVAILABLE, credit, { currency, amount: subtractAmounts(amount, first) });
  }

  /** A fee that QbitPay takes of an account's money. */
  chargeFee(account: AccountRef, fee: Money): void {
    this.charge(account, FEES, fee);
    this.move(FEES, PROVIDER, fee);
  }

  /** Money that comes in makes good a shortfall first. Answers what is left of it. */
  repayShortfall(debit: AccountRef, { currency, amount }: Money): Money {
    const repaid = leastAmount(amount, negativePart(this.left(SHORTFALL, currency)));
    this.move(debit, SHORTFALL, { currency, amount: repaid });
    return { currency, amount: subtractAmounts(amount, repaid) };
  }

  /** Money becomes the house's. */
  makeAvailable(debit: AccountRef, money: Money): void {
    this.free(debit, AVAILABLE, this.repayShortfall(debit, money));
  }

  /** Money can be used again. Parts below the smallest unit cannot be paid out: they are kept apart. */
  free(debit: AccountRef, credit: AccountRef, { currency, amount }: Money): void {
    const payable = roundDownToCurrency(amount, currency);
    this.move(debit, credit, { currency, amount: payable });
    this.move(debit, ROUNDING, { currency, amount: subtractAmounts(amount, payable) });
  }

  /** The transfers of one entry; those that follow are the next one's. */
  take(): readonly Transfer[] {
    return this.#transfers.splice(0);
  }

  /** What an account has by now, of those that credits raise. */
  left(account: AccountRef, currency: string): string {
    const key = accountKey(account, currency);
    return addAmounts(this.#balances.get(key)?.balance ?? '0', this.#moved.get(key) ?? '0');
  }
}

/** An entry, and the movements that it is made of: said twice, first to learn which accounts are to be locked. */
export interface Booking extends EntryDraft {
  readonly write: (entry: Movements) => void;
}

/** Books entries in two statements: their accounts are locked, then everything is posted. */
export async function book(trx: StoreTransaction, ...bookings: readonly Booking[]): Promise<void> {
  const planned = new Movements();
  for (const { write } of bookings) write(planned);
  if (planned.touched.length === 0) return;
  const accounts = await lockAccounts(trx, planned.touched);
  const movements = new Movements(accounts);
  const entries = bookings.map(({ write, ...draft }) => {
    write(movements);
    return { ...draft, transfers: movements.take() };
  });
  await postEntries(trx, entries, accounts);
}

export function positivePart(amount: string): string {
  return compareAmounts(amount, '0') > 0 ? amount : '0';
}

/** What an amount is below zero, as a positive amount. */
export function negativePart(amount: string): string {
  return positivePart(subtractAmounts('0', amount));
}
