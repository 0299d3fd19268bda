import { log } from '@temporalio/activity';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { SENDABLE_STATES, type SentAmount } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION } from '../../src/store/schema.js';
import { isSameCurrency } from '../../src/domain/currency-pair.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { payoutExternalId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { UNSENT_STATUSES } from '../../src/domain/payout-status.js';
import { costOfPayout, postAmountFor } from '../../src/domain/quote.js';
import { takeMoment, type Moment } from '../../src/qbitpay/moment.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import { recordAccepted } from './accepted-object.js';
import { canSellRest } from './price-offer.js';
import { findUnproven } from './prove-deposits.js';
import type { ActivityDependencies } from '../dependencies.js';
import { sendGuarded, type GuardedPost, type RequestNext } from './send-guarded.js';
import { putOnHold, readState, type PayoutState } from '../payout-state.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

export interface CreatePayoutInput {
  readonly payoutId: string;
}

export type CreatePayoutResult = PayoutState<RequestNext>;

/**
 * `POST /payouts`, behind the send guard. QbitPay knows no idempotency: run again it never sends a second payout
 * by itself, it goes on from what the provider request says.
 */
export function createCreatePayout(deps: ActivityDependencies) {
  return async function createPayout({ payoutId }: CreatePayoutInput): Promise<CreatePayoutResult> {
    const { store } = deps;
    const payout = await store.payouts.getPayout(payoutId);
    if (!UNSENT_STATUSES.includes(payout.status)) return readState(store, payoutId);
    const externalOrderId = payoutExternalId(payoutId, payout.payoutAttempt);
    const id = { operation: REQUEST_OPERATION.PAYOUT, externalOrderId };
    const isFirst = ((await store.requests.find(id))?.sends ?? 0) === 0;
    const unproven = isFirst && payout.order === null ? await findUnproven(deps, payoutId) : undefined;
    if (unproven !== undefined) return unproven;
    return sendGuarded(deps, describePost(deps, payout, id, takeMoment()));
  };
}

function describePost(
  deps: ActivityDependencies,
  payout: PayoutRecord,
  id: ProviderRequestId,
  decidedAt: Moment,
): GuardedPost<Payout, RequestNext> {
  const { store, qbitpay } = deps;
  const { payoutId, request } = payout;
  const { currency, destination, description } = request;
  const { externalOrderId } = id;
  return {
    payoutId,
    id,
    detail: 'sending the payout to QbitPay',
    decidedAt,
    size: () => sizePayout(deps, payout),
    uncovered: async () =>
      putOnHold(store, payoutId, {
        reason: (await canSellRest(deps, payout)) ? FAILURE_TYPE.ORDER_SHORT : FAILURE_TYPE.SHORT_AFTER_ORDER,
        detail: 'the order brought in less than needed',
        about: { id, states: SENDABLE_STATES },
      }),
    send: ({ amount }, since) =>
      qbitpay.createPayout({
        amount,
        currency,
        destination,
        externalOrderId,
        decidedAt: since,
        ...(description === undefined ? {} : { description }),
      }),
    accept: (answer, asked, flag) => {
      log.info('payout accepted', { payoutId, providerPayoutId: answer.id });
      return recordAccepted(deps, payout, { id, answer, asked, flag });
    },
    invalidType: invalidTypeOf(payout),
    priceRefused: { kind: 'resolveOutcome' },
  };
}

/** Before a conversion an invalid request is the end; after one somebody has to find another way for the money. */
function invalidTypeOf({ order, payoutAttempt }: PayoutRecord) {
  return order === null && payoutAttempt === 1
    ? FAILURE_TYPE.PAYOUT_REFUSED
    : FAILURE_TYPE.DESTINATION_REFUSED;
}

/** The POST amount; undefined when the payout's own money does not cover it and its fee. */
async function sizePayout(
  { store }: Pick<ActivityDependencies, 'store'>,
  payout: PayoutRecord,
): Promise<SentAmount | undefined> {
  const { feeTerms, request } = payout;
  const { currency } = request;
  if (feeTerms === null) throw new Error('the payout was never opened');
  const own = await store.ledger.fundsOf(payout.payoutId);
  const funds = own.find((one) => one.currency === currency)?.amount ?? '0';
  // In send mode exactly the amount is spent; the tail of the deposit is not.
  const spendable = isSameCurrency(request) && request.amountMode === 'send' ? request.amount : funds;
  const amount = postAmountFor(request, spendable, feeTerms);
  const isCovered =
    compareAmounts(amount, '0') > 0 && compareAmounts(costOfPayout(amount, currency, feeTerms), funds) <= 0;
  return isCovered ? { amount, currency } : undefined;
}

/** True when the payout's own money suffices for the request and its fee. */
export async function isPayoutCovered(
  deps: Pick<ActivityDependencies, 'store'>,
  payout: PayoutRecord,
): Promise<boolean> {
  return (await sizePayout(deps, payout)) !== undefined;
}
