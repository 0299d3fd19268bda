import { log } from '@temporalio/activity';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION, FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { orderExternalId } from '../src/domain/identifiers.js';
import { compareAmounts } from '../src/domain/money.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { isPriceUsable } from '../src/domain/price-guard.js';
import { estimatedPostAmount, reachesMinimum, saleFor } from '../src/domain/quote.js';
import { ORDER_SIDE, type Order } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { classifyPostError, maskProviderText, type PostVerdict } from './failure-mapping.js';
import type { Price } from './fetch-ticker.js';
import { readOrder, toOrderRecord, type OrderProgress } from './order-reading.js';
import { hold, superseded, type Superseded } from './superseded.js';
import { noteWaiting, watched } from './watched.js';

export interface PlaceOrderInput {
  readonly payoutId: string;
  readonly price: Price;
}

export type PlaceOrderResult =
  | OrderProgress
  | Superseded
  /** This price cannot be used: too old, or refused by the provider. Take a new one. */
  | { readonly kind: 'priceUnusable' }
  /** At this price the deposit does not buy what was asked for. */
  | { readonly kind: 'priceMoved' }
  | { readonly kind: 'notNow'; readonly reason: FailureType; readonly retryAfterMs: number }
  /** Final, and nothing was converted. */
  | { readonly kind: 'refused'; readonly type: FailureType; readonly message: string };

/**
 * `POST /orders`, behind its fence, and the order read back. Sells what the payout needs of its own deposit.
 * Run again it never sends a second order: it goes on from what the fence says.
 */
export function createPlaceOrder(deps: ActivityDependencies) {
  const { book } = deps;
  return async function placeOrder({ payoutId, price }: PlaceOrderInput): Promise<PlaceOrderResult> {
    const payout = await book.payouts.get(payoutId);
    if (payout.order !== null) return readBack(deps, payout);
    if (!CONVERTIBLE_STATUSES.includes(payout.status)) return superseded(book, payoutId);
    const sale = sizeOrder(payout, price.bid);
    if (sale === undefined) return { kind: 'priceMoved' };
    if (!isPriceUsable(price.quotedAtMs, Date.now())) return { kind: 'priceUnusable' };
    const externalOrderId = orderExternalId(payoutId, 1);
    const fence = { operation: FENCE_OPERATION.ORDER, externalOrderId };
    const step = await book.attempts.enterStep(payoutId, fence, `selling at ${price.bid}`);
    if (step.kind === 'superseded') return superseded(book, payoutId);
    if (step.fence === FENCE_STATE.REJECTED) {
      return hold(deps.book, payoutId, FAILURE_TYPE.PROVIDER_REFUSED, 'the order was refused before');
    }
    const sends = await book.attempts.claimSending(fence);
    if (sends === undefined) return holdAsUnknown(deps, payoutId, externalOrderId);
    return sendOrder(deps, payout, { externalOrderId, sends, sale, price });
  };
}

/** In these the deposit is still there to be sold. */
const CONVERTIBLE_STATUSES: readonly PayoutStatus[] = [
  PAYOUT_STATUS.AWAITING_DEPOSIT,
  PAYOUT_STATUS.CONVERTING,
];

/** How much to sell; undefined when the deposit does not cover it or the payout would be below the minimum. */
function sizeOrder(payout: PayoutRecord, bid: string): string | undefined {
  const { deposit, feeTerms, request, minimum } = payout;
  if (deposit === null || feeTerms === null) throw new Error('the payout was never opened');
  const sale = saleFor(request, bid, feeTerms);
  if (compareAmounts(sale, deposit.received) > 0) return undefined;
  if (minimum === null) return sale;
  const postAmount = estimatedPostAmount(request, bid, feeTerms);
  return reachesMinimum(postAmount, request, bid, minimum) === false ? undefined : sale;
}

interface Sending {
  readonly externalOrderId: string;
  readonly sends: number;
  readonly sale: string;
  readonly price: Price;
}

async function sendOrder(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { externalOrderId, sends, sale, price }: Sending,
): Promise<PlaceOrderResult> {
  let order: Order;
  try {
    order = await deps.qbitpay.createOrder({
      symbol: price.symbol,
      side: ORDER_SIDE.SELL,
      amount: sale,
      price: price.bid,
      externalOrderId,
    });
  } catch (error) {
    return refuseOrder(deps, payout.payoutId, { externalOrderId, sends }, error);
  }
  if (order.externalOrderId !== externalOrderId) return holdAsUnknown(deps, payout.payoutId, externalOrderId);
  await deps.book.attempts.recordOrder(payout.payoutId, sends, toOrderRecord(externalOrderId, order));
  return readBack(deps, await deps.book.payouts.get(payout.payoutId));
}

async function readBack(deps: ActivityDependencies, payout: PayoutRecord): Promise<PlaceOrderResult> {
  return watched(deps.book, payout.payoutId, () => readOrder(deps, payout));
}

async function refuseOrder(
  deps: ActivityDependencies,
  payoutId: string,
  { externalOrderId, sends }: Pick<Sending, 'externalOrderId' | 'sends'>,
  error: unknown,
): Promise<PlaceOrderResult> {
  const verdict: PostVerdict = classifyPostError('createOrder', error);
  const reason = maskProviderText(error);
  log.warn('the order was not accepted', { payoutId, verdict: verdict.kind });
  const fence = { operation: FENCE_OPERATION.ORDER, externalOrderId };
  await deps.book.attempts.settleFence(fence, sends, verdict.fence);
  switch (verdict.kind) {
    case 'priceRefused':
      return { kind: 'priceUnusable' };
    case 'notNow':
      await noteWaiting(deps.book, payoutId, verdict.type);
      return { kind: 'notNow', reason: verdict.type, retryAfterMs: verdict.retryAfterMs ?? 0 };
    case 'invalid':
      return { kind: 'refused', type: FAILURE_TYPE.ORDER_REFUSED, message: reason };
    case 'refused':
      return hold(deps.book, payoutId, FAILURE_TYPE.PROVIDER_REFUSED, `order refused: ${reason}`);
    case 'unknown':
      return holdAsUnknown(deps, payoutId, externalOrderId);
  }
}

async function holdAsUnknown(
  deps: ActivityDependencies,
  payoutId: string,
  externalOrderId: string,
): Promise<PlaceOrderResult> {
  await deps.book.attempts.declareUnknown({ operation: FENCE_OPERATION.ORDER, externalOrderId });
  return hold(
    deps.book,
    payoutId,
    FAILURE_TYPE.UNKNOWN_OUTCOME,
    `outcome of order ${externalOrderId} not known`,
  );
}
