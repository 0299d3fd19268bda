import { addAmounts, compareAmounts, subtractAmounts } from '../domain/money.js';
import { badRequest, ProviderError } from './provider-error.js';
import { type BalanceRecord, type BalanceTransactionRecord, newId } from './records.js';
import { heldCurrencies } from './settings.js';
import type { Store } from './store.js';

/**
 * For every currency, `available` is the sum of the `net` of its available transactions and `pending` that of its
 * pending ones; neither is ever negative. Only `adjustBalance` breaks the first rule, on purpose.
 */

const EMPTY_BALANCE = { available: '0', pending: '0' };

/** A movement to book: `amount` is signed, the fee reduces what arrives or is taken on top of what leaves. */
type Movement = Pick<BalanceTransactionRecord, 'currency' | 'amount' | 'fee' | 'type' | 'source'> &
  Partial<Pick<BalanceTransactionRecord, 'status' | 'description'>>;

/** Gives the account a balance, zero at first, in each of its currencies. */
export function ensureBalances(store: Store): void {
  for (const currency of heldCurrencies(store.settings)) {
    if (store.balances.get(currency) === undefined) move(store, currency, 'available', '0');
  }
}

/** The balances of the account's currencies and every other one that holds money. */
export function shownBalances({ balances, settings }: Store): BalanceRecord[] {
  const held = heldCurrencies(settings);
  return [...balances].filter(
    ({ id, available, pending }) => held.includes(id) || available !== '0' || pending !== '0',
  );
}

/** Throws 402 `api_error` [I] when less than this is available; to be called before anything is changed. */
export function assertAvailable({ balances }: Store, currency: string, amount: string): void {
  const { available } = balances.get(currency) ?? EMPTY_BALANCE;
  if (compareAmounts(available, amount) >= 0) return;
  const detail = `${amount} ${currency} needed, ${available} available`;
  throw new ProviderError(402, 'api_error', `insufficient ${currency} balance`, { detail });
}

/** Moves the balance and records why. The caller has made sure that it stays at or above zero. */
export function book(store: Store, movement: Movement): BalanceTransactionRecord {
  const { status = 'available', description = movement.type, currency, amount, fee } = movement;
  const net = subtractAmounts(amount, fee);
  move(store, currency, status, net);
  const availableOn = new Date().toISOString();
  return store.balanceTransactions.add({ ...movement, availableOn, status, description, net });
}

/** Turns a pending transaction into an available one, and its money with it. */
export function makeAvailable(store: Store, transactionId: string): void {
  const transaction = store.balanceTransactions.get(transactionId);
  if (transaction?.status !== 'pending') return;
  const { currency, net } = transaction;
  move(store, currency, 'pending', subtractAmounts('0', net));
  move(store, currency, 'available', net);
  const availableOn = new Date().toISOString();
  store.balanceTransactions.put({ ...transaction, status: 'available', availableOn });
}

/** Moves `available` and records nothing: a fault of the provider. Throws 400 when it would be negative. */
export function adjustBalance(store: Store, currency: string, amount: string): BalanceRecord {
  const { available } = store.balances.get(currency) ?? EMPTY_BALANCE;
  if (compareAmounts(addAmounts(available, amount), '0') < 0) {
    throw badRequest(`amount is more than what is available in ${currency}`, 'amount');
  }
  return move(store, currency, 'available', amount);
}

function move({ balances }: Store, id: string, part: 'available' | 'pending', net: string): BalanceRecord {
  const balance = balances.get(id) ?? { id, balanceId: newId(), ...EMPTY_BALANCE };
  const moved = addAmounts(balance[part], net);
  if (compareAmounts(moved, '0') < 0) throw new Error(`the ${part} ${id} balance would be negative`);
  return balances.put({ ...balance, [part]: moved });
}
