import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import { OPEN_STATES, type ProviderRequest } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { isFinalStatus, PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isFailedOrCancelled } from '../../src/domain/provider-status.js';
import { rivalWords } from '../../src/store/mirror/absence.js';
import type { ActivityDependencies } from '../dependencies.js';
import {
  awaitFreshAttempts,
  findAtProvider,
  providerRequestIdOf,
  whyUnclear,
} from '../provider/at-provider.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** What a person decides about a request that is believed to be over holds only if QbitPay shows nothing of it. */

type PreflightDependencies = Pick<ActivityDependencies, 'store' | 'qbitpay'>;

/** Why the request that the payout is, or was, at may still be carried out, or was; undefined when it was not. */
export async function whyLive(
  deps: PreflightDependencies,
  payout: PayoutRecord,
): Promise<string | undefined> {
  const id = providerRequestIdOf(payout);
  await awaitFreshAttempts(deps, payout.payoutId, id);
  const atProvider = await findAtProvider(deps, payout.payoutId, id);
  const live = atProvider.found.find(({ status }) => !isFailedOrCancelled(status));
  return live === undefined ? whyUnclear(atProvider) : rivalWords(live.id, live.statusText);
}

/**
 * Why the money of a held payout cannot be available, as QbitPay shows it. Undefined where it can, where nothing was ever
 * sent, and where the store knows better: a request whose outcome is open is at QbitPay, and so is an order that was
 * accepted, until all that it moved is booked.
 */
export async function whyNotReleasable(
  deps: PreflightDependencies,
  payoutId: string,
): Promise<string | undefined> {
  const payout = await deps.store.payouts.findPayout(payoutId);
  if (payout === undefined || isFinalStatus(payout.status)) return undefined;
  const id = providerRequestIdOf(payout);
  if (payout.status === PAYOUT_STATUS.HELD && isToBeRead(id, await deps.store.requests.find(id))) {
    return whyLive(deps, payout);
  }
  // Earlier attempts are over, as far as the store knows: it is told what QbitPay shows of them by now.
  const attempts = await deps.store.mirror.findAttempts(payoutId);
  if (attempts.some((one) => one.request_id !== id.externalOrderId)) {
    await awaitFreshAttempts(deps, payoutId, id);
  }
  return undefined;
}

function isToBeRead({ operation }: ProviderRequestId, request: ProviderRequest | undefined): boolean {
  if (request === undefined || request.sends === 0 || OPEN_STATES.includes(request.state)) return false;
  return operation !== REQUEST_OPERATION.ORDER || request.state !== REQUEST_STATE.ACCEPTED;
}
