import {
  Comparison,
  type Answer,
  type Attempt as StoredAttempt,
  type Case,
  type CurrencyNet,
  type Deposit,
  type ShownObject,
  type Transaction,
  type UnreadableObject,
} from '../../src/domain/comparison.js';
import { addAmounts, subtractAmounts } from '../../src/domain/money.js';
import {
  legOfType,
  type BalanceTransactionType,
  type ProviderPayoutStatus,
} from '../../src/domain/provider-status.js';
import { compareBalances, compareCase } from '../../src/domain/reconcile.js';
import type { Discrepancy, DiscrepancyKind } from '../../src/domain/reconciliation.js';

export const NOW = Date.UTC(2026, 2, 1);
export const DAY = 86_400_000;
const GRACE = 60_000;
/** When everything of a world happened, unless a test says otherwise: long enough ago to be nobody's haste. */
export const THEN = NOW - 5 * DAY;
export const JUST_NOW = NOW - GRACE + 1;
export const LATELY = NOW - GRACE;

type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;
interface Attempt {
  operation: 'payout' | 'order';
  externalOrderId: string;
  payoutId: string;
  state: StoredAttempt['state'];
  changedAtMs: number;
  answer: Mutable<Answer> | null;
}
type PayoutOrOrder = Pick<ShownObject, 'id' | 'amount' | 'fee' | 'status'> & {
  externalOrderId: string | undefined;
  createdAtMs: number;
};
type Shown = Mutable<Omit<Transaction, 'seenAtMs'>> & { seenAtMs?: number };

export const negated = (amount: string): string => subtractAmounts('0', amount);

/** Store and provider, written side by side: every call moves the money in both. Tests then change one of the two. */
export class World {
  readonly store = {
    balances: [] as { currency: string; provider: string }[],
    attempts: [] as Attempt[],
    deposits: [] as Mutable<Deposit>[],
    /** Transactions that are booked as outside activity. */
    outsideIds: [] as string[],
    openedAtMs: NOW - 20 * DAY,
  };
  readonly provider = {
    balances: [] as { currency: string; available: string; pending: string }[],
    payouts: [] as (Mutable<PayoutOrOrder> & { currency: string })[],
    orders: [] as (Mutable<PayoutOrOrder> & { symbol: string; quoteAmount: string })[],
    transactions: [] as Shown[],
    unreadable: [] as UnreadableObject[],
  };
  /** What moved at about the time of the balances, newest first. */
  readonly movedSince: CurrencyNet[] = [];
  /** Of every balance that is off, the run before has said so. */
  readonly offSinceMs = new Map(['CNY', 'EUR', 'JPY', 'USDT'].map((currency) => [currency, THEN]));

  ledger(currency: string, net: string): void {
    const balance = this.store.balances.find((one) => one.currency === currency);
    if (balance === undefined) this.store.balances.push({ currency, provider: net });
    else balance.provider = addAmounts(balance.provider, net);
  }

  balance(currency: string, net: string): void {
    const balance = this.provider.balances.find((one) => one.currency === currency);
    if (balance === undefined) this.provider.balances.push({ currency, available: net, pending: '0' });
    else balance.available = addAmounts(balance.available, net);
  }

  move(
    type: BalanceTransactionType,
    source: string | undefined,
    currency: string,
    net: string,
    createdAtMs = THEN,
    typeText: string = type,
  ): string {
    const id = `bt${this.provider.transactions.length}`;
    const status = 'available';
    this.provider.transactions.push({
      ...{ id, type, typeText, currency, net, status, createdAtMs },
      source: source ?? null,
    });
    this.balance(currency, net);
    return id;
  }

  opening(currency: string, amount: string): void {
    this.ledger(currency, amount);
    this.balance(currency, amount);
  }

  deposit(id: string, currency: string, amount: string, atMs = THEN): void {
    this.move('deposit', id, currency, amount, atMs);
    this.store.deposits.push({
      providerDepositId: id,
      currency,
      amount,
      verifiedAtMs: atMs,
      hasTransaction: true,
      missing: '0',
    });
    this.ledger(currency, amount);
  }

  attempt(
    operation: 'payout' | 'order',
    externalOrderId: string,
    answer: Mutable<Answer> | null,
    state: Attempt['state'] = 'accepted',
  ): Attempt {
    const [payoutId = ''] = externalOrderId.split('~');
    const attempt: Attempt = {
      operation,
      externalOrderId,
      payoutId,
      state,
      changedAtMs: THEN,
      answer,
    };
    this.store.attempts.push(attempt);
    for (const { currency, net } of answer?.booked ?? []) this.ledger(currency, net);
    return attempt;
  }

