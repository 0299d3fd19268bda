import { addAmounts, isPayableAmount, CURRENCY_PATTERN } from '../domain/money.js';
import type { ClosableTimers } from './closable-timers.js';
import { newId, newTransactionHash } from './identifiers.js';
import type { Ledger } from './ledger.js';
import { badRequest } from './provider-error.js';
import type { DepositRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import type { Settings } from './settings.js';
import type { SimulatorState } from './simulator-state.js';
import type { WebhookEvents } from './webhook-events.js';

/** Confirmations a deposit shows once it is confirmed. */
const CONFIRMATIONS = 12;

/** The longest wait that `pendingMs` takes: a day. */
const MAX_PENDING_MS = 86_400_000;

export interface DepositDependencies {
  readonly state: SimulatorState;
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly events: WebhookEvents;
  readonly timers: ClosableTimers;
}

/** Deposits happen on a chain, so only the control surface makes them; the API shows what they do to the balance. */
export class Deposits {
  readonly #with: DepositDependencies;

  constructor(dependencies: DepositDependencies) {
    this.#with = dependencies;
  }

  /** Takes up, after a start, the deposits that were to be confirmed by a timer. */
  resume(): void {
    for (const deposit of this.#with.state.deposits.oldestFirst()) this.#arm(deposit);
  }

  receive(fields: RequestFields): DepositRecord {
    const { state, settings } = this.#with;
    const currency = fields.text('currency');
    const amount = fields.amount('amount');
    const txHash = fields.optionalText('txHash') ?? newTransactionHash();
    const pendingMs = fields.optionalInteger('pendingMs', 0, MAX_PENDING_MS);
    const confirm = fields.optionalBoolean('confirm') ?? pendingMs === undefined;
    const money = fields.optionalBoolean('money') ?? true;
    const notify = fields.optionalBoolean('notify') ?? true;
    const announcedAmount = fields.optionalAmount('announcedAmount');
    fields.end();
    if (!CURRENCY_PATTERN.test(currency)) throw badRequest('currency is not a currency code', 'currency');
    if (!isPayableAmount(amount, currency)) {
      throw badRequest(`amount has too many decimals for ${currency}`, 'amount');
    }
    if (confirm && pendingMs !== undefined)
      throw badRequest('confirm and pendingMs exclude each other', 'pendingMs');

    const wallet = settings.current.wallets.find((one) => one.currency === currency);
    const deposit = state.deposits.put({
      id: newId(),
      createdAt: state.deposits.nextCreatedAt(),
      currency,
      amount: addAmounts(amount),
      addr: wallet?.addr ?? null,
      txHash,
      status: 'pending',
      confirmations: 0,
      money,
      notify,
      ...(announcedAmount === undefined ? {} : { announcedAmount: addAmounts(announcedAmount) }),
      balanceTransactionId: null,
      confirmAt: pendingMs === undefined ? null : Date.now() + pendingMs,
    });
    const booked = this.#book(deposit, confirm ? 'available' : 'pending');
    if (confirm) return this.#finish(booked);
    state.afterCommit(() => this.#arm(booked));
    return booked;
  }

  /** Confirms a pending deposit: its money becomes available and the notice goes out. 400 when it already is. */
  confirm(deposit: DepositRecord): DepositRecord {
    if (deposit.status !== 'pending') throw badRequest('the deposit is confirmed already', 'id');
    if (deposit.balanceTransactionId !== null) this.#with.ledger.makeAvailable(deposit.balanceTransactionId);
    this.#with.timers.cancel(`deposit ${deposit.id}`);
    return this.#finish(deposit);
  }

  #book(deposit: DepositRecord, status: 'pending' | 'available'): DepositRecord {
    if (!deposit.money) return deposit;
    const transaction = this.#with.ledger.book({
      currency: deposit.currency,
      amount: deposit.amount,
      fee: '0',
      type: 'deposit',
      source: deposit.id,
      status,
      description: 'deposit',
    });
    return this.#with.state.deposits.put({ ...deposit, balanceTransactionId: transaction.id });
  }

  #finish(deposit: DepositRecord): DepositRecord {
    const confirmed = this.#with.state.deposits.put({
      ...deposit,
      status: 'confirmed',
      confirmations: CONFIRMATIONS,
      confirmAt: null,
    });
    if (confirmed.notify) this.#with.events.depositConfirmed(confirmed);
    return confirmed;
  }

  #arm(deposit: DepositRecord): void {
    if (deposit.status !== 'pending' || deposit.confirmAt === null) return;
    const { state, timers } = this.#with;
    timers.at(`deposit ${deposit.id}`, deposit.confirmAt, () => {
      const current = state.deposits.get(deposit.id);
      if (current?.status === 'pending') state.transaction(() => this.confirm(current));
    });
  }
}
