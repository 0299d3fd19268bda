import type { Store } from '../../src/store/store.js';
import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { ProviderRequest } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { addAmounts, compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isFailedOrCancelled, PROVIDER_ORDER_STATUS } from '../../src/domain/provider-status.js';
import { leastProceeds } from '../../src/domain/price-guard.js';
import { QbitPayResponseError } from '../../src/qbitpay/errors.js';
import { printableWord } from '../../src/qbitpay/printable-word.js';
import { ORDER_SIDE, type Order } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readMovement, type OrderMovement } from './order-movement.js';
import { orNone } from '../provider/provider-scan.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import type { OrderRecord, PayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** What follows from an accepted order; nothing, where QbitPay ended it unfilled or in part: the payout is held. */
export type OrderProgress =
  { readonly kind: 'pay' } | { readonly kind: 'awaitOrder'; readonly unclear?: Unclear };

/** What the provider shows of an order does not say what it moved. */
export interface Unclear {
  readonly forMs: number;
  readonly why: string;
}

/** `GET /orders/ID` of an accepted order: what it says, and what it really moved, goes into the store. */
export async function readOrder(
  { store, qbitpay }: ActivityDependencies,
  payout: PayoutRecord,
  maxSlippageBps: number | undefined,
): Promise<PayoutState<OrderProgress>> {
  const { payoutId } = payout;
  const goOn = (next: OrderProgress): Promise<PayoutState<OrderProgress>> =>
    readState(store, payoutId, { next });
  if (payout.order === null) throw new Error('the order was accepted and is not in the store');
  const { externalOrderId, providerOrderId } = payout.order;
  const order = await orNone(() => qbitpay.getOrder(providerOrderId));
  // As with payouts: right after it was placed it may not be visible yet.
  if (order === undefined) {
    const forMs = await store.requests.noteUnshown(orderRequestId(externalOrderId), 'missing_since');
    const why = `QbitPay does not show order ${providerOrderId}`;
    return goOn({ kind: 'awaitOrder', unclear: { forMs, why } });
  }
  assertComplete(order);
  const isEnded = isEndedUnfilled(order);
  const movement = isEnded ? await readMovement(qbitpay, order) : undefined;
  const providerRequest = await store.requests.get(orderRequestId(externalOrderId));
  const discrepancies = [
    discrepancyOf(order, payout, providerRequest),
    findPriceBelow(order, payout, maxSlippageBps),
  ].filter((discrepancy) => discrepancy !== undefined);
  const record = toOrderRecord(externalOrderId, order, movement);
  const status = await store.requests.recordExecution(payoutId, record, discrepancies);
  if (status === PAYOUT_STATUS.HELD) return readState(store, payoutId);
  if (order.status === PROVIDER_ORDER_STATUS.FILLED) return goOn({ kind: 'pay' });
  if (!isEnded)
    return order.status === PROVIDER_ORDER_STATUS.PENDING
      ? goOn({ kind: 'awaitOrder' })
      : holdUnknown(store, payout, externalOrderId, order);
  if (movement === undefined) {
    const forMs = await store.requests.noteUnshown(orderRequestId(externalOrderId), 'unclear_since');
    const why = `order ${providerOrderId} has ended, and QbitPay does not show what it moved`;
    return goOn({ kind: 'awaitOrder', unclear: { forMs, why } });
  }
  return putOnHold(store, payoutId, {
    reason: FAILURE_TYPE.ORDER_NOT_FILLED,
    detail: describeEnd(record),
    about: { id: orderRequestId(externalOrderId), states: [REQUEST_STATE.ACCEPTED] },
  });
}

/** The order is ours all the same: it answers to its `externalOrderId`. One that ended unfilled may state what it sold. */
function discrepancyOf(
  order: Order,
  { request }: Pick<PayoutRecord, 'request'>,
  { asked }: Pick<ProviderRequest, 'asked'>,
): Discrepancy | undefined {
  const { id, side, symbol, amount } = order;
  const pair = `${request.fundingCurrency}/${request.currency}`;
  const due = asked === null || isEndedUnfilled(order) ? amount : asked.amount;
  if (side === ORDER_SIDE.SELL && symbol === pair && compareAmounts(amount, due) === 0) return undefined;
  const had = `${printableWord(side)} ${amount} ${symbol.split('/').map(printableWord).join('/')}`;
  const detail = `QbitPay has order ${id} as ${had}, asked for was ${ORDER_SIDE.SELL} ${due} ${pair}`;
  return { reason: FAILURE_TYPE.ORDER_DIFFERS, detail };
}

