import { log } from '@temporalio/activity';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION } from '../src/book/schema.js';
import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { orderExternalId } from '../src/domain/identifiers.js';
import { compareAmounts } from '../src/domain/money.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { isPriceUsable } from '../src/domain/price-guard.js';
import { estimatedPostAmount, reachesMinimum, saleFor } from '../src/domain/quote.js';
import { ORDER_SIDE, type Order } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { classifyPostError, maskProviderText } from './failure-mapping.js';
import {
  answerFromFence,
  holdAsUnknown,
  settleRefusal,
  type FencedPost,
  type NotNow,
  type Refused,
} from './fenced-post.js';
import type { Price } from './fetch-ticker.js';
import { readOrder, toOrderRecord, type OrderProgress } from './order-reading.js';
import { heartbeating } from './heartbeating.js';
import { superseded, type Superseded } from './superseded.js';
import { surely } from './surely.js';
import { watched } from './watched.js';

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
  | NotNow
  | Refused;

/**
 * `POST /orders`, behind its fence, and the order read back. Sells what the payout needs of its own money.
 * Run again it never sends a second order: it goes on from what the fence says.
 */
export function createPlaceOrder(deps: ActivityDependencies) {
  return async function placeOrder(input: PlaceOrderInput): Promise<PlaceOrderResult> {
    return heartbeating(() => place(deps, input));
  };
}

async function place(
  deps: ActivityDependencies,
  { payoutId, price }: PlaceOrderInput,
): Promise<PlaceOrderResult> {
  // What follows was decided on what is read from here on.
  const decidedAtMs = performance.now();
  const { book } = deps;
  const payout = await book.payouts.get(payoutId);
  if (payout.order !== null) return readBack(deps, payout);
  if (!CONVERTIBLE_STATUSES.includes(payout.status)) return superseded(book, payoutId);
  const sale = await sizeOrder(deps, payout, price.bid);
  if (sale === undefined) return { kind: 'priceMoved' };
  if (!isPriceUsable(price.quotedAtMs, Date.now())) return { kind: 'priceUnusable' };
  const externalOrderId = orderExternalId(payoutId, 1);
  const fence = { operation: FENCE_OPERATION.ORDER, externalOrderId };
  const step = await book.attempts.enterStep(payoutId, fence, `selling at ${price.bid}`);
  if (step.kind === 'superseded') return superseded(book, payoutId);
  const known = await answerFromFence(deps, payoutId, fence);
  if (known !== undefined) return known;
  const sends = await book.attempts.claimSending(fence);
  if (sends === undefined) return holdAsUnknown(deps, payoutId, fence);
  return sendOrder(deps, payout, { payoutId, fence, sends, sale, price, decidedAtMs });
}

/** In these the payout's money is still there to be sold. */
const CONVERTIBLE_STATUSES: readonly PayoutStatus[] = [
  PAYOUT_STATUS.AWAITING_DEPOSIT,
  PAYOUT_STATUS.CONVERTING,
];

/** How much to sell; undefined when the payout's own money does not cover it or the payout would be below the minimum. */
async function sizeOrder(
  { book }: ActivityDependencies,
  payout: PayoutRecord,
  bid: string,
): Promise<string | undefined> {
  const { feeTerms, request, minimum } = payout;
  if (feeTerms === null) throw new Error('the payout was never opened');
  const sale = saleFor(request, bid, feeTerms);
  const own = await book.ledger.fundsOf(payout.payoutId);
  const funds = own.find(({ currency }) => currency === request.fundingCurrency)?.amount ?? '0';
  if (compareAmounts(sale, funds) > 0) return undefined;
  if (minimum === null) return sale;
  const postAmount = estimatedPostAmount(request, bid, feeTerms);
  return reachesMinimum(postAmount, request, bid, minimum) === false ? undefined : sale;
}

interface OrderSending extends FencedPost {
  readonly sale: string;
  readonly price: Price;
  readonly decidedAtMs: number;
}

async function sendOrder(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  sending: OrderSending,
): Promise<PlaceOrderResult> {
  const { payoutId, fence, sends, sale, price, decidedAtMs } = sending;
  const { externalOrderId } = fence;
  let order: Order;
  try {
    order = await deps.qbitpay.createOrder({
      symbol: price.symbol,
      side: ORDER_SIDE.SELL,
      amount: sale,
      price: price.bid,
      externalOrderId,
      decidedAtMs,
    });
  } catch (error) {
    return refuseOrder(deps, payout, sending, error);
  }
  // [I] That orders carry the id back is inferred; an answer to our own request that names none is ours.
  if (order.externalOrderId !== undefined && order.externalOrderId !== externalOrderId) {
    return holdAsUnknown(deps, payoutId, fence);
  }
  log.info('order accepted', { payoutId, providerOrderId: order.id });
  await surely(() => deps.book.attempts.recordOrder(payoutId, sends, toOrderRecord(externalOrderId, order)));
  return readBack(deps, await deps.book.payouts.get(payoutId));
}

async function readBack(deps: ActivityDependencies, payout: PayoutRecord): Promise<PlaceOrderResult> {
  return watched(deps.book, payout.payoutId, () => readOrder(deps, payout));
}

async function refuseOrder(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  post: FencedPost,
  error: unknown,
): Promise<PlaceOrderResult> {
  const verdict = classifyPostError('createOrder', error);
  if (verdict.kind === 'priceRefused') {
    await surely(() => deps.book.attempts.settleFence(post.fence, post.sends, verdict.fence));
    return { kind: 'priceUnusable' };
  }
  return settleRefusal(deps, post, verdict, {
    type: verdict.kind === 'invalid' ? FAILURE_TYPE.ORDER_REFUSED : FAILURE_TYPE.PROVIDER_REFUSED,
    message: maskProviderText(error, payout.request.destination),
  });
}
