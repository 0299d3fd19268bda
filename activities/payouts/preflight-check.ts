import { OPEN_STATES } from '../../src/store/requests/send-guard.js';
import { REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { isFailedOrCancelled } from '../../src/domain/provider-status.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { awaitFreshSync, findAtProvider, providerRequestIdOf, whyUnclear } from '../provider/at-provider.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';

/** What a person decides about a request that is believed to be over holds only if QbitPay shows nothing of it. */

type PreflightDependencies = Pick<ActivityDependencies, 'store' | 'qbitpay'>;

export function rivalWords({ id, statusText }: Pick<Payout, 'id' | 'statusText'>): string {
  return `QbitPay has ${id} as ${statusText}: have it cancelled first`;
}

/** Why the request that the payout is, or was, at may still be carried out, or was; undefined when it was not. */
export async function whyLive(
  deps: PreflightDependencies,
  payout: PayoutRecord,
): Promise<string | undefined> {
  const id = providerRequestIdOf(payout);
  await awaitFreshSync(deps, 'a decision', id);
  const atProvider = await findAtProvider(deps, payout.payoutId, id);
  const live = atProvider.found.find(({ status }) => !isFailedOrCancelled(status));
  return live === undefined ? whyUnclear(atProvider) : rivalWords(live);
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
  if (payout?.status !== PAYOUT_STATUS.HELD) return undefined;
  const id = providerRequestIdOf(payout);
  const providerRequest = await deps.store.requests.find(id);
  if (
    providerRequest === undefined ||
    providerRequest.sends === 0 ||
    OPEN_STATES.includes(providerRequest.state)
  )
    return undefined;
  if (id.operation === REQUEST_OPERATION.ORDER && providerRequest.state === REQUEST_STATE.ACCEPTED)
    return undefined;
  return whyLive(deps, payout);
}
