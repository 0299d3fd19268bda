import { log } from '@temporalio/activity';
import type { PayoutRecord } from '../src/book/records.js';
import { FENCE_OPERATION, FENCE_STATE } from '../src/book/schema.js';
import { FAILURE_TYPE, type FailureType } from '../src/domain/failure-type.js';
import { payoutExternalId } from '../src/domain/identifiers.js';
import { compareAmounts } from '../src/domain/money.js';
import { isSameCurrency } from '../src/domain/currency-pair.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../src/domain/payout-status.js';
import { costOfPayout, postAmountFor } from '../src/domain/quote.js';
import type { Payout } from '../src/qbitpay/schemas.js';
import type { ActivityDependencies } from './dependencies.js';
import { classifyPostError, maskProviderText } from './failure-mapping.js';
import { hold, superseded, type Superseded } from './superseded.js';
import { noteWaiting } from './watched.js';

export interface CreatePayoutInput {
  readonly payoutId: string;
}

export type CreatePayoutResult =
  | { readonly kind: 'accepted'; readonly status: PayoutStatus; readonly providerPayoutId: string }
  | Superseded
  | { readonly kind: 'notNow'; readonly reason: FailureType; readonly retryAfterMs: number }
  /** Final, and nothing was converted. */
  | { readonly kind: 'refused'; readonly type: FailureType; readonly message: string };

/**
 * `POST /payouts`, behind its fence. The provider knows no idempotency: run again it never sends a second
 * payout, it goes on from what the fence says.
 */
export function createCreatePayout(deps: ActivityDependencies) {
  const { book } = deps;
  return async function createPayout({ payoutId }: CreatePayoutInput): Promise<CreatePayoutResult> {
    const externalOrderId = payoutExternalId(payoutId, 1);
    const fence = { operation: FENCE_OPERATION.PAYOUT, externalOrderId };
    const step = await book.attempts.enterStep(payoutId, fence, 'sending the payout to QbitPay');
    const payout = await book.payouts.get(payoutId);
    if (step.kind === 'superseded') return adopt(deps, payout);
    if (step.fence === FENCE_STATE.REJECTED) {
      return hold(deps.book, payoutId, FAILURE_TYPE.PROVIDER_REFUSED, 'the payout was refused before');
    }
    const postAmount = await sizePayout(deps, payout);
    if (postAmount === undefined) {
      return hold(
        deps.book,
        payoutId,
        FAILURE_TYPE.SHORT_AFTER_ORDER,
        'the order brought in less than needed',
      );
    }
    const sends = step.fence === FENCE_STATE.ACCEPTED ? undefined : await book.attempts.claimSending(fence);
    if (sends === undefined) return holdAsUnknown(deps, payoutId, externalOrderId);
    return sendPayout(deps, payout, { externalOrderId, sends, postAmount });
  };
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
  const { deposit, feeTerms, request } = payout;
  if (deposit === null || feeTerms === null) throw new Error('the payout was never opened');
  const funds = isSameCurrency(request) ? deposit.received : await book.attempts.proceedsOf(payout.payoutId);
  // In send mode exactly the amount is spent; the tail of the deposit is not.
  const spendable = isSameCurrency(request) && request.amountMode === 'send' ? request.amount : funds;
  const postAmount = postAmountFor(request, spendable, feeTerms);
  return compareAmounts(costOfPayout(postAmount, request.currency, feeTerms), funds) > 0
    ? undefined
    : postAmount;
}

interface Sending {
  readonly externalOrderId: string;
  readonly sends: number;
  readonly postAmount: string;
}

async function sendPayout(
  deps: ActivityDependencies,
  record: PayoutRecord,
  { externalOrderId, sends, postAmount }: Sending,
): Promise<CreatePayoutResult> {
  const { request, payoutId } = record;
  let payout: Payout;
  try {
    payout = await deps.qbitpay.createPayout({
      amount: postAmount,
      currency: request.currency,
      destination: request.destination,
      externalOrderId,
      ...(request.description === undefined ? {} : { description: request.description }),
    });
  } catch (error) {
    return refusePayout(deps, record, { externalOrderId, sends }, error);
  }
  if (payout.externalOrderId !== externalOrderId) return holdAsUnknown(deps, payoutId, externalOrderId);
  const status = await deps.book.attempts.recordProviderPayout(payoutId, sends, {
    externalOrderId,
    providerPayoutId: payout.id,
    currency: payout.currency,
    postAmount,
    recipientAmount: payout.amount,
    fee: payout.fee,
    status: payout.status,
  });
  await deps.book.payouts.clearWaiting(payoutId);
  return { kind: 'accepted', status, providerPayoutId: payout.id };
}

async function refusePayout(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  { externalOrderId, sends }: Pick<Sending, 'externalOrderId' | 'sends'>,
  error: unknown,
): Promise<CreatePayoutResult> {
  const { payoutId } = payout;
  const verdict = classifyPostError('createPayout', error);
  const reason = maskProviderText(error);
  log.warn('the payout was not accepted', { payoutId, verdict: verdict.kind });
  const fence = { operation: FENCE_OPERATION.PAYOUT, externalOrderId };
  await deps.book.attempts.settleFence(fence, sends, verdict.fence);
  switch (verdict.kind) {
    case 'notNow':
      await noteWaiting(deps.book, payoutId, verdict.type);
      return { kind: 'notNow', reason: verdict.type, retryAfterMs: verdict.retryAfterMs ?? 0 };
    case 'invalid':
      return isSameCurrency(payout.request)
        ? { kind: 'refused', type: FAILURE_TYPE.PAYOUT_REFUSED, message: reason }
        : hold(deps.book, payoutId, FAILURE_TYPE.DESTINATION_REFUSED, `payout refused: ${reason}`);
    case 'refused':
    case 'priceRefused':
      return hold(deps.book, payoutId, FAILURE_TYPE.PROVIDER_REFUSED, `payout refused: ${reason}`);
    case 'unknown':
      return holdAsUnknown(deps, payoutId, externalOrderId);
  }
}

async function holdAsUnknown(
  deps: ActivityDependencies,
  payoutId: string,
  externalOrderId: string,
): Promise<CreatePayoutResult> {
  await deps.book.attempts.declareUnknown({ operation: FENCE_OPERATION.PAYOUT, externalOrderId });
  return hold(
    deps.book,
    payoutId,
    FAILURE_TYPE.UNKNOWN_OUTCOME,
    `outcome of payout ${externalOrderId} not known`,
  );
}
