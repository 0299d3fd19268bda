import fc from 'fast-check';
import { addAmounts, compareAmounts, subtractAmounts } from '../../../src/domain/money.js';
import type { BalanceTransactionType, ProviderPayoutStatus } from '../../../src/domain/provider-status.js';
import { compareStoreWithProvider, type ComparisonResult } from '../../../src/domain/reconcile.js';
import {
  DISCREPANCY_KINDS,
  type StoreSnapshot,
  type Discrepancy,
  type DiscrepancyKind,
  type ProviderSnapshot,
} from '../../../src/domain/reconciliation.js';

const NOW = Date.UTC(2026, 2, 1);
const DAY = 86_400_000;
const GRACE = 60_000;
const SINCE = NOW - 30 * DAY;
/** When everything of a world happened, unless a test says otherwise: long enough ago to be nobody's haste. */
const THEN = NOW - 5 * DAY;
const JUST_NOW = NOW - GRACE + 1;
const LATELY = NOW - GRACE;

type Mutable<T> = T extends readonly (infer E)[]
  ? Mutable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;
type Attempt = Mutable<StoreSnapshot['attempts'][number]>;
type Answer = NonNullable<Attempt['answer']>;

const negated = (amount: string): string => subtractAmounts('0', amount);

/** Store and provider, written side by side: every call moves the money in both. Tests then change one of the two. */
class World {
  readonly store: Mutable<StoreSnapshot> = {
    balances: [],
    attempts: [],
    deposits: [],
    outsideTransactionIds: [],
    openedAtMs: NOW - 20 * DAY,
    openingTransactionIds: [],
  };
  readonly provider: Mutable<ProviderSnapshot> = { balances: [], payouts: [], orders: [], transactions: [] };

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
    this.provider.transactions.push({ id, type, typeText, source, currency, net, status, createdAtMs });
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
    });
    this.ledger(currency, amount);
  }

  attempt(
    operation: 'payout' | 'order',
    externalOrderId: string,
    answer: Answer | null,
    providerRequest: Attempt['providerRequest'] = 'accepted',
  ): Attempt {
    const [payoutId = ''] = externalOrderId.split('~');
    const attempt: Attempt = {
      operation,
      externalOrderId,
      payoutId,
      providerRequest,
      requestChangedAtMs: THEN,
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
  ): Attempt & { answer: Answer } {
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
    const answer: Answer = {
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
    return this.attempt('payout', externalOrderId, answer) as Attempt & { answer: Answer };
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
  ): Attempt & { answer: Answer } {
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
    const answer: Answer = {
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
    return this.attempt('order', externalOrderId, answer) as Attempt & { answer: Answer };
  }

  /** Takes transactions away, and their money with them. */
  loseTransactions(source: string, type?: string): void {
    const lost = (one: { type: string; source: string | undefined }): boolean =>
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
  forgetAnswer(
    attempt: Attempt,
    providerRequest: Attempt['providerRequest'],
    requestChangedAtMs = THEN,
  ): void {
    for (const { currency, net } of attempt.answer?.booked ?? []) this.ledger(currency, negated(net));
    Object.assign(attempt, { answer: null, providerRequest, requestChangedAtMs });
  }

  compare(): ComparisonResult {
    return compareStoreWithProvider({
      store: this.store,
      provider: this.provider,
      sinceMs: SINCE,
      ranAtMs: NOW,
      graceMs: GRACE,
    });
  }
}

function cleanWorld(): World {
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
function only(world: World, kind: DiscrepancyKind): Discrepancy {
  const { report } = world.compare();
  expect(report.discrepancies.map((discrepancy) => discrepancy.kind)).toEqual([kind]);
  expect(report.clean).toBe(false);
  expect(report.balances.map(({ off }) => off)).toEqual(report.balances.map(() => '0'));
  return report.discrepancies[0]!;
}

function expectInFlight(world: World, count = 1): void {
  const { report } = world.compare();
  expect(report.discrepancies).toEqual([]);
  expect(report.inFlight).toBe(count);
}

function expectClean(world: World): void {
  expectInFlight(world, 0);
}

const transactionOf = (world: World, source: string, type: string) =>
  world.provider.transactions.find((one) => one.source === source && one.type === type)!;
const payoutOf = (world: World, id: string) => world.provider.payouts.find((one) => one.id === id)!;

let world: World;
beforeEach(() => {
  world = cleanWorld();
});

describe('a store that is what the provider says', () => {
  test('is clean, and every balance is shown', () => {
    const { report, unseenDeposits, outside } = world.compare();
    expect(report).toEqual({
      ranAtMs: NOW,
      sinceMs: SINCE,
      clean: true,
      discrepancies: [],
      outside: [],
      inFlight: 0,
      balances: [
        { currency: 'CNY', ledger: '50039.4', provider: '50039.4', explained: '0', off: '0' },
        { currency: 'USDT', ledger: '1708.156386', provider: '1708.156386', explained: '0', off: '0' },
      ],
      compared: { payouts: 3, orders: 1, deposits: 1, balanceTransactions: 8 },
    });
    expect({ unseenDeposits, outside }).toEqual({ unseenDeposits: [], outside: [] });
  });

  test('holds an order whose answer carries no externalOrderId', () => {
    world.provider.orders[0]!.externalOrderId = undefined;
    expectClean(world);
  });

  test('counts pending money as there', () => {
    world.provider.balances[0]!.pending = '1.5';
    world.provider.balances[0]!.available = subtractAmounts(world.provider.balances[0]!.available, '1.5');
    expectClean(world);
  });

  test('is not asked for what the window does not reach', () => {
    const { answer } = world.payout('old');
    Object.assign(answer, { recordedAtMs: SINCE - 1, readAtMs: SINCE - 1 });
    world.provider.payouts.pop();
    world.provider.transactions.pop();
    world.deposit('dep_old', 'USDT', '5', SINCE - 1);
    world.provider.transactions.pop();
    const returned = world.returnedPayout('old-b');
    Object.assign(returned.answer!, {
      recordedAtMs: SINCE - 1,
      readAtMs: SINCE - 1,
      returnedAtMs: SINCE - 1,
    });
    world.provider.payouts.pop();
    world.provider.transactions.splice(-2);
    expectClean(world);
  });

  test('finds the return of a payout from before the window', () => {
    const attempt = world.returnedPayout('old');
    attempt.answer!.recordedAtMs = SINCE - 1;
    world.provider.payouts.pop();
    world.provider.transactions = world.provider.transactions.filter(
      ({ type, source }) => type !== 'payout' || source !== 'po_old',
    );
    expectClean(world);
  });

  test('takes what was there before for the opening balance', () => {
    const before = world.store.openedAtMs - DAY - 1;
    const read = (type: BalanceTransactionType, source: string | undefined, net: string): void => {
      world.move(type, source, 'CNY', net, before);
      world.balance('CNY', negated(net));
    };
    read('other', 'ch_0', '70');
    read('deposit', 'dep_0', '80');
    read('payout', 'po_0', '-90');
    read('order', undefined, '-1');
    world.provider.payouts.push({
      ...world.provider.payouts[0]!,
      id: 'po_0',
      externalOrderId: 'x',
      createdAtMs: before,
    });
    expectClean(world);
    // What comes back later is not part of it any more, and still nobody's.
    world.move('payout_failure', 'po_0', 'CNY', '90');
    expect(world.compare().outside).toMatchObject([{ type: 'payout_failure', net: '90' }]);
  });

  test('takes what was shown by then for the opening balance, whatever its date', () => {
    const id = world.move('other', 'ch_0', 'CNY', '70', world.store.openedAtMs + 1);
    world.balance('CNY', '-70');
    world.store.openingTransactionIds.push(id);
    expectClean(world);
    // This one showed later, by a clock that is behind: it is not part of it.
    world.move('other', 'ch_1', 'CNY', '5', world.store.openedAtMs - 1);
    expect(world.compare().outside).toMatchObject([{ net: '5' }]);
  });

  test('takes what the store did before, and never booked, for the opening balance', () => {
    const attempt = world.payout('early', 'paid', '100.00', '0.50', world.store.openedAtMs - DAY - 1);
    expectClean(world);
    attempt.answer.booked = [];
    world.ledger('CNY', '100.5');
    world.balance('CNY', '100.5');
    expectClean(world);
  });
});

describe('MISSING_AT_PROVIDER', () => {
  test('a payout that was accepted and is not shown', () => {
    world.losePayout('po_a');
    expect(only(world, 'MISSING_AT_PROVIDER')).toEqual({
      kind: 'MISSING_AT_PROVIDER',
      object: 'payout',
      currency: 'CNY',
      payoutId: 'a',
      externalOrderId: 'a',
      providerIds: ['po_a'],
      store: '100.00',
      provider: null,
      sinceMs: THEN,
    });
  });

  test('an order, of which both currencies are gone', () => {
    world.provider.orders = [];
    world.loseTransactions('or_a');
    expect(only(world, 'MISSING_AT_PROVIDER')).toMatchObject({ object: 'order', store: '20.000000' });
  });

  test('a payout whose return is gone with it', () => {
    world.losePayout('po_b');
    const kinds = world.compare().report.discrepancies.map(({ kind }) => kind);
    expect(kinds).toEqual(['MISSING_AT_PROVIDER']);
  });

  test('is not said of what was accepted just now', () => {
    world.store.attempts[1]!.answer!.recordedAtMs = JUST_NOW;
    world.losePayout('po_a');
    expectInFlight(world);
    world.store.attempts[1]!.answer!.recordedAtMs = LATELY;
    only(world, 'MISSING_AT_PROVIDER');
  });

  test('is not said of what has another id under the same externalOrderId', () => {
    payoutOf(world, 'po_a').id = 'po_other';
    transactionOf(world, 'po_a', 'payout').source = 'po_other';
    expectClean(world);
    // The one that lives is it, wherever in the list it is.
    world.provider.payouts.unshift({ ...payoutOf(world, 'po_other'), id: 'po_dead', status: 'cancelled' });
    expectClean(world);
  });
});

describe('UNKNOWN_AT_PROVIDER', () => {
  test('a payout with an externalOrderId that the store lacks, at once', () => {
    world.providerPayout('po_x', 'x', 'pending', NOW);
    expect(only(world, 'UNKNOWN_AT_PROVIDER')).toMatchObject({
      object: 'payout',
      payoutId: null,
      externalOrderId: 'x',
      providerIds: ['po_x'],
      store: null,
      provider: '100',
      sinceMs: NOW,
    });
  });

  test('is never booked as outside activity', () => {
    world.providerPayout('po_x', 'x');
    expect(world.compare().outside).toEqual([]);
  });

  test.each(['prepared', 'refused', 'not_sent', 'retry_later'] as const)(
    'a live payout of an attempt that is %s',
    (providerRequest) => {
      world.forgetAnswer(world.store.attempts[1]!, providerRequest);
      expect(only(world, 'UNKNOWN_AT_PROVIDER')).toMatchObject({ payoutId: 'a', store: providerRequest });
    },
  );

  test('is not said of a failed payout of a rejected attempt, once its money is back', () => {
    world.attempt('payout', 'x', null, 'refused');
    world.providerPayout('po_x', 'x', 'failed');
    only(world, 'UNKNOWN_AT_PROVIDER');
    world.move('payout_failure', 'po_x', 'CNY', '100.5');
    expectClean(world);
  });

  test('a payout that took the place of a failed one', () => {
    world.providerPayout('po_again', 'b');
    expect(only(world, 'UNKNOWN_AT_PROVIDER')).toMatchObject({ payoutId: 'b', providerIds: ['po_again'] });
  });

  test('a payout that took the place of a failed one from before the window', () => {
    world.store.attempts[2]!.answer!.recordedAtMs = SINCE - 1;
    world.provider.payouts = world.provider.payouts.filter(({ id }) => id !== 'po_b');
    world.providerPayout('po_again', 'b');
    expect(only(world, 'UNKNOWN_AT_PROVIDER').providerIds).toEqual(['po_again']);
  });

  test('a second payout that failed and kept the money', () => {
    world.providerPayout('po_again', 'a', 'failed');
    expect(only(world, 'UNKNOWN_AT_PROVIDER').providerIds).toEqual(['po_again']);
  });

  test('an order is not taken for the payout of the same externalOrderId', () => {
    world.provider.orders.push({ ...world.provider.orders[0]!, id: 'or_b', externalOrderId: 'b' });
    expect(only(world, 'UNKNOWN_AT_PROVIDER')).toMatchObject({ object: 'order', providerIds: ['or_b'] });
  });
});

describe('OUTCOME_NOT_RECORDED', () => {
  test('a request whose outcome is unknown, and which the provider has carried out', () => {
    world.forgetAnswer(world.store.attempts[1]!, 'unknown', JUST_NOW);
    expect(only(world, 'OUTCOME_NOT_RECORDED')).toMatchObject({
      payoutId: 'a',
      providerIds: ['po_a'],
      store: 'unknown',
      provider: '100',
      sinceMs: JUST_NOW,
    });
  });

  test('an order that the provider filled', () => {
    world.forgetAnswer(world.store.attempts[0]!, 'unknown');
    only(world, 'OUTCOME_NOT_RECORDED');
  });

  test('is not said while the answer may be on its way', () => {
    world.forgetAnswer(world.store.attempts[1]!, 'sending', JUST_NOW);
    expectInFlight(world);
    world.store.attempts[1]!.requestChangedAtMs = LATELY;
    only(world, 'OUTCOME_NOT_RECORDED');
  });

  test.each(['sending', 'unknown'] as const)(
    'is not said of what is %s and not at the provider',
    (providerRequest) => {
      world.forgetAnswer(world.store.attempts[1]!, providerRequest);
      world.losePayout('po_a');
      expectClean(world);
    },
  );
});

describe('DUPLICATE_AT_PROVIDER', () => {
  test('two live payouts with one externalOrderId, named together, at once', () => {
    world.providerPayout('po_again', 'a', 'pending', NOW);
    expect(only(world, 'DUPLICATE_AT_PROVIDER')).toMatchObject({
      payoutId: 'a',
      providerIds: ['po_a', 'po_again'],
      store: '100.00',
      provider: '100 + 100',
      sinceMs: NOW,
    });
  });

  test.each(['sending', 'unknown', 'refused'] as const)('of an attempt that is %s', (providerRequest) => {
    world.forgetAnswer(world.store.attempts[1]!, providerRequest, JUST_NOW);
    world.providerPayout('po_again', 'a');
    only(world, 'DUPLICATE_AT_PROVIDER');
  });

  test('of an attempt from before the window', () => {
    world.store.attempts[1]!.answer!.recordedAtMs = SINCE - 1;
    world.provider.payouts = world.provider.payouts.filter(({ id }) => id !== 'po_a');
    world.providerPayout('po_again', 'a');
    expect(only(world, 'DUPLICATE_AT_PROVIDER').providerIds).toEqual(['po_again']);
  });

  test('of an externalOrderId that the store lacks, beside being unknown', () => {
    world.providerPayout('po_x', 'x');
    world.providerPayout('po_y', 'x');
    const kinds = world.compare().report.discrepancies.map(({ kind }) => kind);
    expect(kinds).toEqual(['UNKNOWN_AT_PROVIDER', 'DUPLICATE_AT_PROVIDER']);
  });

  test('is not said when only one of them lives', () => {
    world.providerPayout('po_again', 'a', 'failed');
    world.move('payout_failure', 'po_again', 'CNY', '100.5');
    expectClean(world);
  });
});

describe('AMOUNT_DIFFERS', () => {
  /** The provider changes a payout, and what it took for it. */
  const change = (part: 'amount' | 'fee', value: string): void => {
    payoutOf(world, 'po_a')[part] = value;
    transactionOf(world, 'po_a', 'payout').net = '-100.75';
    world.balance('CNY', '-0.25');
  };

  test('a payout of another amount', () => {
    change('amount', '100.25');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({
      object: 'payout',
      store: '100.00',
      provider: '100.25',
    });
  });

  test('a payout with another fee is FEE_DIFFERS', () => {
    change('fee', '0.75');
    expect(only(world, 'FEE_DIFFERS')).toMatchObject({ store: '0.50', provider: '0.75' });
  });

  test('a small discrepancy that is said does not hide a large one that is not', () => {
    change('fee', '0.75');
    transactionOf(world, 'po_a', 'payout').net = '-600.75';
    world.balance('CNY', '-500');
    const { report } = world.compare();
    expect(report.discrepancies).toMatchObject([
      { kind: 'FEE_DIFFERS', provider: '0.75' },
      { kind: 'AMOUNT_DIFFERS', store: '-100.5', provider: '-600.75' },
    ]);
  });

  test('an order that brought in another amount', () => {
    world.provider.orders[0]!.quoteAmount = '139';
    transactionOf(world, 'or_a', 'order');
    world.provider.transactions.find(({ source, currency }) => source === 'or_a' && currency === 'CNY')!.net =
      '138.9';
    world.balance('CNY', '-1');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({
      object: 'order',
      currency: 'CNY',
      store: '140.00',
    });
  });

  test('an order that sold another amount, and one with another fee', () => {
    world.provider.orders[0]!.amount = '21';
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ currency: 'USDT', provider: '21' });
    Object.assign(world.provider.orders[0]!, { amount: '20', fee: '0.2' });
    expect(only(world, 'FEE_DIFFERS')).toMatchObject({ currency: 'CNY', provider: '0.2' });
  });

  test('is not said of an order that ended unfilled, and of which the provider shows what was asked for', () => {
    const [order] = world.provider.orders;
    Object.assign(order!, { amount: '500', status: 'cancelled' });
    world.store.attempts.find(({ operation }) => operation === 'order')!.answer!.status = 'cancelled';
    expect(world.compare().report.discrepancies).toEqual([]);
    transactionOf(world, order!.id, 'order').net = '-21';
    world.balance('USDT', '-1');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ currency: 'USDT', store: '-20', provider: '-21' });
  });

  test('a transaction that took another amount than the ledger has', () => {
    transactionOf(world, 'po_a', 'payout').net = '-101';
    world.balance('CNY', '-0.5');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({
      object: 'payout',
      store: '-100.5',
      provider: '-101',
    });
  });

  test('a payout that took nothing', () => {
    world.loseTransactions('po_a');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ store: '-100.5', provider: null });
  });

  test('a return of another amount than was booked', () => {
    transactionOf(world, 'po_b', 'payout_failure').net = '100';
    world.balance('CNY', '-0.5');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ payoutId: 'b', store: '100.5', provider: '100' });
  });

  test('a deposit of another amount', () => {
    transactionOf(world, 'dep_1', 'deposit').net = '728';
    world.balance('USDT', '-0.156386');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({
      object: 'deposit',
      payoutId: null,
      providerIds: ['dep_1'],
      store: '728.156386',
      provider: '728',
    });
  });

  test('a payout that was paid just now, at once', () => {
    Object.assign(world.store.attempts[1]!.answer!, { recordedAtMs: JUST_NOW, readAtMs: JUST_NOW });
    change('amount', '100.25');
    only(world, 'AMOUNT_DIFFERS');
  });

  test('is not said of a young payout that is not settled', () => {
    const { answer } = world.store.attempts[1]!;
    Object.assign(answer!, { status: 'pending', recordedAtMs: JUST_NOW, readAtMs: JUST_NOW });
    payoutOf(world, 'po_a').status = 'pending';
    change('amount', '100.25');
    expectInFlight(world);
    answer!.recordedAtMs = LATELY;
    only(world, 'AMOUNT_DIFFERS');
  });
});

