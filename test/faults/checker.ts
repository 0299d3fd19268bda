import { depositWorkflowId, payoutIdOfExternalId, payoutWorkflowId } from '../../src/domain/identifiers.js';
import { PAYOUT_STATUS } from '../../src/domain/payout-status.js';
import { findContradictions } from './checker-answers.js';
import { findMoneyViolations } from './checker-money.js';
import { findUnread, UNREADABLE_FAULTS } from './checker-readings.js';
import { findUnreasoned } from './checker-reasons.js';
import { INVARIANT, isEnd, type Violation, type World } from './world.js';

/** Judges what is left of a seed, by its evidence alone: it knows neither the faults nor the engine's rules. */
export function findViolations(world: World): readonly Violation[] {
  return [
    ...findDuplicates(world),
    ...findSecondOrders(world),
    ...findUnreasoned(world),
    ...findMoneyViolations(world),
    ...findUnfinished(world),
    ...findUnread(world),
    ...findChangedAnswers(world),
    ...findContradictions(world),
    ...findReplayErrors(world),
    ...findLeaks(world),
    ...findStalePrices(world),
    ...findIdleness(world),
  ];
}

const NOTHING_MOVED: readonly string[] = ['failed', 'cancelled'];

function groupByPayout<T extends { readonly externalOrderId: string }>(
  objects: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const object of objects) {
    const payoutId = payoutIdOfExternalId(object.externalOrderId) ?? object.externalOrderId;
    groups.set(payoutId, [...(groups.get(payoutId) ?? []), object]);
  }
  return groups;
}

function findDuplicates({ provider, store }: World): readonly Violation[] {
  const violations: Violation[] = [];
  const violate = (subject: string, detail: string): void =>
    void violations.push({ invariant: INVARIANT.PAID_ONCE, subject, detail });
  const byPayout = groupByPayout(provider.payouts);
  for (const [payoutId, payouts] of byPayout) {
    const real = payouts.filter(({ status }) => !NOTHING_MOVED.includes(status));
    if (real.length > 1) violate(payoutId, `the provider has ${real.length} payouts: ${describe(real)}`);
  }
  for (const { payoutId, status } of store.payouts) {
    if (status !== PAYOUT_STATUS.PAID) continue;
    const paid = (byPayout.get(payoutId) ?? []).filter((payout) => payout.status === 'paid');
    if (paid.length !== 1)
      violate(payoutId, `reported paid, and the provider has ${paid.length} paid payouts`);
  }
  return violations;
}

function findSecondOrders({ provider }: World): readonly Violation[] {
  return [...groupByPayout(provider.orders)]
    .filter(([, orders]) => orders.length > 1)
    .map(([subject, { length }]) => ({
      invariant: INVARIANT.SOLD_ONCE,
      subject,
      detail: `the provider has ${length} orders`,
    }));
}

/** How many payouts the provider made beyond the first that counts. */
export function countDuplicates({ provider }: World): number {
  return [...groupByPayout(provider.payouts).values()]
    .map((payouts) => payouts.filter(({ status }) => !NOTHING_MOVED.includes(status)).length)
    .reduce((sum, count) => sum + Math.max(0, count - 1), 0);
}

function describe(payouts: readonly { readonly id: string; readonly status: string }[]): string {
  return payouts.map(({ id, status }) => `${id} (${status})`).join(', ');
}

function acceptedIds(answers: World['answers']): readonly string[] {
  const accepted = answers.filter(({ kind, payout }) => kind === 'create' && payout !== undefined);
  return [...new Set(accepted.map(({ payoutId }) => payoutId))];
}

/** Requests that were answered as accepted and are neither at an end nor held. */
export function findStuck({ answers, store }: World): readonly string[] {
  const statuses = new Map(store.payouts.map(({ payoutId, status }) => [payoutId, status]));
  return acceptedIds(answers).filter((payoutId) => {
    const status = statuses.get(payoutId);
    return status === undefined || (status !== PAYOUT_STATUS.HELD && !isEnd(status));
  });
}

function findUnfinished(world: World): readonly Violation[] {
  const invariant = INVARIANT.COMES_TO_AN_END;
  const statuses = new Map(world.store.payouts.map(({ payoutId, status }) => [payoutId, status]));
  const stuck = findStuck(world).map((subject) => {
    const status = statuses.get(subject);
    return {
      invariant,
      subject,
      detail: status === undefined ? 'accepted, and not in the store' : `still ${status}`,
    };
  });
  const ends = new Map<string, string>();
  const changed: Violation[] = [];
  for (const { payoutId: subject, status } of world.store.transitions) {
    const end = ends.get(subject);
    if (end !== undefined && status !== end)
      changed.push({ invariant, subject, detail: `${end} became ${status}` });
    if (isEnd(status)) ends.set(subject, status);
  }
  const failed = world.histories.flatMap(({ workflowId: subject, failure }) =>
    failure === null || isRunInOutage(subject, failure)
      ? []
      : [{ invariant, subject, detail: `its workflow failed: ${failure}` }],
  );
  const missing = world.missing.map((detail) => ({ invariant, subject: 'the end', detail }));
  return [...stuck, ...changed, ...failed, ...missing];
}

