import { payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { Finding, StorePayout, World } from './world.js';

/**
 * An engine that gives payouts up, or holds them all, pays nobody twice either: what is not paid has to have a reason
 * that the provider's journal, its balance transactions or a caller's request shows.
 */
export function* findUnreasoned(world: World): Iterable<Finding> {
  for (const payout of world.store.payouts) {
    const lack = findLack(world, payout);
    if (lack !== undefined) yield [payout.payoutId, lack];
  }
}

function findLack(world: World, payout: StorePayout): string | undefined {
  // Whatever it came to at the provider was read there: another invariant.
  if (payout.providerPayoutId !== null && payout.status !== PAYOUT_STATUS.HELD) return undefined;
  switch (payout.status) {
    case PAYOUT_STATUS.FAILED:
      return wasRefused(world, payout) ? undefined : 'failed, and the provider refused nothing of it';
    case PAYOUT_STATUS.CANCELLED:
      return wasAskedToCancel(world, payout) ? undefined : 'cancelled, and nobody asked for it';
    case PAYOUT_STATUS.EXPIRED:
      return wasFundedInTime(world, payout) ? 'expired, and its deposit was there in time' : undefined;
    case PAYOUT_STATUS.HELD:
      return findLackOfHold(world, payout);
    default:
      return undefined;
  }
}

function findLackOfHold(world: World, payout: StorePayout): string | undefined {
  const { holdReason } = payout;
  if (holdReason === FAILURE_TYPE.UNDERFUNDED) {
    return isPartUnannounced(world) ? undefined : 'held for the rest of its deposit, which was announced';
  }
  if (holdReason !== FAILURE_TYPE.UNKNOWN_OUTCOME) {
    return wasRefused(world, payout)
      ? undefined
      : `held for ${holdReason ?? 'nothing'}, and the provider refused nothing of it`;
  }
  const unknown = world.store.requests.find(
    ({ payoutId, state }) => payoutId === payout.payoutId && state === 'unknown',
  );
  if (unknown === undefined) return 'held for an unknown outcome, and all of its requests have one';
  // It may send what it has proven absent once more, and has to; then the second one's outcome may be unknown.
  return world.mayResend && unknown.sends < 2
    ? 'held for an unknown outcome, which it was allowed to send again'
    : undefined;
}

/** Documented refusals of the request itself; a key or a rate that is refused says nothing of it. */
const REFUSALS: readonly (number | null)[] = [400, 402, 404, 409, 422];

function wasRefused({ provider }: World, { payoutId }: StorePayout): boolean {
  return provider.journal.some(
    ({ endpoint, externalOrderId, status }) =>
      endpoint.startsWith('POST ') &&
      externalOrderId !== null &&
      payoutIdOfExternalId(externalOrderId) === payoutId &&
      REFUSALS.includes(status),
  );
}

/**
 * Its declared transaction links a part of a deposit to its payout, and only its notice names that: without one the
 * money is found, and a person has to say whose it is.
 */
function isPartUnannounced({ provider, store }: World): boolean {
  return store.deposits.some(
    ({ status, providerDepositId }) =>
      status === 'unallocated' &&
      providerDepositId !== null &&
      provider.unannounced.includes(providerDepositId),
  );
}

function wasAskedToCancel({ answers }: World, payout: StorePayout): boolean {
  return answers.some(({ kind, payoutId }) => kind === 'cancel' && payoutId === payout.payoutId);
}

/** Time enough to hear of it without a webhook, and after a process has died. */
const IN_TIME_MS = 20_000;

/** Amounts are each payout's own, so that the amount says whose deposit it is. */
function wasFundedInTime({ provider, store }: World, { payoutId, deposit }: StorePayout): boolean {
  const expired = store.transitions.find(
    (one) => one.payoutId === payoutId && one.status === PAYOUT_STATUS.EXPIRED,
  );
  if (deposit === null || expired === undefined) return false;
  return provider.transactions.some(
    ({ type, net, createdAtMs }) =>
      type === 'deposit' &&
      compareAmounts(net, deposit.amount) === 0 &&
      createdAtMs < expired.atMs - IN_TIME_MS,
  );
}