  providerPayout(
    id: string,
    externalOrderId: string | undefined,
    status: ProviderPayoutStatus = 'paid',
    createdAtMs = THEN,
  ): void {
    this.provider.payouts.push({
      id,
      externalOrderId,
      currency: 'CNY',
      amount: '100',
      fee: '0.5',
      status,
      createdAtMs,
    });
    this.move('payout', id, 'CNY', '-100.5', createdAtMs);
  }

  payout(
    externalOrderId: string,
    status: ProviderPayoutStatus = 'paid',
    amount = '100.00',
    fee = '0.50',
    atMs = THEN,
  ): Attempt & { answer: Mutable<Answer> } {
    const id = `po_${externalOrderId}`;
    const cost = addAmounts(amount, fee);
    this.provider.payouts.push({
      id,
      externalOrderId,
      currency: 'CNY',
      amount: addAmounts(amount),
      fee: addAmounts(fee),
      status,
      createdAtMs: atMs,
    });
    this.move('payout', id, 'CNY', negated(cost), atMs);
    const answer: Mutable<Answer> = {
      providerId: id,
      amount,
      currency: 'CNY',
      quoteAmount: null,
      fee,
      status,
      recordedAtMs: atMs,
      readAtMs: atMs,
      booked: [{ currency: 'CNY', net: negated(cost) }],
      returnedAtMs: null,
      returned: null,
    };
    return this.attempt('payout', externalOrderId, answer) as Attempt & { answer: Mutable<Answer> };
  }

  /** A failed or cancelled payout whose money is back. */
  returnedPayout(
    externalOrderId: string,
    status: ProviderPayoutStatus = 'failed',
    amount = '100.00',
    fee = '0.50',
  ): Attempt {
    const attempt = this.payout(externalOrderId, status, amount, fee);
    const cost = addAmounts(amount, fee);
    this.move(
      status === 'failed' ? 'payout_failure' : 'payout_cancel',
      attempt.answer.providerId,
      'CNY',
      cost,
    );
    this.ledger('CNY', cost);
    Object.assign(attempt.answer, { returned: cost, returnedAtMs: THEN });
    return attempt;
  }

  order(
    externalOrderId: string,
    sold = '20.000000',
    brought = '140.00',
    fee = '0.10',
  ): Attempt & { answer: Mutable<Answer> } {
    const id = `or_${externalOrderId}`;
    const proceeds = subtractAmounts(brought, fee);
    this.provider.orders.push({
      id,
      externalOrderId,
      symbol: 'USDT/CNY',
      amount: addAmounts(sold),
      quoteAmount: addAmounts(brought),
      fee: addAmounts(fee),
      status: 'filled',
      createdAtMs: THEN,
    });
    this.move('order', id, 'USDT', negated(sold));
    this.move('order', id, 'CNY', proceeds);
    const answer: Mutable<Answer> = {
      providerId: id,
      amount: sold,
      currency: 'USDT',
      quoteAmount: brought,
      fee,
      status: 'filled',
      recordedAtMs: THEN,
      readAtMs: THEN,
      booked: [
        { currency: 'USDT', net: negated(sold) },
        { currency: 'CNY', net: proceeds },
      ],
      returnedAtMs: null,
      returned: null,
    };
    return this.attempt('order', externalOrderId, answer) as Attempt & { answer: Mutable<Answer> };
  }

  /** Takes transactions away, and their money with them. */
  loseTransactions(source: string, type?: string): void {
    const lost = (one: { type: string; source: string | null }): boolean =>
      one.source === source && (type === undefined || one.type === type);
    for (const { currency, net } of this.provider.transactions.filter(lost)) {
      this.balance(currency, negated(net));
    }
    this.provider.transactions = this.provider.transactions.filter((one) => !lost(one));
  }

  losePayout(id: string): void {
    this.provider.payouts = this.provider.payouts.filter((one) => one.id !== id);
    this.loseTransactions(id);
  }

  /** What the store had for the answer is taken out of it, as if it had never come. */
  forgetAnswer(attempt: Attempt, state: Attempt['state'], changedAtMs = THEN): void {
    for (const { currency, net } of attempt.answer?.booked ?? []) this.ledger(currency, negated(net));
    Object.assign(attempt, { answer: null, state, changedAtMs });
  }

  compare() {
    const comparison = new Comparison({
      ranAtMs: NOW,
      graceMs: GRACE,
      openedAtMs: this.store.openedAtMs,
      syncedAtMs: NOW,
    });
    for (const one of this.cases()) compareCase(comparison, one);
    const balances = compareBalances(comparison, {
      ledger: this.store.balances.map(({ currency, provider: net }) => ({ currency, net })),
      provider: this.provider.balances.map(({ currency, available, pending }) => {
        return { currency, net: addAmounts(available, pending) };
      }),
      movedSince: this.movedSince,
      offSinceMs: this.offSinceMs,
    });
    const { discrepancies, outside, open, inFlight, compared } = comparison;
    return { discrepancies, outside, open, inFlight, compared, balances };
  }