/** A run of the schedule that compares store and provider; the next one is its retry. */
function isRunInOutage(workflowId: string, failure: string): boolean {
  return (
    workflowId.startsWith('reconcile/') &&
    /^(?:PROVIDER_UNAVAILABLE|RATE_LIMITED|AUTHENTICATION_REFUSED):/.test(failure)
  );
}

/** Members that never change once the payout is open. */
function fixedPart({ payout }: World['answers'][number]): string | undefined {
  if (payout === undefined || payout.status === PAYOUT_STATUS.OPENING) return undefined;
  const { payoutId, amount, currency, deposit } = payout;
  return JSON.stringify({ payoutId, amount, currency, deposit });
}

function findChangedAnswers({ answers }: World): readonly Violation[] {
  const invariant = INVARIANT.SAME_REQUEST_SAME_PAYOUT;
  const first = new Map<string, string>();
  const created = new Set<string>();
  return answers.flatMap((answer): readonly Violation[] => {
    const { kind, payoutId: subject, httpStatus } = answer;
    if (kind === 'conflict') {
      const isRefused = httpStatus === 409 || httpStatus >= 500;
      return isRefused
        ? []
        : [{ invariant, subject, detail: `other content was answered with ${httpStatus}` }];
    }
    if (kind === 'create' && httpStatus === 409) {
      return [{ invariant, subject, detail: 'the same request was answered with 409' }];
    }
    if (kind === 'create' && httpStatus === 201) {
      if (created.has(subject)) return [{ invariant, subject, detail: 'created twice' }];
      created.add(subject);
    }
    const part = fixedPart(answer);
    if (part === undefined) return [];
    const before = first.get(subject) ?? part;
    first.set(subject, before);
    return part === before ? [] : [{ invariant, subject, detail: `answered ${before}, then ${part}` }];
  });
}

function findReplayErrors({ histories, answers, store }: World): readonly Violation[] {
  const invariant = INVARIANT.HISTORY_REPLAYS;
  const known = new Set(histories.map(({ workflowId }) => workflowId));
  const due = [
    ...acceptedIds(answers).map(payoutWorkflowId),
    ...store.deposits.map(({ depositKey }) => depositWorkflowId(depositKey)),
  ];
  return [
    ...histories.flatMap(({ workflowId: subject, replayError: detail }) =>
      detail === null ? [] : [{ invariant, subject, detail }],
    ),
    ...due
      .filter((workflowId) => !known.has(workflowId))
      .map((subject) => ({ invariant, subject, detail: 'has no history' })),
  ];
}

/** A seed in which nothing happened shows nothing. */
function findIdleness(world: World): readonly Violation[] {
  const { planned, answers, store, provider, histories, texts } = world;
  const opened = new Set(
    answers
      .filter(({ kind, httpStatus }) => kind === 'create' && (httpStatus === 200 || httpStatus === 201))
      .map(({ payoutId }) => payoutId),
  );
  const faults: readonly (readonly [boolean, string])[] = [
    [planned.length > 0, 'asks for no payout'],
    [store.payouts.some(({ status }) => status === PAYOUT_STATUS.PAID), 'has paid nobody'],
    [provider.journal.length > 0, 'made no request of the provider'],
    [histories.length > 0, 'has no history'],
    [texts.some(({ where }) => where === 'log'), 'has no log'],
  ];
  const violation = (subject: string, detail: string): Violation => ({
    invariant: INVARIANT.WAS_PLAYED,
    subject,
    detail,
  });
  return [
    ...planned.filter((payoutId) => !opened.has(payoutId)).map((id) => violation(id, 'was never opened')),
    ...faults.filter(([isFine]) => !isFine).map(([, detail]) => violation('the seed', detail)),
  ];
}

function findLeaks({ texts, canaries }: World): readonly Violation[] {
  const encoded = canaries.flatMap((canary) => [canary, Buffer.from(`${canary}:`).toString('base64')]);
  return texts.flatMap(({ where: subject, text }) =>
    encoded.some((canary) => text.includes(canary))
      ? [{ invariant: INVARIANT.NOTHING_LEAKS, subject, detail: 'shows a secret or an account number' }]
      : [],
  );
}

const PRICE_VALIDITY_MS = 30_000;
/** From the engine's preflight check at the clock to the execution of the order. */
const PRICE_TOLERANCE_MS = 2_500;
/** From the note of a new price to its being in force. */
const CHANGE_MS = 1_000;

function findStalePrices({ provider }: World): readonly Violation[] {
  const bidAt = (atMs: number): string | undefined =>
    provider.bids.findLast(({ sinceMs }) => sinceMs <= atMs)?.bid;
  return provider.orders.flatMap(({ id, externalOrderId: subject, price }) => {
    const sent = provider.journal.find(({ effects }) => effects.includes(id));
    const quoted = provider.journal.some(
      ({ endpoint, status, fault, atMs }) =>
        endpoint.endsWith('/markets/ticker') &&
        status === 200 &&
        !UNREADABLE_FAULTS.includes(fault ?? '') &&
        sent !== undefined &&
        atMs <= sent.atMs &&
        atMs >= sent.atMs - PRICE_VALIDITY_MS - PRICE_TOLERANCE_MS &&
        [bidAt(atMs), bidAt(atMs - CHANGE_MS)].includes(price),
    );
    return quoted
      ? []
      : [{ invariant: INVARIANT.PRICE_IS_FRESH, subject, detail: `sold at ${price}, not quoted of late` }];
  });
}
