import { addAmounts, compareAmounts, subtractAmounts } from '../domain/money.js';
import { newId } from './identifiers.js';
import type { BalanceRecord, BalanceTransactionRecord } from './records.js';
import { badRequest, insufficientBalance } from './provider-error.js';
import type { SimulatorState } from './simulator-state.js';

/** A movement to book: `amount` is signed, the fee reduces what arrives or is taken on top of what leaves. */
export interface Movement {
  readonly currency: string;
  readonly amount: string;
  readonly fee: string;
  readonly type: BalanceTransactionRecord['type'];
  readonly source: string;
  readonly status: BalanceTransactionRecord['status'];
  readonly description: string;
}

/**
 * Balances and the transactions that explain them: for every currency, `available` is the sum of the `net` of its
 * available transactions and `pending` that of its pending ones; neither is ever negative. Only `adjust` breaks the
 * first rule, on purpose.
 */
export class Ledger {
  readonly #state: SimulatorState;

  constructor(state: SimulatorState) {
    this.#state = state;
  }

  /** Gives the account a balance, zero at first, in each of the currencies. */
  ensureBalances(currencies: readonly string[]): void {
    for (const currency of currencies) {
      if (!this.#state.balances.has(currency)) this.#state.balances.put(this.#emptyBalance(currency));
    }
  }

  /** The balances of these currencies and every other one that holds money. */
  shownBalances(currencies: readonly string[]): BalanceRecord[] {
    const isShown = (balance: BalanceRecord): boolean =>
      currencies.includes(balance.id) ||
      compareAmounts(addAmounts(balance.available, balance.pending), '0') > 0;
    return [...this.#state.balances.oldestFirst()].filter(isShown);
  }

  available(currency: string): string {
    return this.#state.balances.get(currency)?.available ?? '0';
  }

  /** Throws 402 `api_error` when less than this is available; to be called before anything is changed. */
  assertAvailable(currency: string, amount: string): void {
    const available = this.available(currency);
    if (compareAmounts(available, amount) < 0) {
      throw insufficientBalance(currency, `${amount} ${currency} needed, ${available} available`);
    }
  }

  /** Moves the balance and records why. The caller has made sure that it stays at or above zero. */
  book(movement: Movement): BalanceTransactionRecord {
    const net = subtractAmounts(movement.amount, movement.fee);
    this.#move(movement.currency, movement.status, net);
    const createdAt = this.#state.balanceTransactions.nextCreatedAt();
    return this.#state.balanceTransactions.put({
      id: newId(),
      createdAt,
      availableOn: createdAt,
      ...movement,
      net,
    });
  }

  /** Turns a pending transaction into an available one, and its money with it. */
  makeAvailable(transactionId: string): void {
    const transaction = this.#state.balanceTransactions.get(transactionId);
    if (transaction?.status !== 'pending') return;
    this.#move(transaction.currency, 'pending', subtractAmounts('0', transaction.net));
    this.#move(transaction.currency, 'available', transaction.net);
    const availableOn = new Date().toISOString();
    this.#state.balanceTransactions.put({ ...transaction, status: 'available', availableOn });
  }

  /** Moves `available` and records nothing: a fault of the provider. Throws 400 when it would be negative. */
  adjust(currency: string, amount: string): BalanceRecord {
    if (compareAmounts(addAmounts(this.available(currency), amount), '0') < 0) {
      throw badRequest(`amount is more than what is available in ${currency}`, 'amount');
    }
    return this.#move(currency, 'available', amount);
  }

  #move(currency: string, part: 'available' | 'pending', net: string): BalanceRecord {
    const balance = this.#state.balances.get(currency) ?? this.#emptyBalance(currency);
    const moved = addAmounts(balance[part], net);
    if (compareAmounts(moved, '0') < 0) throw new Error(`the ${part} ${currency} balance would be negative`);
    return this.#state.balances.put({ ...balance, [part]: moved });
  }

  #emptyBalance(currency: string): BalanceRecord {
    return { id: currency, balanceId: newId(), available: '0', pending: '0' };
  }
}
