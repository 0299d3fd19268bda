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

describe('BALANCE_OFF', () => {
  test('a balance that moved by the last digit, and nothing tells why', () => {
    world.balance('USDT', '0.000001');
    const report = world.compare();
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
        sinceMs: THEN,
      },
    ]);
    expect(report.balances[1]).toMatchObject({ explained: '0', off: '0.000001' });
  });

  test('a currency that only one of the two has', () => {
    world.balance('EUR', '5');
    world.ledger('JPY', '7');
    const { discrepancies } = world.compare();
    expect(discrepancies).toMatchObject([
      { kind: 'BALANCE_OFF', currency: 'EUR', store: '0', provider: '5' },
      { kind: 'BALANCE_OFF', currency: 'JPY', store: '7', provider: '0' },
    ]);
  });

  test('is found beside what explains another part', () => {
    world.losePayout('po_a');
    world.balance('CNY', '-1');
    const report = world.compare();
    expect(report.discrepancies.map(({ kind }) => kind)).toEqual(['MISSING_AT_PROVIDER', 'BALANCE_OFF']);
    expect(report.balances[0]).toMatchObject({ currency: 'CNY', explained: '100.5', off: '-1' });
  });
});

describe('a balance that is read while money moves', () => {
  test('is off in one run: the next run looks again, and reports it if it stands', () => {
    world.offSinceMs.clear();
    world.balance('USDT', '0.000001');
    expectInFlight(world);
    expect(world.compare().balances[1]).toMatchObject({ off: '0.000001', offSinceMs: NOW });
    world.offSinceMs.set('USDT', LATELY);
    expect(world.compare().discrepancies).toMatchObject([{ kind: 'BALANCE_OFF', sinceMs: LATELY }]);
  });

  test('need not have the newest of what moved at about that time', () => {
    for (const [id, net] of [
      ['ch_1', '7'],
      ['ch_2', '-2'],
      ['ch_3', '11'],
    ] as const) {
      world.move('other', id, 'USDT', net);
      world.movedSince.unshift({ currency: 'USDT', net });
    }
    for (const without of ['0', '-11', '2', '-7']) {
      world.balance('USDT', without);
      expectClean(world);
    }
    // It has the newest one and lacks an older one: that is no matter of time.
    world.balance('USDT', '9');
    expect(world.compare().discrepancies).toMatchObject([{ kind: 'BALANCE_OFF' }]);
  });

  test('need not have a payout that was accepted just now and shows no transaction yet', () => {
    const { answer } = world.payout('young', 'pending', '100.00', '0.50', JUST_NOW);
    world.provider.transactions.pop();
    expectInFlight(world);
    world.balance('CNY', '100.5');
    expectInFlight(world);
    expect(world.compare().open).toEqual([{ kind: 'payout', name: 'young', id: null }]);
    answer.recordedAtMs = LATELY;
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ store: '-100.5', provider: null });
  });
});

describe('K50: a transaction is known by its source', () => {
  test.each(['other', 'payout', 'deposit'] as const)('a conversion that is shown as %s', (type) => {
    for (const transaction of world.provider.transactions) {
      if (transaction.source === 'or_a') transaction.type = type;
    }
    expectClean(world);
  });

  test('a deposit, a payout and a return whose types say nothing', () => {
    for (const transaction of world.provider.transactions) transaction.type = 'other';
    expectClean(world);
  });

  test('a conversion that is not shown at all, as long as the balances have it', () => {
    world.provider.transactions = world.provider.transactions.filter(({ source }) => source !== 'or_a');
    expectClean(world);
    expect(world.compare().open).toEqual([]);
    world.balance('CNY', '-139.9');
    expect(only(world, 'AMOUNT_DIFFERS')).toMatchObject({ object: 'order', store: '139.9', provider: null });
  });

  test('so many conversions that are not shown that nobody tries which of them moved', () => {
    for (let number = 1; number <= 11; number += 1) world.order(`more-${number}`);
    world.provider.transactions = world.provider.transactions.filter(({ type }) => type !== 'order');
    expectClean(world);
  });
});

describe('DEPOSIT_UNSEEN', () => {
  test('a deposit that the store lacks', () => {
    world.move('deposit', 'dep_x', 'USDT', '12.5', LATELY);
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
  });

  test('is not said of a young one', () => {
    world.move('deposit', 'dep_x', 'USDT', '12.5', JUST_NOW);
    expectInFlight(world);
  });

  test('is not said of one that is pending', () => {
    world.move('deposit', 'dep_x', 'USDT', '12.5');
    transactionOf(world, 'dep_x', 'deposit').status = 'pending';
    expectInFlight(world);
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
    const { discrepancies, balances } = world.compare();
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
    const { discrepancies, balances } = world.compare();
    expect(discrepancies.map(({ kind }) => kind)).toEqual(['DEPOSIT_MISSING', 'BALANCE_OFF']);
    expect(balances).toContainEqual(expect.objectContaining({ explained: '-3', off: '-0.5' }));
  });

  test('is not said of a deposit that the balance alone proved', () => {
    world.deposit('dep_2', 'USDT', '3');
    world.store.deposits[1]!.hasTransaction = false;
    world.provider.transactions.pop();
    expectClean(world);
  });
});