  /** As the store's view of the mirror puts them together. */
  private cases(): Case[] {
    const cases = new Map<string, Mutable<Case>>();
    const caseOf = (kind: Case['kind'], name: string | null, id: string | null): Mutable<Case> => {
      const key = `${kind} ${name} ${id}`;
      const empty = { objects: [], transactions: [], unreadable: [], attempt: null, deposit: null };
      const one = cases.get(key) ?? { kind, name, id, mayBeOurs: false, ...empty };
      cases.set(key, one);
      return one;
    };
    const owners = new Map<string, Mutable<Case>>();
    for (const { operation, externalOrderId, ...attempt } of this.store.attempts) {
      const one = caseOf(operation, externalOrderId, null);
      one.attempt = attempt;
      if (attempt.answer !== null) owners.set(`${operation} ${attempt.answer.providerId}`, one);
    }
    for (const { kind, object } of this.shownObjects()) {
      const { id, externalOrderId: name } = object;
      const one = owners.get(`${kind} ${id}`) ?? caseOf(kind, name, name === null ? id : null);
      owners.set(`${kind} ${id}`, one);
      one.objects.push(object);
      one.mayBeOurs = name === null && this.mayBeOurs(kind, object.seenAtMs) && one.attempt === null;
    }
    for (const deposit of this.store.deposits) {
      const one = caseOf('deposit', null, `deposit ${cases.size}`);
      one.deposit = deposit;
      owners.set(`deposit ${deposit.providerDepositId}`, one);
    }
    for (const transaction of this.provider.transactions) {
      const { id, type, source, createdAtMs } = transaction;
      if (this.store.outsideIds.includes(id)) continue;
      const leg = legOfType(type);
      const kinds = [leg === 'return' ? 'payout' : leg, 'deposit', 'payout', 'order'];
      const owner = kinds.map((kind) => owners.get(`${kind} ${source}`)).find((one) => one !== undefined);
      (owner ?? caseOf('transaction', null, id)).transactions.push({ seenAtMs: createdAtMs, ...transaction });
    }
    for (const object of this.provider.unreadable) {
      const { kind, id, externalOrderId: name } = object;
      const one = owners.get(`${kind} ${id}`) ?? caseOf(kind, name, name === null ? id : null);
      one.unreadable.push(object);
    }
    return [...cases.values()];
  }

  private mayBeOurs(kind: 'payout' | 'order', seenAtMs: number): boolean {
    return this.store.attempts.some(
      ({ operation, state, changedAtMs }) =>
        operation === kind && ['sending', 'unknown'].includes(state) && changedAtMs <= seenAtMs,
    );
  }

  private shownObjects(): { kind: 'payout' | 'order'; object: ShownObject }[] {
    const known = ({ createdAtMs, ...object }: PayoutOrOrder) => {
      const externalOrderId = object.externalOrderId ?? null;
      const [seenAtMs, changedAtMs] = [createdAtMs, createdAtMs];
      return { ...object, externalOrderId, createdAtMs, seenAtMs, changedAtMs };
    };
    return [
      ...this.provider.payouts.map((payout) => {
        const { currency } = payout;
        return {
          kind: 'payout' as const,
          object: { ...known(payout), currency, feeCurrency: currency, quote: null },
        };
      }),
      ...this.provider.orders.map((order) => {
        const [currency = '', bought = ''] = order.symbol.split('/');
        const quote = { currency: bought, amount: order.quoteAmount };
        return { kind: 'order' as const, object: { ...known(order), currency, feeCurrency: bought, quote } };
      }),
    ];
  }
}

export function cleanWorld(): World {
  const world = new World();
  world.opening('USDT', '1000');
  world.opening('CNY', '50000.00');
  world.deposit('dep_1', 'USDT', '728.156386');
  world.order('a');
  world.payout('a');
  world.returnedPayout('b');
  world.returnedPayout('c', 'cancelled');
  return world;
}

/** The one discrepancy that a world shows; anything else, BALANCE_OFF not least, fails. */
export function only(world: World, kind: DiscrepancyKind): Discrepancy {
  const { discrepancies, balances } = world.compare();
  expect(discrepancies.map((discrepancy) => discrepancy.kind)).toEqual([kind]);
  expect(balances.map(({ off }) => off)).toEqual(balances.map(() => '0'));
  return discrepancies[0]!;
}

export function expectInFlight(world: World, count = 1): void {
  const { discrepancies, inFlight } = world.compare();
  expect(discrepancies).toEqual([]);
  expect(inFlight).toBe(count);
}

export function expectClean(world: World): void {
  expectInFlight(world, 0);
}

export const transactionOf = (world: World, source: string, type: string) =>
  world.provider.transactions.find((one) => one.source === source && one.type === type)!;
export const payoutOf = (world: World, id: string) => world.provider.payouts.find((one) => one.id === id)!;
