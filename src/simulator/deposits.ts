import { addAmounts } from '../domain/money.js';
import { assertScale, currencyCode, type Fields, flag, integer, looseAmount, optional } from './fields.js';
import { text, withDefault } from './fields.js';
import { newId, newTransactionHash } from './identifiers.js';
import { book, makeAvailable } from './ledger.js';
import { badRequest } from './provider-error.js';
import type { DepositRecord } from './records.js';
import type { Simulation } from './simulation.js';
import { announceDeposit } from './webhook-events.js';

/** Confirmations a deposit shows once it is confirmed. */
const CONFIRMATIONS = 12;
const MAX_PENDING_MS = 86_400_000;

export const depositFields = {
  currency: currencyCode,
  amount: looseAmount,
  txHash: optional(text),
  pendingMs: optional(integer(0, MAX_PENDING_MS)),
  confirm: optional(flag),
  money: withDefault(flag, true),
  notify: withDefault(flag, true),
  announcedAmount: optional(looseAmount),
};

/** Deposits happen on a chain, so only the control surface makes them; the API shows what they do to the balance. */
export function receiveDeposit(simulation: Simulation, fields: Fields<typeof depositFields>): DepositRecord {
  const { store } = simulation;
  const { currency, amount, announcedAmount, pendingMs, confirm = pendingMs === undefined } = fields;
  assertScale(amount, currency);
  if (confirm && pendingMs !== undefined)
    throw badRequest('confirm and pendingMs exclude each other', 'pendingMs');
  const id = newId();
  const movement = {
    currency,
    amount,
    fee: '0',
    type: 'deposit',
    source: id,
    status: confirm ? 'available' : 'pending',
    description: 'deposit',
  } as const;
  const deposit = store.deposits.put({
    id,
    createdAt: store.deposits.nextCreatedAt(),
    currency,
    amount: addAmounts(amount),
    addr: store.settings.wallets.find((wallet) => wallet.currency === currency)?.addr ?? null,
    txHash: fields.txHash ?? newTransactionHash(),
    status: 'pending',
    confirmations: 0,
    notify: fields.notify,
    announcedAmount,
    balanceTransactionId: fields.money ? book(store, movement).id : null,
    confirmAt: pendingMs === undefined ? null : Date.now() + pendingMs,
  });
  if (confirm) return confirmDeposit(simulation, deposit);
  store.afterCommit(() => arm(simulation, deposit));
  return deposit;
}

/** Confirms a pending deposit: its money becomes available and the notice goes out. 400 when it already is. */
export function confirmDeposit(simulation: Simulation, deposit: DepositRecord): DepositRecord {
  const { store, timers } = simulation;
  if (deposit.status !== 'pending') throw badRequest('the deposit is confirmed already', 'id');
  if (deposit.balanceTransactionId !== null) makeAvailable(store, deposit.balanceTransactionId);
  timers.cancel(timerName(deposit));
  const confirmed = {
    ...deposit,
    status: 'confirmed',
    confirmations: CONFIRMATIONS,
    confirmAt: null,
  } as const;
  if (deposit.notify) announceDeposit(simulation, confirmed);
  return store.deposits.put(confirmed);
}

/** Takes up, after a start, the deposits that were to be confirmed by a timer. */
export function resumeDeposits(simulation: Simulation): void {
  for (const deposit of simulation.store.deposits) arm(simulation, deposit);
}

function arm(simulation: Simulation, deposit: DepositRecord): void {
  if (deposit.confirmAt === null) return;
  const { store, timers } = simulation;
  timers.at(timerName(deposit), deposit.confirmAt, () => {
    const current = store.deposits.get(deposit.id);
    if (current?.status === 'pending') store.transaction(() => confirmDeposit(simulation, current));
  });
}

function timerName({ id }: DepositRecord): string {
  return `deposit ${id}`;
}
