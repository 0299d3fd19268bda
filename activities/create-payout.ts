import { log } from '@temporalio/activity';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION } from '../src/book/schema.js';
import { FAILURE_TYPE } from '../src/domain/failure-type.js';
import { payoutExternalId } from '../src/domain/identifiers.js';
import { compareAmounts } from '../src/domain/money.js';
import { isSameCurrency } from '../src/domain/currency-pair.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { costOfPayout, postAmountFor } from '../src/domain/quote.js';
import type { Payout } from '../src/qbitpay/schemas.js';
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
import { heartbeating } from './heartbeating.js';
import { hold, superseded, type Superseded } from './superseded.js';
import { surely } from './surely.js';

export interface CreatePayoutInput {
  readonly payoutId: string;
}

export type CreatePayoutResult =
  | { readonly kind: 'accepted'; readonly status: PayoutStatus; readonly providerPayoutId: string }
  | Superseded
  | NotNow
  | Refused;

/**
 * `POST /payouts`, behind its fence. The provider knows no idempotency: run again it never sends a second
 * payout, it goes on from what the fence says.
 */
export function createCreatePayout(deps: ActivityDependencies) {
  return async function createPayout(input: CreatePayoutInput): Promise<CreatePayoutResult> {
    return heartbeating(() => create(deps, input));
  };
}

async function create(
  deps: ActivityDependencies,
  { payoutId }: CreatePayoutInput,
): Promise<CreatePayoutResult> {
  // What follows was decided on what is read from here on.
  const decidedAtMs = performance.now();
  const { book } = deps;
  const externalOrderId = payoutExternalId(payoutId, 1);
  const fence = { operation: FENCE_OPERATION.PAYOUT, externalOrderId };
  const step = await book.attempts.enterStep(payoutId, fence, 'sending the payout to QbitPay');
  const payout = await book.payouts.get(payoutId);
  if (step.kind === 'superseded') return adopt(deps, payout);
  const known = await answerFromFence(deps, payoutId, fence);
  if (known !== undefined) return known;
  const postAmount = await sizePayout(deps, payout);
  if (postAmount === undefined) {
    return hold(deps.book, payoutId, FAILURE_TYPE.SHORT_AFTER_ORDER, 'the order brought in less than needed');
  }
  const sends = await book.attempts.claimSending(fence);
  if (sends === undefined) return holdAsUnknown(deps, payoutId, fence);
  return sendPayout(deps, payout, { payoutId, fence, sends, postAmount, decidedAtMs });
}

/** The provider has accepted the payout already, or it is held or closed. */
async function adopt({ book }: ActivityDependencies, payout: PayoutRecord): Promise<CreatePayoutResult> {
  const { providerPayout, status, payoutId } = payout;
  return providerPayout !== null && (status === PAYOUT_STATUS.IN_TRANSIT || isFinalStatus(status))
    ? { kind: 'accepted', status, providerPayoutId: providerPayout.providerPayoutId }
    : superseded(book, payoutId);
}

/** The POST amount; undefined when the payout's own money does not cover it and its fee. */
async function sizePayout({ book }: ActivityDependencies, payout: PayoutRecord): Promise<string | undefined> {
  const { feeTerms, request } = payout;
  if (feeTerms === null) throw new Error('the payout was never opened');
  const own = await book.ledger.fundsOf(payout.payoutId);
  const funds = own.find(({ currency }) => currency === request.currency)?.amount ?? '0';
  // In send mode exactly the amount is spent; the tail of the deposit is not.
  const spendable = isSameCurrency(request) && request.amountMode === 'send' ? request.amount : funds;
  const postAmount = postAmountFor(request, spendable, feeTerms);
  return compareAmounts(costOfPayout(postAmount, request.currency, feeTerms), funds) > 0
    ? undefined
    : postAmount;
}

interface PayoutSending extends FencedPost {
  readonly postAmount: string;
  readonly decidedAtMs: number;
}

async function sendPayout(
  deps: ActivityDependencies,
  record: PayoutRecord,
  sending: PayoutSending,
): Promise<CreatePayoutResult> {
  const { payoutId, fence, sends, postAmount, decidedAtMs } = sending;
  const { currency, destination, description } = record.request;
  const { externalOrderId } = fence;
  let payout: Payout;
  try {
    payout = await deps.qbitpay.createPayout({
      amount: postAmount,
      currency,
      destination,
      externalOrderId,
      decidedAtMs,
      ...(description === undefined ? {} : { description }),
    });
  } catch (error) {
    return refusePayout(deps, record, sending, error);
  }
  if (payout.externalOrderId !== externalOrderId) return holdAsUnknown(deps, payoutId, fence);
  log.info('payout accepted', { payoutId, providerPayoutId: payout.id });
  const answer = {
    externalOrderId,
    providerPayoutId: payout.id,
    currency: payout.currency,
    postAmount,
    recipientAmount: payout.amount,
    fee: payout.fee,
    status: payout.status,
  };
  const status = await surely(() => deps.book.attempts.recordProviderPayout(payoutId, sends, answer));
  return status === PAYOUT_STATUS.IN_TRANSIT
    ? { kind: 'accepted', status, providerPayoutId: payout.id }
    : superseded(deps.book, payoutId);
}

async function refusePayout(
  deps: ActivityDependencies,
  { request, order }: PayoutRecord,
  post: FencedPost,
  error: unknown,
): Promise<CreatePayoutResult> {
  const verdict = classifyPostError('createPayout', error);
  // Before a conversion an invalid request is the end; after one somebody has to find another way for the money.
  const invalid = order === null ? FAILURE_TYPE.PAYOUT_REFUSED : FAILURE_TYPE.DESTINATION_REFUSED;
  return settleRefusal(deps, post, verdict, {
    type: verdict.kind === 'invalid' ? invalid : FAILURE_TYPE.PROVIDER_REFUSED,
    message: maskProviderText(error, request.destination),
  });
}
