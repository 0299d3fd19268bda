import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { orderExternalId, payoutExternalId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { isAmountOf } from '../../src/domain/quote.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { ProviderRequestId } from '../../src/store/requests/request-kind.js';
import type { SentAmount } from '../../src/store/requests/send-guard.js';
import { OBJECT_KIND, REQUEST_OPERATION, REQUEST_STATE } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';

/** What the mirror shows of a request: found by its `externalOrderId`, and by the id of what was accepted as it. */

type Parts = Pick<ActivityDependencies, 'store'>;

export interface AtProvider {
  readonly found: readonly (Order | Payout)[];
  /** Ids of what QbitPay has shown of it, and does not show any more: that proves nothing. */
  readonly vanished: readonly string[];
  /**
   * Ids of what might be it although it does not say so: of the same amount, come to light since it was sent, and explained
   * by no other request; or not readable.
   */
  readonly candidates: readonly string[];
  /** Those of them that cannot be read. */
  readonly unreadable: readonly string[];
  /** False while a webhook has named a payout that was not read yet. */
  readonly areAnnouncedRead: boolean;
}

/** There is nothing that is ours or might be. */
export function isNothing({ found, ...atProvider }: AtProvider): boolean {
  return found.length === 0 && whyUnclear(atProvider) === undefined;
}

/** What QbitPay shows that might be the request's, in words; undefined where there is nothing. */
export function whyUnclear({
  candidates,
  unreadable,
  areAnnouncedRead,
}: Omit<AtProvider, 'found' | 'vanished'>): string | undefined {
  if (candidates.length > 0) {
    const what =
      unreadable.length === 0
        ? 'adopt it, or disown it'
        : `disown it, or adopt it once ${unreadable.join(', ')} can be read`;
    return `QbitPay has ${candidates.join(', ')}, which may be it: ${what}`;
  }
  return areAnnouncedRead ? undefined : 'a webhook announced a payout that cannot be read yet';
}

export async function findAtProvider(
  { store }: Parts,
  payoutId: string,
  id: ProviderRequestId,
): Promise<AtProvider> {
  const all = await store.mirror.findByExternalId(id.operation, id.externalOrderId);
  const rows = all.filter((row) => row.missing_since === null);
  const request = await store.requests.find(id);
  const others =
    request === undefined || request.state === REQUEST_STATE.ACCEPTED
      ? []
      : await store.mirror.findCandidates(id, request);
  const candidates = [...rows.filter(({ problem }) => problem !== null), ...others];
  const areAnnouncedRead =
    id.operation === REQUEST_OPERATION.ORDER || (await readAnnounced({ store }, payoutId, id));
  return {
    found: rows.filter(({ problem }) => problem === null).map(({ content }) => content as Order | Payout),
    vanished: all.flatMap((row) => (row.missing_since === null ? [] : row.provider_id)),
    candidates: candidates.map((row) => row.provider_id),
    unreadable: candidates.flatMap((row) => (row.problem === null ? [] : row.provider_id)),
    areAnnouncedRead,
  };
}

/** What a webhook named is read by its id, or disowned, before anything is concluded: the list may show it late. */
async function readAnnounced(
  { store }: Parts,
  payoutId: string,
  { externalOrderId }: ProviderRequestId,
): Promise<boolean> {
  let areRead = true;
  for (const providerId of await store.webhooks.findAnnounced(payoutId)) {
    const seen = await store.mirror.findObject(OBJECT_KIND.PAYOUT, providerId);
    if (seen !== undefined) areRead &&= seen.problem === null || seen.disowned_for.includes(externalOrderId);
    else {
      areRead = false;
      await store.mirror.wishForSync('a webhook named it', { kind: OBJECT_KIND.PAYOUT, providerId });
    }
  }
  return areRead;
}

/** True where QbitPay's object is of the currency and the amount that were asked for. */
export function isAskedFor(object: Order | Payout, asked: SentAmount | null): boolean {
  if (asked === null) return false;
  if (!('symbol' in object)) return object.currency === asked.currency && isAmountOf(object, asked);
  const isOfCurrency = object.symbol.startsWith(`${asked.currency}/`);
  return isOfCurrency && compareAmounts(object.amount, asked.amount) === 0;
}

/** The request that the payout is at, or was at when it was held. */
export function providerRequestIdOf({
  payoutId,
  orderAttempt,
  payoutAttempt,
  ...payout
}: PayoutRecord): ProviderRequestId {
  const step = payout.status === PAYOUT_STATUS.HELD ? payout.heldFrom : payout.status;
  return step === PAYOUT_STATUS.PAYING || step === PAYOUT_STATUS.IN_TRANSIT
    ? { operation: REQUEST_OPERATION.PAYOUT, externalOrderId: payoutExternalId(payoutId, payoutAttempt) }
    : { operation: REQUEST_OPERATION.ORDER, externalOrderId: orderExternalId(payoutId, orderAttempt) };
}

/** As long as an ordinary sync takes: right after a start nobody has to wait elsewhere. */
const START_SYNC_TIMEOUT_MS = 2_000;

/** True once a complete sync has ended that began after this process started. */
export async function isStartWishGranted({
  store,
  seen,
}: Pick<ActivityDependencies, 'store' | 'seen'>): Promise<boolean> {
  const endMs = performance.now() + START_SYNC_TIMEOUT_MS;
  for (;;) {
    const { startWish } = seen;
    if (seen.grantedWish === startWish) return true;
    if (await store.mirror.isGranted(startWish)) seen.grantedWish = startWish;
    else if (performance.now() >= endMs) return false;
    else await sleep(LOOK_AGAIN_MS);
  }
}

/** As long as somebody waits for the answer to a call. */
const FRESH_SYNC_TIMEOUT_MS = 10_000;
/** For what nobody waits for so: a sync takes as long as there is news, and a busy machine takes. */
export const PATIENT_SYNC_TIMEOUT_MS = 60_000;
const LOOK_AGAIN_MS = 50;

/**
 * Resolves when a complete sync has ended that began after the call, and has read each object that is known of the request
 * by its id: what a person decides, and what is sent again, rests on nothing older.
 * @throws ApplicationFailure `PROVIDER_UNAVAILABLE` when such a sync fails, or none comes to its end in time
 */
export async function awaitFreshSync(
  { store }: Parts,
  reason: string,
  id?: ProviderRequestId,
  timeoutMs = FRESH_SYNC_TIMEOUT_MS,
): Promise<void> {
  const known = id && (await store.mirror.findByExternalId(id.operation, id.externalOrderId));
  for (const { kind, provider_id: providerId } of known ?? []) {
    await store.mirror.wishForSync(reason, { kind, providerId });
  }
  const lastWish = await store.mirror.wishForSync(reason);
  // A sync that begins after this knows of the wishes, the oldest first: where there are many, of some of them only.
  const wishedAt = await store.mirror.readClock();
  let why = 'no reading of it ended in time';
  for (const endMs = performance.now() + timeoutMs; performance.now() < endMs;) {
    const { beganAt, triedAt, problem } = await store.mirror.readSync();
    if (beganAt !== null && beganAt > wishedAt && (await store.mirror.isGranted(lastWish))) return;
    if (problem !== null && triedAt !== null && triedAt > wishedAt) {
      why = problem;
      break;
    }
    await sleep(LOOK_AGAIN_MS);
  }
  const type = FAILURE_TYPE.PROVIDER_UNAVAILABLE;
  throw ApplicationFailure.create({ type, message: `${type}: QbitPay could not be read to the end: ${why}` });
}

/** As {@link awaitFreshSync}, of all attempts of a payout: one that was over may live after all. */
export async function awaitFreshAttempts(
  { store }: Parts,
  payoutId: string,
  id: ProviderRequestId,
): Promise<void> {
  for (const { kind, provider_id: providerId } of await store.mirror.findAttempts(payoutId)) {
    await store.mirror.wishForSync('a decision', { kind, providerId });
  }
  await awaitFreshSync({ store }, 'a decision', id);
}
