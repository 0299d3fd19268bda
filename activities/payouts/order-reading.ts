import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { OrderRecord, PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isFailedOrCancelled, PROVIDER_ORDER_STATUS } from '../../src/domain/provider-status.js';
import { leastProceeds, priceLimitOf } from '../../src/domain/price-guard.js';
import { QbitPayResponseError } from '../../src/qbitpay/errors.js';
import { printableWord } from '../../src/qbitpay/wire-words.js';
import { ORDER_SIDE, type Order } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import { readShown } from '../provider/shown-object.js';
import { findMovement, toOrderRecord } from './order-movement.js';

/** What follows from an accepted order; nothing, where QbitPay ended it unfilled or in part: the payout is held. */
export type OrderProgress = { readonly kind: 'pay' } | OrderAwaited;

export interface OrderAwaited {
  readonly kind: 'awaitOrder';
  /** Why, and for how long, QbitPay does not show the order, or what it moved. @default it is pending */
  readonly unclear?: { readonly forMs: number; readonly why: string };
}

/** What QbitPay shows of an accepted order since it was sent, and what it really moved, goes into the store. */
export async function readOrder(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  maxSlippageBps: number,
): Promise<PayoutState<OrderProgress>> {
  const { store } = deps;
  const { payoutId } = payout;
  const goOn = (next: OrderProgress): Promise<PayoutState<OrderProgress>> =>
    readState(store, payoutId, { next });
  if (payout.order === null) throw new Error('the order was accepted and is not in the store');
  const { externalOrderId, providerOrderId } = payout.order;
  const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId };
  await store.mirror.takeHint(payoutId, 'payoutEvent');
  const { asked, firstSentAt } = await store.requests.get(id);
  const shown = await readShown(deps, 'order', providerOrderId, firstSentAt ?? new Date(0));
  const unclear = (forMs: number, why: string) => goOn({ kind: 'awaitOrder', unclear: { forMs, why } });
  const { object: order } = shown;
  // As with payouts: right after it was placed it may not be visible yet.
  if (order === undefined) return unclear(shown.forMs, `QbitPay does not show order ${providerOrderId}`);
  assertComplete(order);
  const isEnded = isFailedOrCancelled(order.status);
  const { movement, readForMs = 0 } = isEnded ? await findMovement(store, order, shown.since) : {};
  const discrepancies = [
    findDifference(order, payout, asked),
    findPriceBelow(order, payout, maxSlippageBps),
  ].filter((discrepancy) => discrepancy !== undefined);
  const record = toOrderRecord(externalOrderId, order, movement);
  const status = await store.requests.recordExecution(payoutId, record, discrepancies);
  if (status === PAYOUT_STATUS.HELD) return readState(store, payoutId);
  if (order.status === PROVIDER_ORDER_STATUS.FILLED) return goOn({ kind: 'pay' });
  if (order.status === PROVIDER_ORDER_STATUS.PENDING) return goOn({ kind: 'awaitOrder' });
  if (!isEnded) {
    // Resumed, it is read again: the provider may have come to a word that says more.
    const detail = `QbitPay says "${order.statusText}" of order ${order.id}`;
    return holdForOrder(deps, payout, FAILURE_TYPE.STATUS_NOT_KNOWN, detail);
  }
  if (movement !== undefined) {
    return holdForOrder(deps, payout, FAILURE_TYPE.ORDER_NOT_FILLED, describeEnd(record));
  }
  return unclear(readForMs, `order ${providerOrderId} has ended, and QbitPay does not show what it moved`);
}

/** Puts the payout aside because of its accepted order, unless another one is made by now. */
export async function holdForOrder(
  { store }: ActivityDependencies,
  { payoutId, order }: PayoutRecord,
  reason: FailureType,
  detail: string,
): Promise<PayoutState> {
  const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId: order?.externalOrderId ?? '' };
  return putOnHold(store, payoutId, { reason, detail, about: { id, states: [REQUEST_STATE.ACCEPTED] } });
}

/** The order is ours all the same: it answers to its `externalOrderId`. One that ended unfilled may state what it sold. */
function findDifference(
  { id, side, symbol, amount, status }: Order,
  { request }: PayoutRecord,
  asked: SentAmount | null,
): Discrepancy | undefined {
  const pair = `${request.fundingCurrency}/${request.currency}`;
  const due = asked === null || isFailedOrCancelled(status) ? amount : asked.amount;
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
  payout: PayoutRecord,
  maxSlippageBps: number,
): Discrepancy | undefined {
  if (status !== PROVIDER_ORDER_STATUS.FILLED || quoteAmount === undefined) return undefined;
  const limit = priceLimitOf(payout, maxSlippageBps);
  if (limit === null) return undefined;
  const [base = '', quote = ''] = symbol.split('/').map(printableWord);
  const least = leastProceeds(amount, limit.price, limit.bps, quote);
  if (compareAmounts(quoteAmount, least) >= 0) return undefined;
  const sold = `QbitPay sold ${amount} ${base} for ${quoteAmount} ${quote} by order ${id}`;
  return { reason: FAILURE_TYPE.ORDER_DIFFERS, detail: `${sold}: within the slippage it is ${least}` };
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