describe('STATUS_DIFFERS', () => {
  test.each<[ProviderPayoutStatus, ProviderPayoutStatus]>([
    ['pending', 'paid'],
    ['in_transit', 'paid'],
    ['paid', 'pending'],
  ])(
    'a payout that is %s in the store and %s at the provider, not read again for long',
    (store, provider) => {
      world.store.attempts[1]!.answer!.status = store;
      payoutOf(world, 'po_a').status = provider;
      expect(only(world, 'STATUS_DIFFERS')).toMatchObject({ payoutId: 'a', store, provider, sinceMs: THEN });
    },
  );

  test.each<[ProviderPayoutStatus, ProviderPayoutStatus]>([
    ['in_transit', 'paid'],
    ['paid', 'in_transit'],
  ])('is not said of %s and %s just after a reading', (store, provider) => {
    Object.assign(world.store.attempts[1]!.answer!, { status: store, readAtMs: JUST_NOW });
    payoutOf(world, 'po_a').status = provider;
    expectInFlight(world);
    world.store.attempts[1]!.answer!.readAtMs = LATELY;
    only(world, 'STATUS_DIFFERS');
  });

  test('two ends that contradict each other, at once', () => {
    world.store.attempts[1]!.answer!.readAtMs = JUST_NOW;
    payoutOf(world, 'po_a').status = 'failed';
    only(world, 'STATUS_DIFFERS');
    world.move('payout_failure', 'po_a', 'CNY', '100.5', JUST_NOW);
    expect(only(world, 'STATUS_DIFFERS')).toMatchObject({ store: 'paid', provider: 'failed' });
  });

  test('a paid payout whose money came back', () => {
    world.move('payout_failure', 'po_a', 'CNY', '100.5', JUST_NOW);
    expect(only(world, 'STATUS_DIFFERS')).toMatchObject({
      store: 'paid',
      provider: 'returned',
      sinceMs: JUST_NOW,
    });
  });

  test('a paid payout that is not paid at the provider, whose money came back, once', () => {
    payoutOf(world, 'po_a').status = 'pending';
    world.move('payout_failure', 'po_a', 'CNY', '100.5');
    expect(only(world, 'STATUS_DIFFERS')).toMatchObject({ store: 'paid', provider: 'pending' });
  });

  test('an unsettled payout whose money came back, unless it was just now', () => {
    world.store.attempts[1]!.answer!.status = 'in_transit';
    payoutOf(world, 'po_a').status = 'in_transit';
    world.move('payout_failure', 'po_a', 'CNY', '100.5', JUST_NOW);
    expectInFlight(world);
    transactionOf(world, 'po_a', 'payout_failure').createdAtMs = LATELY;
    only(world, 'STATUS_DIFFERS');
  });

  test('is not said of two words for what is not settled', () => {
    world.store.attempts[1]!.answer!.status = 'pending';
    payoutOf(world, 'po_a').status = 'in_transit';
    expectClean(world);
  });

  test('a failure that the store has not read yet is in flight, with its return', () => {
    Object.assign(world.store.attempts[1]!.answer!, { status: 'in_transit', readAtMs: JUST_NOW });
    payoutOf(world, 'po_a').status = 'failed';
    world.move('payout_failure', 'po_a', 'CNY', '100.5');
    expectInFlight(world);
  });

  test('an order that was filled, unless it was read just now', () => {
    const { answer } = world.store.attempts[0]!;
    for (const { currency, net } of answer!.booked) world.ledger(currency, negated(net));
    Object.assign(answer!, { status: 'pending', quoteAmount: '0', fee: '0', booked: [], readAtMs: JUST_NOW });
    expectInFlight(world);
    answer!.readAtMs = LATELY;
    only(world, 'STATUS_DIFFERS');
  });
});

