import { payoutIdOfExternalId } from '../../src/domain/identifiers.js';
import { isFinalStatus, PAYOUT_STATUS, type PayoutStatus } from '../../src/domain/payout-status.js';
import { findMoneyViolations } from './checker-money.js';
import { INVARIANT, type Violation, type World } from './world.js';

/** Judges what is left of a seed, by its evidence alone: it knows neither the plan nor the engine's code paths. */
export function findViolations(world: World): readonly Violation[] {
  return [
    ...findDuplicates(world),
    ...findMoneyViolations(world),
    ...findUnfinished(world),
    ...findUnread(world),
    ...findChangedAnswers(world),
    ...findContradictions(world),
    ...findReplayErrors(world),
    ...findLeaks(world),
    ...findStalePrices(world),
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

function findDuplicates({ provider, book }: World): readonly Violation[] {
  const violations: Violation[] = [];
  const violate = (subject: string, detail: string): void =>
    void violations.push({ invariant: INVARIANT.PAID_ONCE, subject, detail });
  const byPayout = groupByPayout(provider.payouts);
  for (const [payoutId, payouts] of byPayout) {
    const real = payouts.filter(({ status }) => !NOTHING_MOVED.includes(status));
    if (real.length > 1) violate(payoutId, `the provider has ${real.length} payouts: ${describe(real)}`);
  }
  for (const [payoutId, orders] of groupByPayout(provider.orders)) {
    if (orders.length > 1) violate(payoutId, `the provider has ${orders.length} orders`);
  }
  for (const { payoutId, status } of book.payouts) {
    if (status !== PAYOUT_STATUS.PAID) continue;
    const paid = (byPayout.get(payoutId) ?? []).filter((payout) => payout.status === 'paid');
    if (paid.length !== 1)
      violate(payoutId, `reported paid, and the provider has ${paid.length} paid payouts`);
  }
  return violations;
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

function isEnd(status: string): boolean {
  return isFinalStatus(status as PayoutStatus);
}

/** Requests that were answered as accepted and are neither at an end nor held. */
export function findStuck({ answers, book }: World): readonly string[] {
  const statuses = new Map(book.payouts.map(({ payoutId, status }) => [payoutId, status]));
  const accepted = answers.filter(({ kind, payout }) => kind === 'create' && payout !== undefined);
  return [...new Set(accepted.map(({ payoutId }) => payoutId))].filter((payoutId) => {
    const status = statuses.get(payoutId);
    return status === undefined || (status !== PAYOUT_STATUS.HELD && !isEnd(status));
  });
}

function findUnfinished(world: World): readonly Violation[] {
  const invariant = INVARIANT.COMES_TO_AN_END;
  const statuses = new Map(world.book.payouts.map(({ payoutId, status }) => [payoutId, status]));
  const stuck = findStuck(world).map((subject) => {
    const status = statuses.get(subject);
    return {
      invariant,
      subject,
      detail: status === undefined ? 'accepted, and not in the book' : `still ${status}`,
    };
  });
  const ends = new Map<string, string>();
  const changed: Violation[] = [];
  for (const { payoutId: subject, status } of world.book.transitions) {
    const end = ends.get(subject);
    if (end !== undefined && status !== end)
      changed.push({ invariant, subject, detail: `${end} became ${status}` });
    if (isEnd(status)) ends.set(subject, status);
  }
  const failed = world.histories.flatMap(({ workflowId: subject, failure }) =>
    failure === null ? [] : [{ invariant, subject, detail: `its workflow failed: ${failure}` }],
  );
  return [...stuck, ...changed, ...failed];
}

/** The simulator gives no two objects the same time: the later one's is moved. */
const SAME_MOMENT_MS = 50;
/** What the engine cannot have read: the answer was no answer. */
const UNREADABLE_FAULTS: readonly string[] = ['notJson', 'truncated'];

function findUnread({ provider, book }: World): readonly Violation[] {
  const wasRead = (path: (path: string) => boolean, fromMs: number, untilMs: number): boolean =>
    provider.journal.some(
      (entry) =>
        entry.endpoint.startsWith('GET ') &&
        entry.status === 200 &&
        !UNREADABLE_FAULTS.includes(entry.fault ?? '') &&
        entry.atMs >= fromMs - SAME_MOMENT_MS &&
        entry.atMs <= untilMs &&
        path(entry.path),
    );
  return [...findUnreadEnds({ provider, book }, wasRead), ...findUnreadDeposits({ provider, book }, wasRead)];
}

type WasRead = (path: (path: string) => boolean, fromMs: number, untilMs: number) => boolean;
type Money = Pick<World, 'provider' | 'book'>;

function findUnreadEnds({ provider, book }: Money, wasRead: WasRead): readonly Violation[] {
  const violations: Violation[] = [];
  const words: Readonly<Record<string, string>> = { paid: 'paid', failed: 'failed', cancelled: 'cancelled' };
  for (const { payoutId, providerPayoutId, status } of book.payouts) {
    const word = words[status];
    if (word === undefined || providerPayoutId === null) continue;
    const violate = (detail: string): void =>
      void violations.push({ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject: payoutId, detail });
    const end = provider.ends.find((one) => one.providerPayoutId === providerPayoutId && one.status === word);
    const written = book.transitions.find((one) => one.payoutId === payoutId && one.status === status);
    if (end === undefined) violate(`${status} in the book, and never ${word} at the provider`);
    else if (!wasRead((path) => path.endsWith(`/${providerPayoutId}`), end.atMs, written?.atMs ?? 0)) {
      violate(`${status} in the book, and nobody had read that from the provider`);
    }
  }
  return violations;
}

function findUnreadDeposits({ provider, book }: Money, wasRead: WasRead): readonly Violation[] {
  const violations: Violation[] = [];
  for (const { depositKey, providerDepositId, verifiedAtMs } of book.deposits) {
    const violate = (detail: string): void =>
      void violations.push({ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject: depositKey, detail });
    const money = provider.transactions.find(
      ({ type, source }) => type === 'deposit' && source === providerDepositId,
    );
    const isOfTransactions = (path: string): boolean => path.startsWith('/api/v1/balanceTransactions');
    if (money === undefined) violate('in the book, and no money came in for it');
    else if (!wasRead(isOfTransactions, money.createdAtMs, verifiedAtMs))
      violate('booked before it was read');
  }
  return violations;
}

/** Members that never change once a create request was answered with them. */
function fixedPart({ payout }: World['answers'][number]): string | undefined {
  if (payout === undefined || payout.deposit === null) return undefined;
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

function findContradictions({ answers, book }: World): readonly Violation[] {
  const invariant = INVARIANT.API_TELLS_THE_BOOK;
  const byPayout = groupAnswers(answers);
  const violations: Violation[] = [];
  for (const [subject, seen] of byPayout) {
    const told = book.transitions.filter(({ payoutId }) => payoutId === subject).map(({ status }) => status);
    let place = 0;
    for (const { payout } of seen) {
      if (payout === undefined || payout.status === PAYOUT_STATUS.OPENING) continue;
      const next = told.indexOf(payout.status, place);
      if (next === -1)
        violations.push({
          invariant,
          subject,
          detail: `told ${payout.status}, the book has ${told.join(', ')}`,
        });
      else place = next;
    }
    const last = seen.at(-1)?.payout;
    const row = book.payouts.find(({ payoutId }) => payoutId === subject);
    if (last === undefined || row === undefined || !isEnd(last.status)) continue;
    if (last.status !== row.status)
      violations.push({ invariant, subject, detail: `told ${last.status}, is ${row.status}` });
    if (last.providerPayoutId !== null && last.providerPayoutId !== row.providerPayoutId) {
      violations.push({
        invariant,
        subject,
        detail: 'told another payout of the provider than the book has',
      });
    }
  }
  return violations;
}

/** Readings only: answers to creates cross each other. */
function groupAnswers(answers: World['answers']): Map<string, World['answers'][number][]> {
  const groups = new Map<string, World['answers'][number][]>();
  for (const answer of answers) {
    if (answer.kind !== 'read') continue;
    groups.set(answer.payoutId, [...(groups.get(answer.payoutId) ?? []), answer]);
  }
  return groups;
}

function findReplayErrors({ histories }: World): readonly Violation[] {
  return histories.flatMap(({ workflowId: subject, replayError: detail }) =>
    detail === null ? [] : [{ invariant: INVARIANT.HISTORY_REPLAYS, subject, detail }],
  );
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
/** From the engine's last look at the clock to the execution of the order. */
const PRICE_TOLERANCE_MS = 2_500;
/** From the note of a new price to its being in force. */
const CHANGE_MS = 1_000;

function findStalePrices({ provider }: World): readonly Violation[] {
  const bidAt = (atMs: number): string | undefined =>
    provider.bids.findLast(({ sinceMs }) => sinceMs <= atMs)?.bid;
  return provider.orders.flatMap(({ id, externalOrderId: subject, price }) => {
    const sent = provider.journal.find(({ effects }) => effects.includes(id));
    const quoted = provider.journal.some(
      ({ endpoint, status, atMs }) =>
        endpoint.endsWith('/markets/ticker') &&
        status === 200 &&
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
