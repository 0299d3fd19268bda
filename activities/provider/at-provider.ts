import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { FAILURE_TYPE } from '../../src/domain/failure-type.js';
import { orderExternalId, payoutExternalId } from '../../src/domain/identifiers.js';
import { compareAmounts } from '../../src/domain/money.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import type { Order, Payout } from '../../src/qbitpay/schemas.js';
import type { PayoutRecord } from '../../src/store/payouts/payout-reading.js';
import type { ProviderRequestId, SentAmount } from '../../src/store/requests/send-guard.js';
import { OBJECT_KIND, REQUEST_OPERATION } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';

/** What the mirror shows of a request: found by its `externalOrderId`, which alone is identity. */

type Parts = Pick<ActivityDependencies, 'store'>;

export interface AtProvider {
  readonly found: readonly (Order | Payout)[];
  /** Ids of what QbitPay has shown of it, and does not show any more: that proves nothing. */
  readonly vanished: readonly string[];
  /** False when something that came to light since does not say whose it is, or cannot be read: it might be ours. */
  readonly isNamed: boolean;
}

/** There is nothing that is ours or might be. */
export function isNothing({ found, isNamed }: AtProvider): boolean {
  return isNamed && found.length === 0;
}

export async function findAtProvider(
  { store }: Parts,
  payoutId: string,
  id: ProviderRequestId,
): Promise<AtProvider> {
  const all = await store.mirror.findByExternalId(id.operation, id.externalOrderId);
  const rows = all.filter((row) => row.missing_since === null);
  const request = await store.requests.find(id);
  const unnamed =
    request?.firstSentAt == null ? [] : await store.mirror.findUnnamed(id.operation, request.firstSentAt);
  const mightBeOurs = unnamed.some(({ problem, content }) =>
    // A payout that names nobody is the dashboard's: ours carry the id back [D].
    problem !== null
      ? true
      : id.operation === REQUEST_OPERATION.ORDER && couldAnswerTo(content as Order, request?.asked ?? null),
  );
  const isAnnouncedKnown =
    id.operation === REQUEST_OPERATION.ORDER || (await areAnnouncedRead({ store }, payoutId));
  return {
    found: rows.filter(({ problem }) => problem === null).map(({ content }) => content as Order | Payout),
    vanished: all.flatMap((row) => (row.missing_since === null ? [] : row.provider_id)),
    isNamed: !mightBeOurs && isAnnouncedKnown && rows.every(({ problem }) => problem === null),
  };
}

/** What a webhook named is read by its id before anything is concluded: the list may show it late. */
async function areAnnouncedRead({ store }: Parts, payoutId: string): Promise<boolean> {
  let areRead = true;
  for (const providerId of await store.webhooks.findAnnounced(payoutId)) {
    const seen = await store.mirror.findObject(OBJECT_KIND.PAYOUT, providerId);
    if (seen !== undefined) areRead &&= seen.problem === null;
    else {
      areRead = false;
      await store.mirror.wishForSync('a webhook named it', { kind: OBJECT_KIND.PAYOUT, providerId });
    }
  }
  return areRead;
}

/** [I] An order that names nobody may be the one that was asked for, if it is of that amount. */
export function couldAnswerTo(
  { symbol, amount }: Pick<Order, 'symbol' | 'amount'>,
  asked: SentAmount | null,
): boolean {
  return (
    asked !== null && symbol.startsWith(`${asked.currency}/`) && compareAmounts(amount, asked.amount) === 0
  );
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
    if (await store.mirror.isGranted(seen.startWish)) return true;
    if (performance.now() >= endMs) return false;
    await sleep(LOOK_AGAIN_MS);
  }
}

const FRESH_SYNC_TIMEOUT_MS = 10_000;
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
): Promise<void> {
  const known = id && (await store.mirror.findByExternalId(id.operation, id.externalOrderId));
  for (const { kind, provider_id: providerId } of known ?? []) {
    await store.mirror.wishForSync(reason, { kind, providerId });
  }
  await store.mirror.wishForSync(reason);
  // A sync that begins after this knows of the wishes.
  const wishedAt = await store.mirror.readClock();
  for (const endMs = performance.now() + FRESH_SYNC_TIMEOUT_MS; performance.now() < endMs;) {
    const { beganAt, triedAt, problem } = await store.mirror.readSync();
    if (beganAt !== null && beganAt > wishedAt) return;
    if (problem !== null && triedAt !== null && triedAt > wishedAt) break;
    await sleep(LOOK_AGAIN_MS);
  }
  const type = FAILURE_TYPE.PROVIDER_UNAVAILABLE;
  throw ApplicationFailure.create({ type, message: `${type}: QbitPay could not be read to the end` });
}
