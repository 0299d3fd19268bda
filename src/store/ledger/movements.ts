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
  balanceOf,
  lockLedger,
  postEntries,
  PROVIDER_ACCOUNT,
  type AccountRef,
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

/** The transfers of entries as they are made, each in the knowledge of what those before have left: the ledger is locked. */
export class Movements {
  readonly #trx: StoreTransaction;
  readonly #stored = new Map<string, string>();
  readonly #moved = new Map<string, string>();
  #transfers: Transfer[] = [];

  private constructor(trx: StoreTransaction) {
    this.#trx = trx;
  }

  static async begin(trx: StoreTransaction): Promise<Movements> {
    await lockLedger(trx);
    return new Movements(trx);
  }

  move(debit: AccountRef, credit: AccountRef, { currency, amount }: Money): void {
    this.#transfers.push({ debit, credit, currency, amount });
    const raise = (account: AccountRef, by: string): void => {
      const key = accountKey(account, currency);
      this.#moved.set(key, addAmounts(this.#moved.get(key) ?? '0', by));
    };
    raise(credit, amount);
    raise(debit, subtractAmounts('0', amount));
  }

  /** Takes an amount out of an account as far as it goes, the rest out of `shortfall`. */
  async charge(account: AccountRef, credit: AccountRef, { currency, amount }: Money): Promise<void> {
    const beyond = positivePart(subtractAmounts(amount, await this.#left(account, currency)));
    this.move(account, credit, { currency, amount: subtractAmounts(amount, beyond) });
    this.move(SHORTFALL, credit, { currency, amount: beyond });
  }

  /** What the house bears: what came in from outside goes first, then what is available. */
  async chargeHouse(credit: AccountRef, { currency, amount }: Money): Promise<void> {
    const external = await this.#left(EXTERNAL, currency);
    const first = leastAmount(amount, external);
    this.move(EXTERNAL, credit, { currency, amount: first });
    await this.charge(AVAILABLE, credit, { currency, amount: subtractAmounts(amount, first) });
  }

  /** A fee that QbitPay takes of an account's money. */
  async chargeFee(account: AccountRef, fee: Money): Promise<void> {
    await this.charge(account, FEES, fee);
    this.move(FEES, PROVIDER, fee);
  }

  /** Money that comes in makes good a shortfall first. Answers what is left of it. */
  async repayShortfall(debit: AccountRef, { currency, amount }: Money): Promise<Money> {
    const missing = negativePart(await this.#left(SHORTFALL, currency));
    const repaid = leastAmount(amount, missing);
    this.move(debit, SHORTFALL, { currency, amount: repaid });
    return { currency, amount: subtractAmounts(amount, repaid) };
  }

  /** Money becomes the house's. */
  async makeAvailable(debit: AccountRef, money: Money): Promise<void> {
    this.free(debit, AVAILABLE, await this.repayShortfall(debit, money));
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

  /** By credits less debits: nothing else is charged here. */
  async #left(account: AccountRef, currency: string): Promise<string> {
    const key = accountKey(account, currency);
    let stored = this.#stored.get(key);
    if (stored === undefined) {
      stored = await balanceOf(this.#trx, account, currency);
      this.#stored.set(key, stored);
    }
    return addAmounts(stored, this.#moved.get(key) ?? '0');
  }
}

/** Books one entry, of the movements that `write` makes. */
export async function book(
  trx: StoreTransaction,
  entry: Omit<EntryDraft, 'transfers'>,
  write: (entry: Movements) => void | Promise<void>,
): Promise<void> {
  const movements = await Movements.begin(trx);
  await write(movements);
  await postEntries(trx, [{ ...entry, transfers: movements.take() }]);
}

export function positivePart(amount: string): string {
  return compareAmounts(amount, '0') > 0 ? amount : '0';
}

/** What an amount is below zero, as a positive amount. */
export function negativePart(amount: string): string {
  return positivePart(subtractAmounts('0', amount));
}
