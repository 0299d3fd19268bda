import { SENDABLE_STATES } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { FAILURE_TYPE, type FailureType } from '../../src/domain/failure-type.js';
import { orderExternalId } from '../../src/domain/identifiers.js';
import type { ActivityDependencies } from '../dependencies.js';
import { putOnHold, type PayoutState } from '../payout-state.js';
import type { PriceOffer } from '../../src/domain/price-offer.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import { readOffer } from './price-offer.js';

export interface HoldPayoutInput {
  readonly payoutId: string;
  readonly reason: FailureType;
  readonly detail: string;
  /** The price that it could be converted at, and is not. @default none */
  readonly price?: string | undefined;
}

/**
 * Puts a payout aside that could not be converted; answers with the status that the store then has. One whose order
 * may be under way is not: that has to be found first.
 */
export function createHoldPayout({ store }: ActivityDependencies) {
  return async function holdPayout(input: HoldPayoutInput): Promise<PayoutState> {
    const { payoutId, reason, price } = input;
    const payout = await store.payouts.getPayout(payoutId);
    const priceOffer = price === undefined ? undefined : await readOffer({ store }, payout, price);
    const detail =
      priceOffer === undefined ? input.detail : `${input.detail}: ${describe(payout, priceOffer)}`;
    const id = {
      operation: REQUEST_OPERATION.ORDER,
      externalOrderId: orderExternalId(payoutId, payout.orderAttempt),
    };
    const providerRequest = await store.requests.find(id);
    if (providerRequest?.mayBeResent !== true) {
      return putOnHold(store, payoutId, {
        ...{ reason, detail, priceOffer },
        about: { id, states: SENDABLE_STATES },
      });
    }
    // An earlier sending is unknown still, and there was no price to send it again at.
    await store.requests.withdrawResend(id);
    const about = { id, states: [REQUEST_STATE.UNKNOWN], sends: providerRequest.sends };
    return putOnHold(store, payoutId, { reason: FAILURE_TYPE.UNKNOWN_OUTCOME, detail, about });
  };
}

function describe({ request }: PayoutRecord, { quoted, now, missing, left }: PriceOffer): string {
  const { currency, fundingCurrency } = request;
  const sale = `at ${now.price} instead of ${quoted.price} it sells ${now.sells} ${fundingCurrency}`;
  const rest = missing === '0' ? `leaves ${left}` : `lacks ${missing}`;
  return `${sale} and ${rest}, and the recipient gets ${now.recipientAmount} ${currency}`;
}
