import { payoutIdOfExternalId, payoutWorkflowId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { findContradictions } from './checker-answers.js';
import { findDisregardedBrakes, findMisdirected, findUsedWithoutProof } from './checker-evidence.js';
import { findMoneyDifferences } from './checker-money.js';
import { findUnread, UNREADABLE_FAULTS } from './checker-readings.js';
import { findUnreasoned } from './checker-reasons.js';
import {
  acceptedIds,
  INVARIANT,
  INVARIANTS,
  isEnd,
  type Finding,
  type Invariant,
  type Violation,
  type World,
} from './world.js';

const FINDERS: Readonly<Record<Invariant, (world: World) => Iterable<Finding>>> = {
  [INVARIANT.PAID_ONCE]: findDuplicates,
  [INVARIANT.SOLD_ONCE]: findSecondOrders,
  [INVARIANT.HAS_A_REASON]: findUnreasoned,
  [INVARIANT.MONEY_AGREES]: findMoneyDifferences,
  [INVARIANT.COMES_TO_AN_END]: findUnfinished,
  [INVARIANT.READ_BEFORE_BELIEVED]: findUnread,
  [INVARIANT.SAME_REQUEST_SAME_PAYOUT]: findChangedAnswers,
  [INVARIANT.API_TELLS_THE_STORE]: findContradictions,
  [INVARIANT.HISTORY_REPLAYS]: findReplayErrors,
  [INVARIANT.NOTHING_LEAKS]: findLeaks,
  [INVARIANT.PRICE_IS_FRESH]: findStalePrices,
  [INVARIANT.PAYS_THE_RECIPIENT]: findMisdirected,
  [INVARIANT.PROVEN_WHEN_USED]: findUsedWithoutProof,
  [INVARIANT.BRAKES_HOLD]: findDisregardedBrakes,
  [INVARIANT.WAS_PLAYED]: findIdleness,
};

/** Judges what is left of a seed, by its evidence alone: it knows neither the faults nor the engine's rules. */
export function findViolations(world: World): readonly Violation[] {
  return INVARIANTS.flatMap((invariant) =>
    Array.from(FINDERS[invariant](world), ([subject, detail]) => ({ invariant, subject, detail })),
  );
}

function groupByPayout<T extends { readonly externalOrderId: string }>(
  objects: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const object of objects) {
    const payoutId = payoutIdOfExternalId(object.externalOrderId) ?? object.externalOrderId;
    groups.set(payoutId, [...(groups.get(payoutId) ?? []), object]);
  }
  return groups;
}

const NOTHING_MOVED: readonly string[] = ['failed', 'cancelled'];

/** By payout of the engine, the provider's payouts that moved money. */
function payoutsThatCount({
  provider,
}: World): ReturnType<typeof groupByPayout<World['provider']['payouts'][0]>> {
  return groupByPayout(provider.payouts.filter(({ status }) => !NOTHING_MOVED.includes(status)));
}

function* findDuplicates(world: World): Iterable<Finding> {
  const byPayout = payoutsThatCount(world);
  for (const [payoutId, payouts] of byPayout) {
    const names = payouts.map(({ id, status }) => `${id} (${status})`).join(', ');
    if (payouts.length > 1) yield [payoutId, `the provider has ${payouts.length} payouts: ${names}`];
  }
  for (const { payoutId, status } of world.store.payouts) {
    if (status !== PAYOUT_STATUS.PAID) continue;
    const paid = (byPayout.get(payoutId) ?? []).filter((payout) => payout.status === 'paid');
    if (paid.length !== 1)
      yield [payoutId, `reported paid, and the provider has ${paid.length} paid payouts`];
  }
}

/** How many payouts the provider made beyond the first that counts. */
export function countDuplicates(world: World): number {
  return [...payoutsThatCount(world).values()].reduce((sum, { length }) => sum + length - 1, 0);
}

function* findSecondOrders({ provider }: World): Iterable<Finding> {
  for (const [payoutId, { length }] of groupByPayout(provider.orders)) {
    if (length > 1) yield [payoutId, `the provider has ${length} orders`];
  }
}

/** Requests that were answered as accepted and are neither at an end nor held. */
export function findStuck({ answers, store }: World): readonly Finding[] {
  const statuses = new Map(store.payouts.map(({ payoutId, status }) => [payoutId, status]));
  return acceptedIds(answers).flatMap((payoutId): readonly Finding[] => {
    const status = statuses.get(payoutId);
    if (status === undefined) return [[payoutId, 'accepted, and not in the store']];
    return status === PAYOUT_STATUS.HELD || isEnd(status) ? [] : [[payoutId, `still ${status}`]];
  });
}

function* findUnfinished(world: World): Iterable<Finding> {
  yield* findStuck(world);
  const ends = new Map<string, string>();
  for (const { payoutId, status } of world.store.transitions) {
    const end = ends.get(payoutId);
    const isSentBack = end === PAYOUT_STATUS.PAID && status === PAYOUT_STATUS.RETURNED;
    if (end !== undefined && status !== end && !isSentBack) yield [payoutId, `${end} became ${status}`];
    if (isEnd(status)) ends.set(payoutId, status);
  }
  for (const { workflowId, failure } of world.histories) {
    if (failure !== null && !isRunInOutage(workflowId, failure))
      yield [workflowId, `its workflow failed: ${failure}`];
  }
  for (const { payoutId, status, providerPayoutId } of world.store.payouts) {
    const atProvider = world.provider.payouts.find(({ id }) => id === providerPayoutId);
    if (status === PAYOUT_STATUS.PAID && atProvider?.status === 'failed')
      yield [payoutId, 'paid, and its bank has sent it back'];
  }
  for (const detail of world.missing) yield ['the end', detail];
}

