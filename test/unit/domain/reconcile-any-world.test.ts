import fc from 'fast-check';
import { addAmounts, compareAmounts, subtractAmounts } from '../../../src/domain/money.js';
import { DISCREPANCY_KINDS, type DiscrepancyKind } from '../../../src/domain/reconciliation.js';
import { THEN, World, transactionOf, payoutOf, negated } from '../../support/reconciliation-world.js';

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
        built.store.outsideIds.push(built.move('other', id, 'CNY', one.amount));
        built.ledger('CNY', one.amount);
      }
    });
    return built;
  }

  const worlds = fc.record({ things: fc.array(thing, { maxLength: 12 }), opening: millionths });

  test('is clean', () => {
    fc.assert(
      fc.property(worlds, ({ things, opening }) => {
        const clean = { discrepancies: [], outside: [], inFlight: 0, open: [] };
        expect(build(things, opening).compare()).toMatchObject(clean);
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
    'an outside transaction cannot be read': {
      of: 'outside',
      to: (w) => {
        const { id } = w.provider.transactions.at(-1)!;
        w.provider.unreadable.push({
          ...{ id, kind: 'transaction', externalOrderId: null, problem: 'net', seenAtMs: THEN },
        });
        return 'UNREADABLE_AT_PROVIDER';
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
        const { discrepancies, balances } = built.compare();
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
