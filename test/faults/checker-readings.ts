import { INVARIANT, type Violation, type World } from './world.js';

/** What money is believed by, and when: the engine must have read it from the provider before. */

/** The simulator gives no two objects the same time: the later one's is moved. */
const SAME_MOMENT_MS = 50;
/** What the engine cannot have read: the answer was no answer. */
export const UNREADABLE_FAULTS: readonly string[] = ['notJson', 'truncated'];

export function findUnread({ provider, store }: World): readonly Violation[] {
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
  const money = { provider, store };
  return [
    ...findUnreadEnds(money, wasRead),
    ...findUnreadDeposits(money, wasRead),
    ...findUnreadOrders(money, wasRead),
    ...findUnreadReturns(money, wasRead),
  ];
}

/** A reading of what came from this object, or of all that is of its kind; everything is read now and then anyway. */
const isOfTransactionsOf =
  ({ source, type }: Money['provider']['transactions'][number]) =>
  (path: string): boolean => {
    const { pathname, searchParams } = new URL(path, 'http://provider');
    if (pathname !== '/api/v1/balanceTransactions') return false;
    const of = searchParams.get('source');
    return of === null ? searchParams.get('type') === type : of === source;
  };

type WasRead = (path: (path: string) => boolean, fromMs: number, untilMs: number) => boolean;
type Money = Pick<World, 'provider' | 'store'>;

function findUnreadEnds({ provider, store }: Money, wasRead: WasRead): readonly Violation[] {
  const violations: Violation[] = [];
  const words: Readonly<Record<string, string>> = { paid: 'paid', failed: 'failed', cancelled: 'cancelled' };
  for (const { payoutId, providerPayoutId, status } of store.payouts) {
    const word = words[status];
    if (word === undefined || providerPayoutId === null) continue;
    const violate = (detail: string): void =>
      void violations.push({ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject: payoutId, detail });
    const end = provider.ends.find((one) => one.providerPayoutId === providerPayoutId && one.status === word);
    const written = store.transitions.find((one) => one.payoutId === payoutId && one.status === status);
    if (end === undefined) violate(`${status} in the store, and never ${word} at the provider`);
    else if (!wasRead((path) => path.endsWith(`/${providerPayoutId}`), end.atMs, written?.atMs ?? 0)) {
      violate(`${status} in the store, and nobody had read that from the provider`);
    }
  }
  return violations;
}

function findUnreadDeposits({ provider, store }: Money, wasRead: WasRead): readonly Violation[] {
  const violations: Violation[] = [];
  for (const { depositKey, providerDepositId, verifiedAtMs } of store.deposits) {
    const violate = (detail: string): void =>
      void violations.push({ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject: depositKey, detail });
    const money = provider.transactions.find(
      ({ type, source }) => type === 'deposit' && source === providerDepositId,
    );
    if (money === undefined) violate('in the store, and no money came in for it');
    else if (!wasRead(isOfTransactionsOf(money), money.createdAtMs, verifiedAtMs))
      violate('booked before it was read');
  }
  return violations;
}

/** An answer to the request itself is no reading: a filled order is booked as the API shows it. */
function findUnreadOrders({ provider, store }: Money, wasRead: WasRead): readonly Violation[] {
  return store.orders.flatMap(({ externalOrderId: subject, providerOrderId, bookedAtMs }) => {
    if (bookedAtMs === null) return [];
    const moved = provider.transactions.filter(({ source }) => source === providerOrderId);
    const fromMs = Math.min(...moved.map(({ createdAtMs }) => createdAtMs));
    const isAboutIt = (path: string): boolean =>
      path === `/api/v1/orders/${providerOrderId}` || path.startsWith('/api/v1/orders?');
    return wasRead(isAboutIt, fromMs, bookedAtMs)
      ? []
      : [{ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject, detail: 'an order was booked unread' }];
  });
}

function findUnreadReturns({ provider, store }: Money, wasRead: WasRead): readonly Violation[] {
  return store.returns.flatMap(({ balanceTransactionId: subject, atMs }) => {
    const money = provider.transactions.find(({ id }) => id === subject);
    return money !== undefined && wasRead(isOfTransactionsOf(money), money.createdAtMs, atMs)
      ? []
      : [{ invariant: INVARIANT.READ_BEFORE_BELIEVED, subject, detail: 'a return was booked unread' }];
  });
}
