import { randomBytes } from 'node:crypto';
import { addAmounts } from '../domain/money.js';
import type { Fields } from './fields.js';
import { book, makeAvailable } from './ledger.js';
import { badRequest } from './provider-error.js';
import { type depositFields, type DepositRecord, newId } from './records.js';
import type { Store } from './store.js';
import { announceDeposit } from './webhook-events.js';

/** Confirmations a deposit shows once it is confirmed. */
const CONFIRMATIONS = 12;

/** Deposits happen on a chain, so only the control surface makes them; the API shows what they do to the balance. */
export function receiveDeposit(store: Store, order: Fields<typeof depositFields>): DepositRecord {
  const { currency, pendingMs, confirm = pendingMs === undefined } = order;
  if (confirm && pendingMs !== undefined) {
    throw badRequest('confirm and pendingMs exclude each other', 'pendingMs');
  }
  const id = newId();
  const amount = addAmounts(order.amount);
  const movement = { type: 'deposit', source: id, currency, amount, fee: '0' } as const;
  const status = confirm ? 'available' : 'pending';
  const deposit = store.deposits.add({
    ...order,
    id,
    amount,
    addr: store.settings.wallets.find((wallet) => wallet.currency === currency)?.addr ?? null,
    txHash: order.txHash ?? `0x${randomBytes(32).toString('hex')}`,
    confirmations: 0,
    status: 'pending',
    balanceTransactionId: order.money ? book(store, { ...movement, status }).id : null,
    dueAt: pendingMs === undefined ? null : Date.now() + pendingMs,
  });
  return confirm ? confirmDeposit(store, deposit) : deposit;
}

/** Confirms a pending deposit: its money becomes available and the notice goes out. 400 when it already is. */
export function confirmDeposit(store: Store, deposit: DepositRecord): DepositRecord {
  if (deposit.status !== 'pending') throw badRequest('the deposit is confirmed already', 'id');
  if (deposit.balanceTransactionId !== null) makeAvailable(store, deposit.balanceTransactionId);
  const confirmed = { ...deposit, status: 'confirmed', confirmations: CONFIRMATIONS, dueAt: null } as const;
  if (deposit.notify) announceDeposit(store, confirmed);
  return store.deposits.put(confirmed);
}
