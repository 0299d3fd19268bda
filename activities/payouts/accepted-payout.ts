import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { persistWithRetry } from '../persist-with-retry.js';
import type { PayoutRecord, ProviderPayoutRecord } from '../../src/store/payouts/payout-reading.js';

export interface AcceptedAnswer {
  readonly answer: Payout;
  /** What was asked for. */
  readonly postAmount: string;
  readonly externalOrderId: string;
}

/** Writes the provider's payout, as it was answered or found; where it is not what was asked for, a person looks. */
export async function recordAccepted(
  deps: ActivityDependencies,
  { payoutId, request }: PayoutRecord,
  { answer, postAmount, externalOrderId }: AcceptedAnswer,
): Promise<PayoutState> {
  const record = toProviderRecord({ answer, postAmount, externalOrderId });
  const discrepancy = discrepancyOf(answer, request.currency);
  await persistWithRetry(() => deps.store.requests.accept(payoutId, record, discrepancy));
  return readState(deps.store, payoutId);
}

export function toProviderRecord({
  answer,
  postAmount,
  externalOrderId,
}: AcceptedAnswer): ProviderPayoutRecord {
  return {
    externalOrderId,
    providerPayoutId: answer.id,
    currency: answer.currency,
    postAmount,
    recipientAmount: answer.amount,
    fee: answer.fee,
    status: answer.status,
  };
}

/** The payout is ours all the same: `externalOrderId` alone says so (contract, section Payouts). */
export function discrepancyOf(answer: Payout, currency: string): Discrepancy | undefined {
  if (answer.trade !== undefined && answer.trade !== null) {
    const detail = `QbitPay converted by itself for payout ${answer.id}`;
    return { reason: FAILURE_TYPE.CONVERTED_BY_PROVIDER, detail };
  }
  if (answer.currency === currency) return undefined;
  const detail = `QbitPay has payout ${answer.id} in ${answer.currency}`;
  return { reason: FAILURE_TYPE.CURRENCY_DIFFERS, detail };
}
