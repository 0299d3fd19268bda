import type { OrderRecord, PayoutRecord } from '../src/book/records.js';
import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { QbitPayResponseError, RESPONSE_FLAW } from '../src/qbitpay/errors.js';
import { ORDER_STATUS, type Order } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { hold, type Superseded } from './superseded.js';

export type OrderProgress =
  | { readonly kind: 'filled' }
  | { readonly kind: 'pending' }
  /** The provider ended the order unfilled: the payout is held. */
  | Superseded;

/** `GET /orders/ID` of an accepted order: what it says goes into the book. */
export async function readOrder(
  { book, qbitpay }: ActivityDependencies,
  payout: PayoutRecord,
): Promise<OrderProgress> {
  if (payout.order === null) throw new Error('the order was accepted and is not in the book');
  const { externalOrderId, providerOrderId } = payout.order;
  const order = await qbitpay.getOrder(providerOrderId);
  assertComplete(order);
  await book.attempts.upsertOrder(payout.payoutId, toOrderRecord(externalOrderId, order));
  switch (order.status) {
    case ORDER_STATUS.FILLED:
      return { kind: 'filled' };
    case ORDER_STATUS.CANCELLED:
    case ORDER_STATUS.FAILED:
      return hold(
        book,
        payout.payoutId,
        FAILURE_TYPE.ORDER_NOT_FILLED,
        `order ${providerOrderId} ended as ${order.status}`,
      );
    default:
      return { kind: 'pending' };
  }
}

export function toOrderRecord(externalOrderId: string, order: Order): OrderRecord {
  return {
    externalOrderId,
    providerOrderId: order.id,
    symbol: order.symbol,
    amount: order.amount,
    price: order.price ?? '0',
    quoteAmount: order.quoteAmount ?? '0',
    fee: order.fee ?? '0',
    status: order.status,
  };
}

/** A filled order that does not say what it brought in cannot be paid out from. */
function assertComplete(order: Order): void {
  if (order.status !== ORDER_STATUS.FILLED || order.quoteAmount !== undefined) return;
  throw new QbitPayResponseError('getOrder', {
    status: 200,
    reason: RESPONSE_FLAW.UNEXPECTED_SHAPE,
    explanation: 'quoteAmount is missing',
  });
}
