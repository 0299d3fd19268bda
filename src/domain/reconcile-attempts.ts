import { isLive, isZero, sumNets, type Case, type Comparison, type ShownObject } from './comparison.js';
import { isFailedOrCancelled } from './provider-status.js';
import { compareAnswer } from './reconcile-answer.js';
import { DISCREPANCY_KIND, type Discrepancy } from './reconciliation.js';

/** Compares what QbitPay has under one `externalOrderId` with what the store has under it. */
export function compareNamed(comparison: Comparison, one: Case): void {
  const { attempt } = one;
  if (attempt === null) reportUnknown(comparison, one);
  else if (attempt.answer === null) compareUnanswered(comparison, one);
  else compareAccepted(comparison, one);
}

function compareAccepted(comparison: Comparison, one: Case): void {
  const { objects, transactions, attempt } = one;
  const answer = attempt?.answer;
  if (answer == null) return;
  const standIn = objects.find(isLive) ?? objects[0];
  const own = objects.find(({ id }) => id === answer.providerId) ?? standIn;
  const ownIds = [answer.providerId, own?.id];
  const isOwn = ({ source }: (typeof transactions)[number]): boolean => ownIds.includes(source ?? undefined);
  compareAnswer(comparison, { one, answer, own, transactions: transactions.filter(isOwn) });
  const extras = objects.filter((object) => object !== own);
  const hasMoved = explain(
    comparison,
    transactions.filter((transaction) => !isOwn(transaction)),
  );
  const liveExtras = extras.filter(isLive);
  const isOwnLive = !isFailedOrCancelled(own?.status ?? answer.status);
  if (liveExtras.length > 1 || (liveExtras.length === 1 && isOwnLive)) {
    const live = own !== undefined && isOwnLive ? [own, ...liveExtras] : liveExtras;
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, one);
  } else if (liveExtras.length > 0 || hasMoved) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, extras, one);
  }
}

/** The state of the request says what the store knows of an attempt without an answer. */
function compareUnanswered(comparison: Comparison, one: Case): void {
  const { objects, transactions, attempt } = one;
  if (attempt === null) return;
  const hasMoved = explain(comparison, transactions);
  const live = objects.filter(isLive);
  if (live.length > 1) {
    reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, one);
  } else if (attempt.state === 'sending' && comparison.isYoung(attempt.changedAtMs)) {
    comparison.inFlight += 1;
  } else if (['sending', 'unknown', 'accepted'].includes(attempt.state)) {
    reportObjects(comparison, DISCREPANCY_KIND.OUTCOME_NOT_RECORDED, objects, one);
  } else if (live.length > 0 || hasMoved) {
    reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, one);
  }
}

function reportUnknown(comparison: Comparison, one: Case): void {
  const { objects } = one;
  explain(comparison, one.transactions);
  reportObjects(comparison, DISCREPANCY_KIND.UNKNOWN_AT_PROVIDER, objects, one);
  const live = objects.filter(isLive);
  if (live.length > 1) reportObjects(comparison, DISCREPANCY_KIND.DUPLICATE_AT_PROVIDER, live, one);
}

/** What these took and gave back explains the balances: the store has nothing of it. True where it is not zero. */
function explain(comparison: Comparison, transactions: Case['transactions']): boolean {
  const nets = sumNets(transactions);
  comparison.explain(nets);
  return [...nets.values()].some((net) => !isZero(net));
}

function reportObjects(
  comparison: Comparison,
  kind: Discrepancy['kind'],
  objects: readonly ShownObject[],
  { kind: object, name, attempt }: Case,
): void {
  const [first] = objects;
  if (first === undefined || object === 'deposit' || object === 'transaction') return;
  const changedAtMs = attempt?.answer === null ? attempt.changedAtMs : 0;
  comparison.report({
    kind,
    object,
    currency: first.currency,
    payoutId: attempt?.payoutId ?? null,
    externalOrderId: first.externalOrderId ?? name,
    providerIds: objects.map(({ id }) => id),
    store: attempt?.answer?.amount ?? attempt?.state ?? null,
    provider: objects.map(({ amount }) => amount).join(' + '),
    sinceMs: Math.max(changedAtMs, ...objects.map(({ seenAtMs }) => seenAtMs)),
  });
}
