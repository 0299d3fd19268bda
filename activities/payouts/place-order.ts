import { log } from '@temporalio/activity';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION } from '../../src/store/schema.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { orderExternalId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import {
  isPriceUsable,
  isWithinSlippage,
  priceLimitOf,
  usableUntilMs,
} from '../../src/domain/price-guard.js';
import { isConverted, saleFor, type Converted } from '../../src/domain/quote.js';
import { takeMoment, type Moment } from '../../src/qbitpay/moment.js';
import { ORDER_SIDE, type Order } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { answerFromRequest, sendGuarded, type GuardedPost, type RequestNext } from './send-guarded.js';
import type { Price } from './fetch-ticker.js';
import { recordAccepted } from './accepted-object.js';
import { feeTermsOf, isBelowMinimum, readConverted } from './price-offer.js';
import { findUnproven } from './prove-deposits.js';
import { readOrder, type OrderProgress } from './order-reading.js';
import { readState, type PayoutState } from '../payout-state.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

export interface PlaceOrderInput {
  readonly payoutId: string;
  /** Null when the market is gone: what was sent before is asked for all the same. */
  readonly price: Price | null;
  /** How far the price may be below the estimate, in basis points. */
  readonly maxSlippageBps: number;
}

export type PlaceOrderNext = OrderProgress | RequestNext | PriceAwaited;

/** There is no price to sell at now: another one has to be taken. */
export interface PriceAwaited {
  readonly kind: 'awaitPrice';
  /**
   * Too old, or refused by the provider; or too far from the estimate, so that the payout's money does not buy what was
   * asked for.
   */
  readonly reason: typeof FAILURE_TYPE.PRICE_TOO_OLD | typeof FAILURE_TYPE.PRICE_TOO_LOW;
  /** The one that is too low. */
  readonly price?: string;
}

const TOO_OLD: PriceAwaited = { kind: 'awaitPrice', reason: FAILURE_TYPE.PRICE_TOO_OLD };
const tooLow = (price: string): PriceAwaited => {
  return { kind: 'awaitPrice', reason: FAILURE_TYPE.PRICE_TOO_LOW, price };
};

export type PlaceOrderResult = PayoutState<PlaceOrderNext>;

/**
 * `POST /orders`, behind the send guard, and the order read back. Sells what the payout needs of its own money;
 * after an order that was filled in part, the rest, or nothing where that was all it takes.
 * Run again it never sends a second order by itself: it goes on from what the provider request says.
 */
export function createPlaceOrder(deps: ActivityDependencies) {
  return async function placeOrder(input: PlaceOrderInput): Promise<PlaceOrderResult> {
    const { payoutId, price, maxSlippageBps } = input;
    const { store } = deps;
    const payout = await store.payouts.getPayout(payoutId);
    const externalOrderId = orderExternalId(payoutId, payout.orderAttempt);
    if (payout.order?.externalOrderId === externalOrderId) return readOrder(deps, payout, maxSlippageBps);
    if (!CONVERTIBLE_STATUSES.includes(payout.status)) return readState(store, payoutId);
    const id = { operation: REQUEST_OPERATION.ORDER, externalOrderId };
    // What was sent comes first, whatever the price is now.
    const known = await answerFromRequest(deps, { payoutId, id }, await store.requests.find(id));
    if (known !== undefined) return known;
    const done = await readConverted(deps, payout);
    const answer = (next: PlaceOrderNext): Promise<PlaceOrderResult> => readState(store, payoutId, { next });
    if (isConverted(payout.request, feeTermsOf(payout), done)) return answer({ kind: 'pay' });
    if (price === null) return answer(TOO_OLD);
    if (!isPriceAcceptable(payout, price.bid, maxSlippageBps)) return answer(tooLow(price.bid));
    if (sizeOrder(payout, price.bid, done) === undefined) return answer(tooLow(price.bid));
    const unproven = await findUnproven(deps, payoutId);
    if (unproven !== undefined) return unproven;
    // The proofs may have taken long.
    if (!isPriceUsable(price.quotedAtMs, Date.now())) return answer(TOO_OLD);
    const decidedAt = takeMoment();
    return sendGuarded(deps, describePost(deps, payout, { id, price, done, decidedAt, maxSlippageBps }));
  };
}

interface OrderPost {
  readonly id: ProviderRequestId;
  readonly price: Price;
  readonly done: Converted;
  readonly decidedAt: Moment;
  readonly maxSlippageBps: number;
}

function describePost(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { id, price, done, decidedAt, maxSlippageBps }: OrderPost,
): GuardedPost<Order, PlaceOrderNext> {
  const { store, qbitpay } = deps;
  const { payoutId } = payout;
  const { externalOrderId } = id;
  return {
    payoutId,
    id,
    detail: `selling at ${price.bid}`,
    decidedAt,
    size: async () => sizeOrder(payout, price.bid, await readConverted(deps, payout)),
    uncovered: () => readState<PlaceOrderNext>(store, payoutId, { next: tooLow(price.bid) }),
    send: ({ amount }, since) =>
      qbitpay.createOrder({
        symbol: price.symbol,
        side: ORDER_SIDE.SELL,
        amount,
        price: price.bid,
        externalOrderId,
        decidedAt: since,
        latestAtMs: usableUntilMs(price.quotedAtMs),
      }),
    accept: async (answer, asked, flag) => {
      log.info('order accepted', { payoutId, providerOrderId: answer.id });
      await recordAccepted(deps, payout, { id, answer, asked, flag });
      return readOrder(deps, await store.payouts.getPayout(payoutId), maxSlippageBps);
    },
    // Once something was converted, a person has to find another way for the money.
    invalidType:
      compareAmounts(done.sold, '0') === 0 ? FAILURE_TYPE.ORDER_REFUSED : FAILURE_TYPE.PROVIDER_REFUSED,
    priceRefused: TOO_OLD,
  };
}

/** In these the payout's money is still there to be sold. */
const CONVERTIBLE_STATUSES: readonly PayoutStatus[] = [
  PAYOUT_STATUS.AWAITING_DEPOSIT,
  PAYOUT_STATUS.CONVERTING,
];

function isPriceAcceptable(payout: PayoutRecord, bid: string, maxSlippageBps: number): boolean {
  const limit = priceLimitOf(payout, maxSlippageBps);
  return limit === null || isWithinSlippage(bid, limit.price, limit.bps);
}

/** How much to sell; undefined when the payout's own money does not cover it or it would be below the minimum. */
function sizeOrder(
  payout: PayoutRecord,
  bid: string,
  done: Awaited<ReturnType<typeof readConverted>>,
): SentAmount | undefined {
  const { request } = payout;
  const amount = saleFor(request, bid, feeTermsOf(payout), done);
  if (compareAmounts(amount, done.funds) > 0 || isBelowMinimum(payout, bid, done)) return undefined;
  return { amount, currency: request.fundingCurrency, price: bid };
}