/**
 * It was placed at a price within the slippage, and executed at one that is beyond it: what it brought in is not paid
 * out before a person has seen that.
 */
function findPriceBelow(
  { id, status, symbol, amount, quoteAmount }: Order,
  { estimatedPrice }: Pick<PayoutRecord, 'estimatedPrice'>,
  maxSlippageBps: number | undefined,
): Discrepancy | undefined {
  if (status !== PROVIDER_ORDER_STATUS.FILLED || quoteAmount === undefined) return undefined;
  if (estimatedPrice === null || maxSlippageBps === undefined) return undefined;
  const [base = '', quote = ''] = symbol.split('/').map(printableWord);
  const least = leastProceeds(amount, estimatedPrice, maxSlippageBps, quote);
  if (compareAmounts(quoteAmount, least) >= 0) return undefined;
  const sold = `QbitPay sold ${amount} ${base} for ${quoteAmount} ${quote} by order ${id}`;
  return { reason: FAILURE_TYPE.ORDER_DIFFERS, detail: `${sold}: within the slippage it is ${least}` };
}

/** It has waited long enough: what became of its money has to be found out by a person. */
export async function holdUnclear(
  { store }: ActivityDependencies,
  { payoutId, order }: PayoutRecord,
  detail: string,
): Promise<PayoutState> {
  const { externalOrderId = '' } = order ?? {};
  return putOnHold(store, payoutId, {
    reason: FAILURE_TYPE.ORDER_UNCLEAR,
    detail,
    about: { id: orderRequestId(externalOrderId), states: [REQUEST_STATE.ACCEPTED] },
  });
}

function orderRequestId(externalOrderId: string): ProviderRequestId {
  return { operation: REQUEST_OPERATION.ORDER, externalOrderId };
}

/** Resumed, it is read again: the provider may have come to a word that says more. */
async function holdUnknown(
  store: Store,
  { payoutId }: PayoutRecord,
  externalOrderId: string,
  { id, statusText }: Order,
): Promise<PayoutState> {
  const detail = `QbitPay says "${statusText}" of order ${id}`;
  const about = { id: orderRequestId(externalOrderId), states: [REQUEST_STATE.ACCEPTED] };
  return putOnHold(store, payoutId, { reason: FAILURE_TYPE.STATUS_NOT_KNOWN, detail, about });
}

/**
 * The order for the store. One that ended unfilled may have been filled in part: until its movement is known it is as
 * good as pending, then that is what the store has of it.
 */
export function toOrderRecord(externalOrderId: string, answer: Order, movement?: OrderMovement): OrderRecord {
  const order = asSale(answer);
  const named = {
    externalOrderId,
    providerOrderId: order.id,
    symbol: order.symbol,
    price: order.price ?? '0',
  };
  if (movement !== undefined) {
    const { sold: amount, bought: quoteAmount, fee } = movement;
    return { ...named, amount, quoteAmount, fee, status: order.status };
  }
  return {
    ...named,
    amount: order.amount,
    quoteAmount: order.quoteAmount ?? '0',
    fee: order.fee ?? '0',
    status: isEndedUnfilled(order) ? PROVIDER_ORDER_STATUS.PENDING : order.status,
  };
}

/** The store knows sales: an order that buys the base sells the quote for it, and the fee is taken in the quote. */
function asSale(order: Order): Order {
  if (order.side !== ORDER_SIDE.BUY) return order;
  const [base = '', quote = ''] = order.symbol.split('/');
  const { amount: bought, quoteAmount = '0', fee = '0' } = order;
  const sold = { amount: addAmounts(quoteAmount, fee), quoteAmount: bought, fee: '0', price: '0' };
  return { ...order, symbol: `${quote}/${base}`, ...sold };
}

function isEndedUnfilled({ status }: Order): boolean {
  return isFailedOrCancelled(status);
}

function describeEnd({ providerOrderId, symbol, amount, quoteAmount, fee, status }: OrderRecord): string {
  const [base = '', quote = ''] = symbol.split('/');
  const moved = `sold ${amount} ${base}, bought ${quoteAmount} ${quote} less a fee of ${fee}`;
  return `order ${providerOrderId} ended as ${status}: ${compareAmounts(amount, '0') > 0 ? moved : 'nothing was sold'}`;
}

/** A filled order that does not say what it brought in cannot be paid out from. */
function assertComplete(order: Order): void {
  if (order.status !== PROVIDER_ORDER_STATUS.FILLED || order.quoteAmount !== undefined) return;
  throw new QbitPayResponseError('getOrder', { explanation: 'quoteAmount is missing' });
}
