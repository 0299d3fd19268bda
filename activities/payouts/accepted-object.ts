import type { Discrepancy } from '../../src/store/payouts/discrepancies.js';
import type { AcceptedObject } from '../../src/store/requests/accepted-requests.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { isOtherAccount } from '../../src/domain/destination.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import { printableId, printableWord } from '../../src/qbitpay/wire-words.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readState, type PayoutState } from '../payout-state.js';
import { persistWithRetry } from '../persist-with-retry.js';
import { observeObject } from '../provider/provider-list.js';
import { toOrderRecord } from './order-movement.js';

/** An order or payout that QbitPay has under one of our requests. */
export interface Accepted {
  readonly id: ProviderRequestId;
  readonly answer: Order | Payout;
  /** Null where it is not known what was asked for. */
  readonly asked: SentAmount | null;
  /** What is to be seen about the answer, beside what the object itself shows. */
  readonly flag?: Discrepancy | undefined;
}

/** Writes what QbitPay answered, or was found there; where a payout is not what was asked for, a person looks. */
export async function recordAccepted(
  { store, settings }: ActivityDependencies,
  payout: PayoutRecord,
  accepted: Accepted,
): Promise<PayoutState> {
  const { object, discrepancy } = toAcceptedObject(payout, accepted);
  await persistWithRetry(() =>
    store.requests.accept(payout.payoutId, object, discrepancy, settings.brakeAfterDifferences),
  );
  const { firstSentAt } = await store.requests.get(accepted.id);
  // The mirror misses it from now on, should QbitPay not show it. An answer to a request ends nothing.
  const pending = { ...accepted.answer, status: 'pending', statusText: 'pending' } as const;
  const observed = observeObject(pending);
  await store.mirror.recordReading(observed, firstSentAt ?? new Date(0));
  // Under an id that is not the request's, what a sync read before was nobody's news.
  if (accepted.flag !== undefined) await store.mirror.tellOwner(observed);
  return readState(store, payout.payoutId);
}

export function toAcceptedObject(
  payout: PayoutRecord,
  { id: { externalOrderId }, answer, asked, flag }: Accepted,
): { readonly object: AcceptedObject; readonly discrepancy: Discrepancy | undefined } {
  if ('symbol' in answer) return { object: toOrderRecord(externalOrderId, answer), discrepancy: flag };
  const { id: providerPayoutId, currency, amount: recipientAmount, fee, status } = answer;
  const postAmount = asked?.amount ?? recipientAmount;
  return {
    object: { externalOrderId, providerPayoutId, currency, postAmount, recipientAmount, fee, status },
    discrepancy: findDiscrepancy(answer, payout) ?? flag,
  };
}

/** The payout is ours all the same: `externalOrderId` alone says so (contract, section Payouts). */
export function findDiscrepancy(
  answer: Payout,
  { request, destinations }: Pick<PayoutRecord, 'request' | 'destinations'>,
): Discrepancy | undefined {
  if (answer.trade !== undefined && answer.trade !== null) {
    const detail = `QbitPay converted by itself for payout ${answer.id}`;
    return { reason: FAILURE_TYPE.CONVERTED_BY_PROVIDER, detail };
  }
  if (answer.currency !== request.currency) {
    const detail = `QbitPay has payout ${answer.id} in ${printableWord(answer.currency)}`;
    return { reason: FAILURE_TYPE.CURRENCY_DIFFERS, detail };
  }
  const asked = destinations.map(({ destination }) => destination);
  if (!isOtherAccount(answer.accountEnding, asked)) return undefined;
  const detail = `QbitPay has payout ${answer.id} for an account that ends with ${answer.accountEnding}`;
  return { reason: FAILURE_TYPE.DESTINATION_DIFFERS, detail };
}

/** What it was sent as comes back as it was sent (contract, section Payouts); what else QbitPay names is for people to see. */
export function describeAltered(
  { id, externalOrderId }: Pick<Order | Payout, 'id' | 'externalOrderId'>,
  ours: string,
): Discrepancy {
  const named =
    externalOrderId === undefined
      ? 'no externalOrderId'
      : `the externalOrderId ${printableId(externalOrderId)}`;
  return { reason: FAILURE_TYPE.ID_ALTERED, detail: `QbitPay's ${id} carries ${named} instead of ${ours}` };
}