describe('DEPOSIT_UNSEEN', () => {
  test('a deposit that the store lacks', () => {
    const id = world.move('deposit', 'dep_x', 'USDT', '12.5', LATELY);
    expect(only(world, 'DEPOSIT_UNSEEN')).toEqual({
      kind: 'DEPOSIT_UNSEEN',
      object: 'deposit',
      currency: 'USDT',
      payoutId: null,
      externalOrderId: null,
      providerIds: ['dep_x'],
      store: null,
      provider: '12.5',
      sinceMs: LATELY,
    });
    expect(world.compare().unseenDeposits).toEqual([
      {
        balanceTransactionId: id,
        providerDepositId: 'dep_x',
        currency: 'USDT',
        net: '12.5',
        createdAtMs: LATELY,
      },
    ]);
  });

  test('is not said of a young one, which is to be started all the same', () => {
    world.move('deposit', 'dep_x', 'USDT', '12.5', JUST_NOW);
    expectInFlight(world);
    expect(world.compare().unseenDeposits).toHaveLength(1);
  });

  test('is not said of one that is pending', () => {
    world.move('deposit', 'dep_x', 'USDT', '12.5');
    transactionOf(world, 'dep_x', 'deposit').status = 'pending';
    expectInFlight(world);
    expect(world.compare().unseenDeposits).toEqual([]);
  });
});

