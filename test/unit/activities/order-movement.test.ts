import fc from 'fast-check';
import { movementOf } from '../../../activities/payouts/order-movement.js';
import { addAmounts, subtractAmounts } from '../../../src/domain/money.js';
import type { BalanceTransaction, Order } from '../../../src/qbitpay/schemas.js';

const ORDER: Order = {
  id: 'o',
  symbol: 'USDT/CNY',
  side: 'sell',
  amount: '500',
  status: 'cancelled',
  statusText: 'cancelled',
};

let transactions = 0;
const transaction = (
  currency: string,
  amount: string,
  more: Partial<BalanceTransaction> = {},
): BalanceTransaction => ({
  id: `bt${(transactions += 1)}`,
  currency,
  amount,
  type: 'order',
  typeText: 'order',
  source: 'o',
  status: 'available',
  createdAt: '2026-01-01T00:00:00.000Z',
  ...more,
});
const SOLD = transaction('USDT', '-300');
const BOUGHT = transaction('CNY', '2091', { fee: '2.10', net: '2088.90' });
const NOTHING = { sold: '0', bought: '0', fee: '0' };
const MOVED = { sold: '300', bought: '2091', fee: '2.1' };

describe('the movement of an order', () => {
  test.each<[string, Partial<Order>, readonly BalanceTransaction[], unknown]>([
    ['none, and the order states nothing: they may come late', {}, [], undefined],
    ['none, and the order states zero', { quoteAmount: '0', fee: '0' }, [], NOTHING],
    ['none, and the order states something', { quoteAmount: '2091' }, [], undefined],
    ['both legs, and the order states nothing', {}, [SOLD, BOUGHT], MOVED],
    ['both legs, as the order states them', { quoteAmount: '2091.00', fee: '2.1' }, [SOLD, BOUGHT], MOVED],
    ['both legs, and the order states more', { quoteAmount: '3000', fee: '2.1' }, [SOLD, BOUGHT], undefined],
    [
      'both legs, the fee taken off before',
      { quoteAmount: '2091', fee: '2.1' },
      [SOLD, transaction('CNY', '2088.9')],
      { sold: '300', bought: '2088.9', fee: '0' },
    ],
    ['what was sold only', {}, [SOLD], undefined],
    ['what was bought only', {}, [BOUGHT], undefined],
    ['one that is pending', {}, [SOLD, { ...BOUGHT, status: 'pending' }], undefined],
    ['taken and given back', {}, [SOLD, transaction('USDT', '300')], NOTHING],
    [
      'taken as a whole, and in part given back',
      {},
      [transaction('USDT', '-500'), transaction('USDT', '200'), BOUGHT],
      MOVED,
    ],
    ['the wrong way round', {}, [transaction('USDT', '300'), transaction('CNY', '-2091')], undefined],
  ])('%s', (_name, order, shown, movement) => {
    expect(movementOf({ ...ORDER, ...order }, shown)).toEqual(movement);
  });

  test('is the sum of its parts, however many', () => {
    const amounts = fc.integer({ min: 1, max: 10 ** 9 }).map((value) => (value / 100).toFixed(2));
    fc.assert(
      fc.property(fc.array(fc.tuple(amounts, amounts, amounts), { minLength: 1 }), (fills) => {
        const shown = fills.flatMap(([sold, bought, fee]) => [
          transaction('USDT', `-${sold}`),
          transaction('CNY', bought, { fee, net: subtractAmounts(bought, fee) }),
        ]);
        const movement = movementOf(ORDER, shown) ?? NOTHING;
        const sums = [0, 1, 2].map((part) => addAmounts(...fills.map((fill) => fill[part] ?? '0')));
        expect([movement.sold, movement.bought, movement.fee]).toEqual(sums);
      }),
    );
  });
});
