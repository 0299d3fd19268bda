import type { ProviderPayoutStatus } from '../../../src/domain/provider-status.js';
import {
  JUST_NOW,
  LATELY,
  THEN,
  type World,
  cleanWorld,
  expectClean,
  expectInFlight,
  negated,
  only,
  payoutOf,
  transactionOf,
} from '../../support/reconciliation-world.js';

let world: World;
beforeEach(() => {
  world = cleanWorld();
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
    const report = world.compare();
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
    expect(world.compare().discrepancies).toEqual([]);
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

  test('a return in another currency names its transaction, unless it came just now', () => {
    const id = world.move('payout_failure', 'po_b', 'USDT', '2412');
    const found = { currency: 'USDT', store: null, provider: '2412', providerIds: ['po_b', id] };
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject(found);
    world.provider.transactions.at(-1)!.createdAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('a deposit that was taken back by another transaction, and is booked as missing', () => {
    world.move('other', 'dep_1', 'USDT', '-728.156386');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ providerIds: ['dep_1'], provider: '0' });
    Object.assign(world.store.deposits[0]!, { missing: '728.156386' });
    world.ledger('USDT', '-728.156386');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ providerIds: ['dep_1'], provider: '0' });
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

  test('a return in another currency is none', () => {
    unbookReturn();
    world.loseTransactions('po_b', 'payout_failure');
    const id = world.move('payout_failure', 'po_b', 'USDT', '2412');
    const { discrepancies } = world.compare();
    expect(discrepancies).toMatchObject([
      { kind: 'RETURN_OVERDUE', currency: 'CNY', store: '100.5', provider: null },
      { kind: 'AMOUNT_DIFFERS', currency: 'USDT', store: null, provider: '2412', providerIds: ['po_b', id] },
    ]);
  });

  test('a return that was booked and is gone, unless it was booked just now', () => {
    world.loseTransactions('po_b', 'payout_failure');
    expect(only(world, 'RETURN_OVERDUE')).toMatchObject({ store: '100.5', provider: null });
    world.store.attempts[2]!.answer!.returnedAtMs = JUST_NOW;
    expectInFlight(world);
  });

  test('is not said of one that is given up, and of one that took nothing', () => {
    unbookReturn();
    world.loseTransactions('po_b', 'payout_failure');
    Object.assign(world.store.attempts[2]!.answer!, { returned: '0', returnedAtMs: THEN });
    expectClean(world);
  });

  test('is not said of a payout for which nothing was booked', () => {
    world.loseTransactions('po_b');
    const { answer } = world.store.attempts[2]!;
    Object.assign(answer!, { booked: [], returned: null, returnedAtMs: null });
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
