import { toOrderRecord } from '../../../activities/payouts/order-movement.js';
import type { Order } from '../../../src/qbitpay/schemas.js';

const ORDER: Order = {
  id: 'or_1',
  symbol: 'USDT/CNY',
  side: 'sell',
  amount: '200',
  price: '6.97',
  quoteAmount: '1394',
  fee: '1',
  status: 'filled',
  statusText: 'filled',
};

test('an order that sells is the sale that it states', () => {
  expect(toOrderRecord('p-1', ORDER)).toEqual({
    externalOrderId: 'p-1',
    providerOrderId: 'or_1',
    symbol: 'USDT/CNY',
    price: '6.97',
    amount: '200',
    quoteAmount: '1394',
    fee: '1',
    status: 'filled',
  });
});

test('an order that buys is a sale of the other currency: what came in is never taken for what left', () => {
  expect(toOrderRecord('p-1', { ...ORDER, side: 'buy' })).toEqual({
    externalOrderId: 'p-1',
    providerOrderId: 'or_1',
    symbol: 'CNY/USDT',
    price: '0',
    amount: '1395',
    quoteAmount: '200',
    fee: '0',
    status: 'filled',
  });
});
