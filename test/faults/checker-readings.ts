import type { Finding, World } from './world.js';

/** What money is believed by, and when: the engine must have read it from the provider before. */

/** The simulator gives no two objects the same time: the later one's is moved. */
const SAME_MOMENT_MS = 50;
/** What the engine cannot have read: the answer was no answer. */
export const UNREADABLE_FAULTS: readonly string[] = ['notJson', 'truncated'];

type Money = Pick<World, 'provider' | 'store' | 'takenBack'>;

export function* findUnread(world: Money): Iterable<Finding> {
  yield* findUnreadEnds(world);
  yield* findUnreadDeposits(world);
  yield* findUnreadOrders(world);
  yield* findUnreadReturns(world);
}

function wasRead(
  { provider }: Money,
  isAboutIt: (path: string) => boolean,
  fromMs: number,
  untilMs: number,
): boolean {
  return provider.journal.some(
    ({ endpoint, path, status, fault, atMs }) =>
      endpoint.startsWith('GET ') &&
      status === 200 &&
      !UNREADABLE_FAULTS.includes(fault ?? '') &&
      atMs >= fromMs - SAME_MOMENT_MS &&
      atMs <= untilMs &&
      isAboutIt(path),
  );
}

/** A reading of it, of what came from this object, or of all that is of its kind; the pending ones do not show it. */
function isOfTransactionsOf({ id, source, type }: Money['provider']['transactions'][number]) {
  return (path: string): boolean => {
    const { pathname, searchParams } = new URL(path, 'http://provider');
    if (pathname === `/api/v1/balanceTransactions/${id}`) return true;
    if (pathname !== '/api/v1/balanceTransactions' || searchParams.get('status') !== null) return false;
    const of = searchParams.get('source');
    return of === null ? [null, type].includes(searchParams.get('type')) : of === source;
  };
}

/** A reading of a list that shows all there is. */
function isOfAll(path: string, list: string): boolean {
  const { pathname, searchParams } = new URL(path, 'http://provider');
  return pathname === list && ['status', 'type', 'source'].every((filter) => !searchParams.has(filter));
}

/** Ends of which QbitPay and the store have the same words. */
const ENDS: readonly string[] = ['paid', 'failed', 'cancelled'];

function* findUnreadEnds(world: Money): Iterable<Finding> {
  const { provider, store } = world;
  for (const { payoutId, providerPayoutId, status } of store.payouts) {
    if (!ENDS.includes(status) || providerPayoutId === null) continue;
    const end = provider.ends.find(
      (one) => one.providerPayoutId === providerPayoutId && one.status === status,
    );
    const written = store.transitions.find((one) => one.payoutId === payoutId && one.status === status);
    const isAboutIt = (path: string): boolean =>
      path.endsWith(`/${providerPayoutId}`) || isOfAll(path, '/api/v1/payouts');
    if (end === undefined) yield [payoutId, `${status} in the store, and never ${status} at the provider`];
    else if (!wasRead(world, isAboutIt, end.atMs, written?.atMs ?? 0))
      yield [payoutId, `${status} in the store, and nobody had read that from the provider`];
  }
}

function* findUnreadDeposits(world: Money): Iterable<Finding> {
  for (const { depositKey, providerDepositId, verifiedAtMs } of world.store.deposits) {
    // Its transaction is shown to nobody any more.
    if (providerDepositId !== null && world.takenBack.includes(providerDepositId)) continue;
    const money = world.provider.transactions.find(
      ({ type, source }) => type === 'deposit' && source === providerDepositId,
    );
    if (money === undefined) yield [depositKey, 'in the store, and no money came in for it'];
    else if (!wasRead(world, isOfTransactionsOf(money), money.createdAtMs, verifiedAtMs))
      yield [depositKey, 'booked before it was read'];
  }
}

/** An answer to the request itself is no reading: a filled order is booked as the API shows it. */
function* findUnreadOrders(world: Money): Iterable<Finding> {
  for (const { externalOrderId, providerOrderId, bookedAtMs } of world.store.orders) {
    if (bookedAtMs === null) continue;
    const moved = world.provider.transactions.filter(({ source }) => source === providerOrderId);
    const fromMs = Math.min(...moved.map(({ createdAtMs }) => createdAtMs));
    const isAboutIt = (path: string): boolean =>
      path === `/api/v1/orders/${providerOrderId}` || path.startsWith('/api/v1/orders?');
    if (!wasRead(world, isAboutIt, fromMs, bookedAtMs)) yield [externalOrderId, 'an order was booked unread'];
  }
}

function* findUnreadReturns(world: Money): Iterable<Finding> {
  for (const { balanceTransactionId, atMs } of world.store.returns) {
    const money = world.provider.transactions.find(({ id }) => id === balanceTransactionId);
    const isAboutIt = (path: string): boolean =>
      isOfAll(path, '/api/v1/balanceTransactions') ||
      (money !== undefined && isOfTransactionsOf(money)(path));
    if (money === undefined || !wasRead(world, isAboutIt, money.createdAtMs, atMs))
      yield [balanceTransactionId, 'a return was booked unread'];
  }
}
