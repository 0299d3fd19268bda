import {
  JUST_NOW,
  LATELY,
  NOW,
  THEN,
  type World,
  cleanWorld,
  expectClean,
  expectInFlight,
  only,
  transactionOf,
} from '../../support/reconciliation-world.js';

let world: World;
beforeEach(() => {
  world = cleanWorld();
});

describe('K17: UNREADABLE_AT_PROVIDER', () => {
  const unreadable = {
    kind: 'transaction',
    externalOrderId: null,
    problem: 'amount',
    seenAtMs: THEN,
  } as const;

  test('a transaction that cannot be read is named, and everything else compared', () => {
    world.provider.unreadable.push({ ...unreadable, id: 'bt_x' });
    expect(only(world, 'UNREADABLE_AT_PROVIDER')).toEqual({
      kind: 'UNREADABLE_AT_PROVIDER',
      object: 'transaction',
      currency: '',
      payoutId: null,
      externalOrderId: null,
      providerIds: ['bt_x'],
      store: null,
      provider: 'amount',
      sinceMs: THEN,
    });
  });

  test('a payout of ours that cannot be read is not missing', () => {
    world.provider.payouts = world.provider.payouts.filter(({ id }) => id !== 'po_a');
    world.provider.unreadable.push({ ...unreadable, kind: 'payout', id: 'po_a', externalOrderId: 'a' });
    expect(only(world, 'UNREADABLE_AT_PROVIDER')).toMatchObject({ payoutId: 'a', providerIds: ['po_a'] });
  });
});

describe('what the next run has to look at again', () => {
  test('is whatever is reported, under way, or to be booked', () => {
    world.losePayout('po_a');
    world.move('deposit', 'dep_x', 'USDT', '12.5', JUST_NOW);
    world.move('other', 'ch_1', 'USDT', '1');
    expect(world.compare().open).toEqual([
      { kind: 'payout', name: 'a', id: null },
      { kind: 'transaction', name: null, id: 'bt7' },
      { kind: 'transaction', name: null, id: 'bt8' },
    ]);
  });
});

describe('outside activity', () => {
  test('is listed and no discrepancy: charges, unknown types, what the dashboard paid', () => {
    world.move('other', 'ch_1', 'USDT', '99.5', NOW, 'charge');
    world.move('other', undefined, 'USDT', '-1', THEN, 'adjustment');
    world.move('payout_failure', 'po_unread', 'CNY', '4');
    world.providerPayout('po_x', undefined);
    world.provider.orders.push({ ...world.provider.orders[0]!, id: 'or_x', externalOrderId: undefined });
    world.move('order', 'or_x', 'USDT', '-10');
    const { discrepancies, inFlight, outside, balances } = world.compare();
    expect({ discrepancies, inFlight }).toEqual({ discrepancies: [], inFlight: 0 });
    expect(outside.map(({ type, currency, net }) => [type, currency, net])).toEqual([
      ['payout', 'CNY', '-100.5'],
      ['order', 'USDT', '-10'],
      ['charge', 'USDT', '99.5'],
      ['adjustment', 'USDT', '-1'],
      ['payout_failure', 'CNY', '4'],
    ]);
    expect(outside[2]).toEqual({
      balanceTransactionId: 'bt8',
      type: 'charge',
      currency: 'USDT',
      net: '99.5',
      createdAtMs: NOW,
    });
    expect(balances.find(({ currency }) => currency === 'USDT')).toMatchObject({
      explained: '88.5',
      off: '0',
    });
  });

  test('is not listed again once it is booked', () => {
    world.store.outsideIds.push(world.move('other', 'ch_1', 'USDT', '99.5'));
    world.ledger('USDT', '99.5');
    expectClean(world);
    expect(world.compare().outside).toEqual([]);
  });

  test('waits for the payout or order that a transaction names, which may be read after it', () => {
    world.move('payout', 'po_later', 'CNY', '-100.5', JUST_NOW);
    expectInFlight(world);
    world.provider.transactions.at(-1)!.seenAtMs = LATELY;
    expect(world.compare().outside).toMatchObject([{ net: '-100.5' }]);
  });

  test('leaves out what moved nothing', () => {
    world.move('other', undefined, 'USDT', '0');
    expect(world.compare().outside).toEqual([]);
  });

  test.each([
    ['sending', THEN],
    ['unknown', THEN],
  ] as const)('is not said of an order without externalOrderId while one is %s', (state, changedAtMs) => {
    world.attempt('order', 'x', null, state).changedAtMs = changedAtMs;
    world.provider.orders.push({
      ...world.provider.orders[0]!,
      id: 'or_x',
      externalOrderId: undefined,
      createdAtMs: THEN + 1_000,
    });
    world.move('order', 'or_x', 'USDT', '-10', THEN + 1_000);
    expectInFlight(world);
    expect(world.compare().outside).toEqual([]);
  });

  test('that turns out to be the store’s own, booked twice, is found', () => {
    world.store.outsideIds.push(transactionOf(world, 'po_a', 'payout').id);
    world.ledger('CNY', '-100.5');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ payoutId: 'a', provider: null });
  });
});
