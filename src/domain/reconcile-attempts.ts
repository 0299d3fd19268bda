import { compareAnswer, type Attempt } from './reconcile-answer.js';
import {
  isLive,
  netsShown,
  type Operation,
  type ProviderObject,
  type TransactionIndex,
} from './provider-objects.js';
import { isFailedOrCancelled } from './provider-status.js';
import { isZero, NO_NETS, type Discrepancies, type Nets } from './reconciliation-discrepancies.js';
import { DISCREPANCY_KIND, type StoreSnapshot, type Discrepancy } from './reconciliation.js';

export interface AttemptComparison {
  readonly store: StoreSnapshot;
  readonly objects: readonly ProviderObject[];
  readonly transactions: TransactionIndex;
  readonly discrepancies: Discrepancies;
  readonly sinceMs: number;
  readonly graceMs: number;
}

/**
 * Compares the store's payouts and orders with the provider's, each with whatever the provider has under its id or its
 * `externalOrderId`. What has no `externalOrderId` and is not the store's is left alone: somebody else's doing.
 */
export function compareAttempts(comparison: AttemptComparison): void {
  const { ofAttempt, unknown, mayBeOurs } = assignObjects(comparison);
  for (const attempt of comparison.store.attempts) {
    compareAttempt(comparison, attempt, ofAttempt.get(attempt) ?? []);
  }
  for (const objects of unknown.values()) reportUnknown(comparison, objects);
  for (const object of mayBeOurs) {
    comparison.discrepancies.countInFlight();
    explain(comparison, [object]);
  }
}

interface Assignment {
  readonly ofAttempt: ReadonlyMap<Attempt, ProviderObject[]>;
  /** By operation and `externalOrderId`: what names an attempt that the store does not have. */
  readonly unknown: ReadonlyMap<string, ProviderObject[]>;
  /** Names nobody, and could be what an attempt without an answer has brought about. */
  readonly mayBeOurs: readonly ProviderObject[];
}

function assignObjects({ store, objects, graceMs }: AttemptComparison): Assignment {
  const byProviderId = new Map<string, Attempt>();
  const byExternalId = new Map<string, Attempt>();
  for (const attempt of store.attempts) {
    const { operation, externalOrderId, answer } = attempt;
    byExternalId.set(`${operation} ${externalOrderId}`, attempt);
    if (answer !== null) byProviderId.set(`${operation} ${answer.providerId}`, attempt);
  }
  const waits = { payout: waitOf(store, 'payout'), order: waitOf(store, 'order') };
  const ofAttempt = new Map<Attempt, ProviderObject[]>();
  const unknown = new Map<string, ProviderObject[]>();
  const mayBeOurs: ProviderObject[] = [];
  for (const object of objects) {
    const { operation, id, externalOrderId } = object;
    const named = externalOrderId === undefined ? undefined : `${operation} ${externalOrderId}`;
    const attempt =
      byProviderId.get(`${operation} ${id}`) ?? (named === undefined ? undefined : byExternalId.get(named));
    if (attempt !== undefined) addTo(ofAttempt, attempt, object);
    else if (object.createdAtMs < store.openedAtMs) continue;
    else if (named !== undefined) addTo(unknown, named, object);
    else if (couldBeAnswerTo(waits[operation], object, graceMs)) mayBeOurs.push(object);
  }
  return { ofAttempt, unknown, mayBeOurs };
}

/** An outcome may be declared unknown long after the sending: when another worker takes over from one that died. */
const LONGEST_ABSENCE_MS = 24 * 3_600_000;

/** When the attempts without an answer, of one operation, may have brought something about. */
interface Wait {
  readonly sendingSinceMs: number;
  readonly unknownSinceMs: number;
  readonly unknownUntilMs: number;
}

function waitOf({ attempts }: StoreSnapshot, operation: Operation): Wait {
  let sendingSinceMs = Infinity;
  let unknownSinceMs = Infinity;
  let unknownUntilMs = -Infinity;
  for (const { answer, providerRequest, requestChangedAtMs, operation: its } of attempts) {
    if (answer !== null || its !== operation) continue;
    if (providerRequest === 'sending') sendingSinceMs = Math.min(sendingSinceMs, requestChangedAtMs);
    if (providerRequest !== 'unknown') continue;
    unknownSinceMs = Math.min(unknownSinceMs, requestChangedAtMs - LONGEST_ABSENCE_MS);
    unknownUntilMs = Math.max(unknownUntilMs, requestChangedAtMs);
  }
  return { sendingSinceMs, unknownSinceMs, unknownUntilMs };
}

/**
 * [I] That orders carry the `externalOrderId` back is inferred: one that carries none may be the answer that is due.
 * The two clocks may differ by the grace time.
 */