describe('DEPOSIT_MISSING', () => {
  test('a deposit whose transaction is gone, unless it was verified just now', () => {
    world.loseTransactions('dep_1');
    expect(only(world, 'DEPOSIT_MISSING')).toMatchObject({
      object: 'deposit',
      currency: 'USDT',
      providerIds: ['dep_1'],
      store: '728.156386',
      provider: null,
      sinceMs: THEN,
    });
    world.store.deposits[0]!.verifiedAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('the money may be gone with the transaction, or be there still: the balance is off in neither case', () => {
    for (const id of ['dep_2', 'dep_3', 'dep_4']) world.deposit(id, 'USDT', '3');
    world.deposit('dep_5', 'USDT', '10');
    world.loseTransactions('dep_2');
    for (const id of ['dep_3', 'dep_5']) {
      const { net } = transactionOf(world, id, 'deposit');
      world.loseTransactions(id);
      world.balance('USDT', net);
    }
    const { discrepancies, balances } = world.compare().report;
    expect(discrepancies.map(({ kind, store }) => [kind, store])).toEqual([
      ['DEPOSIT_MISSING', '3'],
      ['DEPOSIT_MISSING', '3'],
      ['DEPOSIT_MISSING', '10'],
    ]);
    expect(balances).toContainEqual(expect.objectContaining({ currency: 'USDT', explained: '-3', off: '0' }));
  });

  test('where neither fits, the balance is off beyond what went missing', () => {
    world.deposit('dep_2', 'USDT', '3');
    world.loseTransactions('dep_2');
    world.balance('USDT', '-0.5');
    const { discrepancies, balances } = world.compare().report;
    expect(discrepancies.map(({ kind }) => kind)).toEqual(['DEPOSIT_MISSING', 'BALANCE_OFF']);
    expect(balances).toContainEqual(expect.objectContaining({ explained: '-3', off: '-0.5' }));
  });

  test('is not said of a deposit that the balance alone proved', () => {
    world.deposit('dep_2', 'USDT', '3');
    world.store.deposits[1]!.providerDepositId = null;
    world.provider.transactions.pop();
    expectClean(world);
  });
});

describe('RETURN_OVERDUE', () => {
  /** The store knows of the failure, and no more. */
  const unbookReturn = (readAtMs = THEN): void => {
    Object.assign(world.store.attempts[2]!.answer!, { returned: null, returnedAtMs: null, readAtMs });
    world.ledger('CNY', '-100.5');
  };

  test('a failed payout that gave nothing back, unless it failed just now', () => {
    unbookReturn();
    world.loseTransactions('po_b', 'payout_failure');
    expect(only(world, 'RETURN_OVERDUE')).toMatchObject({
      payoutId: 'b',
      providerIds: ['po_b'],
      store: '100.5',
      provider: null,
      sinceMs: THEN,
    });
    world.store.attempts[2]!.answer!.readAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('a return that nobody booked, unless it came just now', () => {
    unbookReturn();
    expect(only(world, 'RETURN_OVERDUE')).toMatchObject({ store: '100.5', provider: '100.5' });
    transactionOf(world, 'po_b', 'payout_failure').createdAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('a return that was booked and is gone, unless it was booked just now', () => {
    world.loseTransactions('po_b', 'payout_failure');
    expect(only(world, 'RETURN_OVERDUE')).toMatchObject({ store: '100.5', provider: null });
    world.store.attempts[2]!.answer!.returnedAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('is not said of a payout for which nothing was booked', () => {
    world.losePayout('po_b');
    const { answer } = world.store.attempts[2]!;
    Object.assign(answer!, { booked: [], returned: null, returnedAtMs: null, recordedAtMs: SINCE - 1 });
    expectClean(world);
  });

  test('is not said of an order that failed, which took nothing', () => {
    world.provider.orders[0]!.status = 'failed';
    world.loseTransactions('or_a');
    const { answer } = world.store.attempts[0]!;
    for (const { currency, net } of answer!.booked) world.ledger(currency, negated(net));
    Object.assign(answer!, { status: 'failed', booked: [] });
    expectClean(world);
  });
});

describe('BALANCE_OFF', () => {
  test('a balance that moved by the last digit, and nothing tells why', () => {
    world.balance('USDT', '0.000001');
    const { report } = world.compare();
    expect(report.discrepancies).toEqual([
      {
        kind: 'BALANCE_OFF',
        object: 'balance',
        currency: 'USDT',
        payoutId: null,
        externalOrderId: null,
        providerIds: [],
        store: '1708.156386',
        provider: '1708.156387',
        sinceMs: NOW,
      },
    ]);
    expect(report.balances[1]).toMatchObject({ explained: '0', off: '0.000001' });
  });

  test('a currency that only one of the two has', () => {
    world.balance('EUR', '5');
    world.ledger('JPY', '7');
    const { discrepancies } = world.compare().report;
    expect(discrepancies).toMatchObject([
      { kind: 'BALANCE_OFF', currency: 'EUR', store: '0', provider: '5' },
      { kind: 'BALANCE_OFF', currency: 'JPY', store: '7', provider: '0' },
    ]);
  });

  test('is found beside what explains another part', () => {
    world.losePayout('po_a');
    world.balance('CNY', '-1');
    const { report } = world.compare();
    expect(report.discrepancies.map(({ kind }) => kind)).toEqual(['MISSING_AT_PROVIDER', 'BALANCE_OFF']);
    expect(report.balances[0]).toMatchObject({ currency: 'CNY', explained: '100.5', off: '-1' });
  });
});

describe('outside activity', () => {
  test('is listed and no discrepancy: charges, unknown types, what the dashboard paid', () => {
    world.move('other', 'ch_1', 'USDT', '99.5', NOW, 'charge');
    world.move('other', undefined, 'USDT', '-1', THEN, 'adjustment');
    world.move('deposit', undefined, 'USDT', '2');
    world.move('payout_failure', 'po_unread', 'CNY', '4');
    world.providerPayout('po_x', undefined);
    world.provider.orders.push({ ...world.provider.orders[0]!, id: 'or_x', externalOrderId: undefined });
    world.move('order', 'or_x', 'USDT', '-10');
    const { report, outside, unseenDeposits } = world.compare();
    expect(report).toMatchObject({ clean: true, discrepancies: [], inFlight: 0 });
    expect(report.outside).toBe(outside);
    expect(unseenDeposits).toEqual([]);
    expect(outside.map(({ type, currency, net }) => [type, currency, net])).toEqual([
      ['charge', 'USDT', '99.5'],
      ['adjustment', 'USDT', '-1'],
      ['deposit', 'USDT', '2'],
      ['payout_failure', 'CNY', '4'],
      ['payout', 'CNY', '-100.5'],
      ['order', 'USDT', '-10'],
    ]);
    expect(outside[0]).toEqual({
      balanceTransactionId: 'bt8',
      type: 'charge',
      currency: 'USDT',
      net: '99.5',
      createdAtMs: NOW,
    });
    expect(report.balances.find(({ currency }) => currency === 'USDT')).toMatchObject({
      explained: '90.5',
      off: '0',
    });
  });

  test('is not listed again once it is booked', () => {
    world.store.outsideTransactionIds.push(world.move('other', 'ch_1', 'USDT', '99.5'));
    world.ledger('USDT', '99.5');
    expectClean(world);
    expect(world.compare().outside).toEqual([]);
  });

  test('leaves out what moved nothing', () => {
    world.move('other', undefined, 'USDT', '0');
    expect(world.compare().outside).toEqual([]);
  });

  test.each([
    ['sending', THEN],
    ['unknown', THEN + 60_000],
  ] as const)(
    'is not said of an order without externalOrderId while one is %s',
    (providerRequest, requestChangedAtMs) => {
      world.attempt('order', 'x', null, providerRequest).requestChangedAtMs = requestChangedAtMs;
      world.provider.orders.push({
        ...world.provider.orders[0]!,
        id: 'or_x',
        externalOrderId: undefined,
        createdAtMs: THEN + 1_000,
      });
      world.move('order', 'or_x', 'USDT', '-10', THEN + 1_000);
      expectInFlight(world);
      expect(world.compare().outside).toEqual([]);
    },
  );

  test('that turns out to be the store’s own, booked twice, is found', () => {
    world.store.outsideTransactionIds.push(transactionOf(world, 'po_a', 'payout').id);
    world.ledger('CNY', '-100.5');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ payoutId: 'a', provider: null });
  });

  test('at the far end of the reading, a transaction without its payout says nothing', () => {
    world.store.openedAtMs = SINCE - DAY;
    world.move('payout', 'po_cut', 'CNY', '-5', SINCE - 1);
    world.balance('CNY', '5');
    expectClean(world);
  });
});

describe('any consistent world', () => {
  const cents = fc.integer({ min: 1, max: 10 ** 9 }).map((value) => (value / 100).toFixed(2));
  const millionths = fc.integer({ min: 1, max: 10 ** 12 }).map((value) => (value / 1_000_000).toFixed(6));
  const thing = fc.oneof(
    fc.record({ is: fc.constant('deposit' as const), amount: millionths }),
    fc.record({ is: fc.constant('order' as const), sold: millionths, brought: cents, fee: cents }),
    fc.record({
      is: fc.constant('payout' as const),
      status: fc.constantFrom('pending', 'in_transit', 'paid'),
      amount: cents,
      fee: cents,
    }),
    fc.record({
      is: fc.constant('return' as const),
      status: fc.constantFrom('failed', 'cancelled'),
      amount: cents,
      fee: cents,
    }),
    fc.record({ is: fc.constant('outside' as const), amount: cents }),
  );
  type Thing = typeof thing extends fc.Arbitrary<infer T> ? T : never;

  function build(things: readonly Thing[], opening: string): World {
    const built = new World();
    built.opening('USDT', opening);
    things.forEach((one, index) => {
      const id = `t${index}`;
      if (one.is === 'deposit') built.deposit(id, 'USDT', one.amount);
      else if (one.is === 'order') built.order(id, one.sold, one.brought, one.fee);
      else if (one.is === 'payout') built.payout(id, one.status, one.amount, one.fee);
      else if (one.is === 'return') built.returnedPayout(id, one.status, one.amount, one.fee);
      else {
        built.store.outsideTransactionIds.push(built.move('other', id, 'CNY', one.amount));
        built.ledger('CNY', one.amount);
      }
    });
    return built;
  }

  const worlds = fc.record({ things: fc.array(thing, { maxLength: 12 }), opening: millionths });

  test('is clean', () => {
    fc.assert(
      fc.property(worlds, ({ things, opening }) => {
        const { report, outside, unseenDeposits } = build(things, opening).compare();
        expect(report).toMatchObject({ clean: true, inFlight: 0 });
        expect([...outside, ...unseenDeposits]).toEqual([]);
      }),
    );
  });

  /** Each changes one thing of a world, always the last, and says what has to be found. */
  const CHANGES: Readonly<
    Record<string, { of: Thing['is']; to: (w: World, id: string) => DiscrepancyKind }>
  > = {
    'a payout is lost': {
      of: 'payout',
      to: (w, id) => {
        w.losePayout(`po_${id}`);
        return 'MISSING_AT_PROVIDER';
      },
    },
    'a failed payout is lost': {
      of: 'return',
      to: (w, id) => {
        w.losePayout(`po_${id}`);
        return 'MISSING_AT_PROVIDER';
      },
    },
    'an order is lost': {
      of: 'order',
      to: (w, id) => {
        w.provider.orders = w.provider.orders.filter((one) => one.id !== `or_${id}`);
        w.loseTransactions(`or_${id}`);
        return 'MISSING_AT_PROVIDER';
      },
    },
    'the store forgets a payout': {
      of: 'payout',
      to: (w) => {
        w.forgetAnswer(w.store.attempts.at(-1)!, 'accepted');
        w.store.attempts.pop();
        return 'UNKNOWN_AT_PROVIDER';
      },
    },
    'an outcome becomes unknown': {
      of: 'order',
      to: (w) => {
        w.forgetAnswer(w.store.attempts.at(-1)!, 'unknown');
        return 'OUTCOME_NOT_RECORDED';
      },
    },
    'a payout is there twice': {
      of: 'payout',
      to: (w, id) => {
        w.providerPayout('po_again', id);
        return 'DUPLICATE_AT_PROVIDER';
      },
    },
    'a payout grows': {
      of: 'payout',
      to: (w, id) => {
        const payout = payoutOf(w, `po_${id}`);
        const transaction = transactionOf(w, `po_${id}`, 'payout');
        payout.amount = addAmounts(payout.amount, '0.01');
        transaction.net = subtractAmounts(transaction.net, '0.01');
        w.balance('CNY', '-0.01');
        return 'AMOUNT_DIFFERS';
      },
    },
    'a fee grows': {
      of: 'payout',
      to: (w, id) => {
        const payout = payoutOf(w, `po_${id}`);
        const transaction = transactionOf(w, `po_${id}`, 'payout');
        payout.fee = addAmounts(payout.fee, '0.01');
        transaction.net = subtractAmounts(transaction.net, '0.01');
        w.balance('CNY', '-0.01');
        return 'FEE_DIFFERS';
      },
    },
    'a failed payout is paid after all': {
      of: 'return',
      to: (w, id) => {
        payoutOf(w, `po_${id}`).status = 'paid';
        w.loseTransactions(`po_${id}`, 'payout_failure');
        w.loseTransactions(`po_${id}`, 'payout_cancel');
        return 'STATUS_DIFFERS';
      },
    },
    'the store forgets a deposit': {
      of: 'deposit',
      to: (w) => {
        const { currency, amount } = w.store.deposits.pop()!;
        w.ledger(currency, negated(amount));
        return 'DEPOSIT_UNSEEN';
      },
    },
    'a deposit is lost': {
      of: 'deposit',
      to: (w, id) => {
        w.loseTransactions(id);
        return 'DEPOSIT_MISSING';
      },
    },
    'a return does not come': {
      of: 'return',
      to: (w, id) => {
        const { answer } = w.store.attempts.at(-1)!;
        w.ledger('CNY', negated(answer!.returned!));
        Object.assign(answer!, { returned: null, returnedAtMs: null });
        w.loseTransactions(`po_${id}`, 'payout_failure');
        w.loseTransactions(`po_${id}`, 'payout_cancel');
        return 'RETURN_OVERDUE';
      },
    },
    'a balance moves by itself': {
      of: 'outside',
      to: (w) => {
        w.balance('USDT', '0.000001');
        return 'BALANCE_OFF';
      },
    },
  };

  test.each(Object.keys(CHANGES))('%s: it is found by its name, and nothing else with it', (name) => {
    const change = CHANGES[name]!;
    const last = thing.filter(({ is }) => is === change.of);
    fc.assert(
      fc.property(worlds, last, ({ things, opening }, changed) => {
        const built = build([...things, changed], opening);
        const kind = change.to(built, `t${things.length}`);
        const { discrepancies, balances } = built.compare().report;
        expect(discrepancies.map((discrepancy) => discrepancy.kind)).toEqual([kind]);
        const areExplained = balances.every(({ off }) => compareAmounts(off, '0') === 0);
        expect(areExplained).toBe(kind !== 'BALANCE_OFF');
      }),
    );
  });

  test('has a change for every kind', () => {
    const found = Object.values(CHANGES).map((change) => {
      const samples: Record<Thing['is'], Thing> = {
        deposit: { is: 'deposit', amount: '1.000000' },
        order: { is: 'order', sold: '1.000000', brought: '7.00', fee: '0.01' },
        payout: { is: 'payout', status: 'paid', amount: '1.00', fee: '0.01' },
        return: { is: 'return', status: 'failed', amount: '1.00', fee: '0.01' },
        outside: { is: 'outside', amount: '1.00' },
      };
      return change.to(build([samples[change.of]], '1'), 't0');
    });
    expect(new Set(found)).toEqual(new Set(DISCREPANCY_KINDS));
  });
});
