import { subtractAmounts } from '../../../src/domain/money.js';
import type { BalanceTransactionType } from '../../../src/domain/provider-status.js';
import {
  DAY,
  JUST_NOW,
  LATELY,
  NOW,
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

describe('a store that is what the provider says', () => {
  test('is clean, and every balance is shown', () => {
    expect(world.compare()).toMatchObject({
      discrepancies: [],
      outside: [],
      open: [],
      inFlight: 0,
      balances: [
        { currency: 'CNY', ledger: '50039.4', provider: '50039.4', explained: '0', off: '0' },
        { currency: 'USDT', ledger: '1708.156386', provider: '1708.156386', explained: '0', off: '0' },
      ],
      compared: { payouts: 3, orders: 1, deposits: 1, balanceTransactions: 8 },
    });
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
    const { openedAtMs } = world.store;
    world.move('other', 'ch_0', 'CNY', '70', openedAtMs + 1);
    world.provider.transactions.at(-1)!.seenAtMs = openedAtMs;
    world.balance('CNY', '-70');
    expectClean(world);
    // This one showed later, by a clock that is behind: it is not part of it.
    world.move('other', 'ch_1', 'CNY', '5', openedAtMs - 1);
    world.provider.transactions.at(-1)!.seenAtMs = openedAtMs + 1;
    expect(world.compare().outside).toMatchObject([{ net: '5' }]);
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
    const kinds = world.compare().discrepancies.map(({ kind }) => kind);
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
    (state) => {
      world.forgetAnswer(world.store.attempts[1]!, state);
      expect(only(world, 'UNKNOWN_AT_PROVIDER')).toMatchObject({ payoutId: 'a', store: state });
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
    world.store.attempts[1]!.changedAtMs = LATELY;
    only(world, 'OUTCOME_NOT_RECORDED');
  });

  test.each(['sending', 'unknown'] as const)('is not said of what is %s and not at the provider', (state) => {
    world.forgetAnswer(world.store.attempts[1]!, state);
    world.losePayout('po_a');
    expectClean(world);
  });
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

  test.each(['sending', 'unknown', 'refused'] as const)('of an attempt that is %s', (state) => {
    world.forgetAnswer(world.store.attempts[1]!, state, JUST_NOW);
    world.providerPayout('po_again', 'a');
    only(world, 'DUPLICATE_AT_PROVIDER');
  });

  test('of an externalOrderId that the store lacks, beside being unknown', () => {
    world.providerPayout('po_x', 'x');
    world.providerPayout('po_y', 'x');
    const kinds = world.compare().discrepancies.map(({ kind }) => kind);
    expect(kinds).toEqual(['UNKNOWN_AT_PROVIDER', 'DUPLICATE_AT_PROVIDER']);
  });

  test('is not said when only one of them lives', () => {
    world.providerPayout('po_again', 'a', 'failed');
    world.move('payout_failure', 'po_again', 'CNY', '100.5');
    expectClean(world);
  });
});