function couldBeAnswerTo(
  { sendingSinceMs, unknownSinceMs, unknownUntilMs }: Wait,
  { createdAtMs }: ProviderObject,
  graceMs: number,
): boolean {
  const isAfterSending = createdAtMs >= sendingSinceMs - graceMs;
  return (
    isAfterSending || (createdAtMs >= unknownSinceMs - graceMs && createdAtMs <= unknownUntilMs + graceMs)
  );
}

function addTo<K>(groups: Map<K, ProviderObject[]>, key: K, object: ProviderObject): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [object]);
  else group.push(object);
}

function compareAttempt(
  comparison: AttemptComparison,
  attempt: Attempt,
  objects: readonly ProviderObject[],
): void {
  const { answer } = attempt;
  if (answer === null) {
    compareUnanswered(comparison, attempt, objects);
    return;
  }
  const isExpected = answer.recordedAtMs >= comparison.sinceMs;
  // An attempt from before the window is not there under its own id; what is there instead is another one.
  const standIn = isExpected ? (objects.find(isLive) ?? objects[0]) : undefined;
  const own = objects.find(({ id }) => id === answer.providerId) ?? standIn;
  const extras = objects.filter((object) => object !== own);
  compareAnswer({ ...comparison, attempt, answer, own, isExpected });
  reportExtras(comparison, attempt, { own, extras });
}

function reportExtras(
  comparison: AttemptComparison,
  attempt: Attempt,
  { own, extras }: { own: ProviderObject | undefined; extras: readonly ProviderObject[] },
): void {
  if (extras.length === 0) return;
  const moved = explain(comparison, extras);
  const liveExtras = extras.filter(isLive);
  const ownStatus = own?.status ?? attempt.answer?.status;
  const isOwnLive = ownStatus === undefined || !isFailedOrCancelled(ownStatus);
  if (liveExtras.length + (isOwnLive ? 1 : 0) > 1) {
    const live = own !== undefined && isOwnLive ? [own, ...liveExtras] : liveExtras;
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, attempt);
  } else if (liveExtras.length > 0 || hasMoved(moved)) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, extras, attempt);
  }
}

/** The provider request says what the store knows of an attempt without an answer. */
function compareUnanswered(
  comparison: AttemptComparison,
  attempt: Attempt,
  objects: readonly ProviderObject[],
): void {
  const { discrepancies } = comparison;
  const { providerRequest, requestChangedAtMs } = attempt;
  const moved = explain(comparison, objects);
  const live = objects.filter(isLive);
  const isUnderWay = providerRequest === 'sending' && discrepancies.isYoung(requestChangedAtMs);
  if (live.length > 1) {
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, attempt);
  } else if (isUnderWay) {
    discrepancies.countInFlight();
  } else if (
    providerRequest === 'sending' ||
    providerRequest === 'unknown' ||
    providerRequest === 'accepted'
  ) {
    if (objects.length > 0) {
      reportObjects(comparison, DISCREPANCY_KIND.OUTCOME_NOT_RECORDED, objects, attempt);
    }
  } else if (live.length > 0 || hasMoved(moved)) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, attempt);
  }
}

function reportUnknown(comparison: AttemptComparison, objects: readonly ProviderObject[]): void {
  explain(comparison, objects);
  reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, null);
  const live = objects.filter(isLive);
  if (live.length > 1) reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, null);
}

/** Counts everything these took and gave back as explained: the store has nothing of it. */
function explain(
  { store, transactions, discrepancies }: AttemptComparison,
  objects: readonly ProviderObject[],
): Nets {
  const taken = objects.flatMap((object) => transactions.takeAllOf(object));
  const nets = netsShown(taken, store.openedAtMs, NO_NETS);
  discrepancies.explain(nets);
  return nets;
}

function hasMoved(nets: Nets): boolean {
  return [...nets.values()].some((net) => !isZero(net));
}

function reportObjects(
  { discrepancies }: AttemptComparison,
  kind: Discrepancy['kind'],
  objects: readonly ProviderObject[],
  attempt: Attempt | null,
): void {
  const [first] = objects;
  if (first === undefined) return;
  const requestChangedAtMs = attempt?.answer === null ? attempt.requestChangedAtMs : 0;
  discrepancies.report({
    kind,
    object: first.operation,
    currency: first.currency,
    payoutId: attempt?.payoutId ?? null,
    externalOrderId: first.externalOrderId ?? attempt?.externalOrderId ?? null,
    providerIds: objects.map(({ id }) => id),
    store: attempt?.answer?.amount ?? attempt?.providerRequest ?? null,
    provider: objects.map(({ amount }) => amount).join(' + '),
    sinceMs: Math.max(requestChangedAtMs, ...objects.map(({ createdAtMs }) => createdAtMs)),
  });
}
