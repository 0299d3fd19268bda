import { isZero, type Comparison } from './comparison.js';
import { addToGroup, isLive, type Operation, type ProviderObject } from './provider-objects.js';
import { isFailedOrCancelled } from './provider-status.js';
import { compareAnswer, type Attempt } from './reconcile-answer.js';
import { DISCREPANCY_KIND, type Discrepancy } from './reconciliation.js';

/**
 * Compares the store's payouts and orders with the provider's, each with whatever the provider has under its id or its
 * `externalOrderId`. What has no `externalOrderId` and is not the store's is left alone: somebody else's doing.
 */
export function compareAttempts(comparison: Comparison, objects: readonly ProviderObject[]): void {
  const { ofAttempt, unknown, mayBeOurs } = assignObjects(comparison, objects);
  for (const attempt of comparison.store.attempts) {
    compareAttempt(comparison, attempt, ofAttempt.get(attempt) ?? []);
  }
  for (const strangers of unknown.values()) reportUnknown(comparison, strangers);
  explain(comparison, mayBeOurs);
  comparison.inFlight += mayBeOurs.length;
}

interface Assignment {
  readonly ofAttempt: ReadonlyMap<Attempt, ProviderObject[]>;
  /** By operation and `externalOrderId`: what names an attempt that the store does not have. */
  readonly unknown: ReadonlyMap<string, ProviderObject[]>;
  /** Names nobody, and could be what an attempt without an answer has brought about. */
  readonly mayBeOurs: readonly ProviderObject[];
}

function assignObjects(comparison: Comparison, objects: readonly ProviderObject[]): Assignment {
  const { store } = comparison;
  const byProviderId = new Map<string, Attempt>();
  const byExternalId = new Map<string, Attempt>();
  for (const attempt of store.attempts) {
    const { operation, externalOrderId, answer } = attempt;
    byExternalId.set(`${operation} ${externalOrderId}`, attempt);
    if (answer !== null) byProviderId.set(`${operation} ${answer.providerId}`, attempt);
  }
  const couldBeAnswer = {
    payout: createAnswerTest(comparison, 'payout'),
    order: createAnswerTest(comparison, 'order'),
  };
  const ofAttempt = new Map<Attempt, ProviderObject[]>();
  const unknown = new Map<string, ProviderObject[]>();
  const mayBeOurs: ProviderObject[] = [];
  for (const object of objects) {
    const { operation, id, externalOrderId } = object;
    const name = externalOrderId === undefined ? undefined : `${operation} ${externalOrderId}`;
    const attempt = byProviderId.get(`${operation} ${id}`) ?? byExternalId.get(name ?? '');
    if (attempt !== undefined) addToGroup(ofAttempt, attempt, object);
    else if (object.createdAtMs < store.openedAtMs) continue;
    else if (name !== undefined) addToGroup(unknown, name, object);
    else if (couldBeAnswer[operation](object.createdAtMs)) mayBeOurs.push(object);
  }
  return { ofAttempt, unknown, mayBeOurs };
}

/** An outcome may be declared unknown long after the sending: when another worker takes over from one that died. */
const LONGEST_ABSENCE_MS = 24 * 3_600_000;

/**
 * [I] That orders carry the `externalOrderId` back is inferred: one that carries none may be the answer that is due to
 * an attempt without one, if it was created then. The two clocks may differ by the grace time.
 */
function createAnswerTest({ store, graceMs }: Comparison, operation: Operation) {
  const unanswered = store.attempts.filter(
    (attempt) => attempt.answer === null && attempt.operation === operation,
  );
  const changedAtMs = (state: Attempt['providerRequest']): number[] =>
    unanswered
      .filter(({ providerRequest }) => providerRequest === state)
      .map(({ requestChangedAtMs }) => requestChangedAtMs);
  const sendingSinceMs = Math.min(...changedAtMs('sending')) - graceMs;
  const unknown = changedAtMs('unknown');
  const unknownSinceMs = Math.min(...unknown) - LONGEST_ABSENCE_MS - graceMs;
  const unknownUntilMs = Math.max(...unknown) + graceMs;
  return (createdAtMs: number): boolean =>
    createdAtMs >= sendingSinceMs || (createdAtMs >= unknownSinceMs && createdAtMs <= unknownUntilMs);
}

function compareAttempt(comparison: Comparison, attempt: Attempt, objects: readonly ProviderObject[]): void {
  const { answer } = attempt;
  if (answer === null) {
    compareUnanswered(comparison, attempt, objects);
    return;
  }
  const isExpected = answer.recordedAtMs >= comparison.sinceMs;
  // An attempt from before the window is not there under its own id; what is there instead is another one.
  const standIn = isExpected ? (objects.find(isLive) ?? objects[0]) : undefined;
  const own = objects.find(({ id }) => id === answer.providerId) ?? standIn;
  compareAnswer(comparison, { attempt, answer, own, isExpected });
  const extras = objects.filter((object) => object !== own);
  const hasMoved = explain(comparison, extras);
  const liveExtras = extras.filter(isLive);
  const isOwnLive = !isFailedOrCancelled(own?.status ?? answer.status);
  if (liveExtras.length > 1 || (liveExtras.length === 1 && isOwnLive)) {
    const live = own !== undefined && isOwnLive ? [own, ...liveExtras] : liveExtras;
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, attempt);
  } else if (liveExtras.length > 0 || hasMoved) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, extras, attempt);
  }
}

/** The provider request says what the store knows of an attempt without an answer. */
function compareUnanswered(
  comparison: Comparison,
  attempt: Attempt,
  objects: readonly ProviderObject[],
): void {
  const { providerRequest, requestChangedAtMs } = attempt;
  const hasMoved = explain(comparison, objects);
  const live = objects.filter(isLive);
  if (live.length > 1) {
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, attempt);
  } else if (providerRequest === 'sending' && comparison.isYoung(requestChangedAtMs)) {
    comparison.inFlight += 1;
  } else if (['sending', 'unknown', 'accepted'].includes(providerRequest)) {
    reportObjects(comparison, DISCREPANCY_KIND.OUTCOME_NOT_RECORDED, objects, attempt);
  } else if (live.length > 0 || hasMoved) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, attempt);
  }
}

function reportUnknown(comparison: Comparison, objects: readonly ProviderObject[]): void {
  explain(comparison, objects);
  reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, null);
  const live = objects.filter(isLive);
  if (live.length > 1) reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, null);
}

/** Everything these took and gave back explains the balances: the store has nothing of it. True where it is not zero. */
function explain(comparison: Comparison, objects: readonly ProviderObject[]): boolean {
  const taken = objects.flatMap((object) => comparison.transactions.takeAllOf(object));
  const nets = comparison.netsShown(taken);
  comparison.explain(nets);
  return [...nets.values()].some((net) => !isZero(net));
}

function reportObjects(
  comparison: Comparison,
  kind: Discrepancy['kind'],
  objects: readonly ProviderObject[],
  attempt: Attempt | null,
): void {
  const [first] = objects;
  if (first === undefined) return;
  const requestChangedAtMs = attempt?.answer === null ? attempt.requestChangedAtMs : 0;
  comparison.report({
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