/** A run of the schedule that compares store and provider; the next one is its retry. */
function isRunInOutage(workflowId: string, failure: string): boolean {
  return (
    workflowId.startsWith('reconcile/') &&
    // Or its process was killed, or stood still.
    /^(?:(?:PROVIDER_UNAVAILABLE|RATE_LIMITED|AUTHENTICATION_REFUSED):|activity \w+ timeout$)/.test(failure)
  );
}

/** Members that never change once the payout is open. */
function fixedPart({ payout }: World['answers'][number]): string | undefined {
  if (payout === undefined || payout.status === PAYOUT_STATUS.OPENING) return undefined;
  const { payoutId, amount, currency, deposit } = payout;
  return JSON.stringify({ payoutId, amount, currency, deposit });
}

function* findChangedAnswers({ answers }: World): Iterable<Finding> {
  const first = new Map<string, string>();
  const created = new Set<string>();
  for (const answer of answers) {
    const { kind, payoutId, httpStatus } = answer;
    if (kind === 'conflict') {
      const isRefused = httpStatus === 409 || httpStatus >= 500;
      if (!isRefused) yield [payoutId, `other content was answered with ${httpStatus}`];
      continue;
    }
    if (kind === 'create' && httpStatus === 409) yield [payoutId, 'the same request was answered with 409'];
    if (kind === 'create' && httpStatus === 201) {
      if (created.has(payoutId)) yield [payoutId, 'created twice'];
      created.add(payoutId);
    }
    const part = fixedPart(answer);
    if (part === undefined) continue;
    const before = first.get(payoutId) ?? part;
    first.set(payoutId, before);
    if (part !== before) yield [payoutId, `answered ${before}, then ${part}`];
  }
}

function* findReplayErrors({ histories, answers, isTemporalLost }: World): Iterable<Finding> {
  for (const { workflowId, replayError } of histories) {
    if (replayError !== null) yield [workflowId, replayError];
  }
  if (isTemporalLost) return;
  const known = new Set(histories.map(({ workflowId }) => workflowId));
  const due = acceptedIds(answers).map(payoutWorkflowId);
  for (const workflowId of due) {
    if (!known.has(workflowId)) yield [workflowId, 'has no history'];
  }
}

/** A seed in which nothing happened shows nothing. */
function* findIdleness({ planned, answers, store, provider, histories, texts }: World): Iterable<Finding> {
  const opened = new Set(
    answers
      .filter(({ kind, httpStatus }) => kind === 'create' && (httpStatus === 200 || httpStatus === 201))
      .map(({ payoutId }) => payoutId),
  );
  for (const payoutId of planned) {
    if (!opened.has(payoutId)) yield [payoutId, 'was never opened'];
  }
  const subject = 'the seed';
  if (planned.length === 0) yield [subject, 'asks for no payout'];
  if (!store.payouts.some(({ status }) => status === PAYOUT_STATUS.PAID)) yield [subject, 'has paid nobody'];
  if (provider.journal.length === 0) yield [subject, 'made no request of the provider'];
  if (histories.length === 0) yield [subject, 'has no history'];
  if (!texts.some(({ where }) => where === 'log')) yield [subject, 'has no log'];
}

function* findLeaks({ texts, canaries }: World): Iterable<Finding> {
  const encoded = canaries.flatMap((canary) => [canary, Buffer.from(`${canary}:`).toString('base64')]);
  for (const { where, text } of texts) {
    if (encoded.some((canary) => text.includes(canary))) yield [where, 'shows a secret or an account number'];
  }
}

const PRICE_VALIDITY_MS = 30_000;
/** From the engine's preflight check at the clock to the execution of the order. */
const PRICE_TOLERANCE_MS = 2_500;
/** From the note of a new price to its being in force. */
const CHANGE_MS = 1_000;

function* findStalePrices({ provider }: World): Iterable<Finding> {
  const bidAt = (atMs: number): string | undefined =>
    provider.bids.findLast(({ sinceMs }) => sinceMs <= atMs)?.bid;
  for (const { id, externalOrderId, price } of provider.orders) {
    const sent = provider.journal.find(({ effects }) => effects.includes(id));
    const isQuoted = provider.journal.some(
      ({ endpoint, status, fault, atMs }) =>
        endpoint.endsWith('/markets/ticker') &&
        status === 200 &&
        !UNREADABLE_FAULTS.includes(fault ?? '') &&
        sent !== undefined &&
        atMs <= sent.atMs &&
        atMs >= sent.atMs - PRICE_VALIDITY_MS - PRICE_TOLERANCE_MS &&
        [bidAt(atMs), bidAt(atMs - CHANGE_MS)].includes(price),
    );
    if (!isQuoted) yield [externalOrderId, `sold at ${price}, not quoted of late`];
  }
}
