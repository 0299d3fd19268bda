import { OPENING_MARGIN_MS } from '../../src/domain/account-opening.js';
import type { ObservedObject } from '../../src/store/mirror/provider-objects.js';
import { OBJECT_KIND } from '../../src/store/schema.js';
import type { ActivityDependencies } from '../dependencies.js';
import { BalancesMovingError, readStandingBalances } from './provider-balances.js';
import { createProviderLists } from './provider-list.js';

/**
 * Writes down, once, what the account holds before the engine uses it: its balances, and the transactions that QbitPay
 * shows beside them. Nobody is told where to deposit before that, so that no deposit for a payout is among them.
 * @throws BalancesMovingError
 */
export async function ensureAccountOpened({
  store,
  qbitpay,
}: Pick<ActivityDependencies, 'store' | 'qbitpay'>): Promise<void> {
  if ((await store.mirror.readOpening()) !== undefined) return;
  const readAt = await store.mirror.readClock();
  const { balances, newestId } = await readStandingBalances(qbitpay);
  const transactions = await readShownUntil(qbitpay, newestId, readAt);
  if (!(await store.mirror.openAccount({ balances, transactions, readAt }))) throw new BalancesMovingError();
}

/** The transactions from the newest one of that moment on, as far back as their dates could be mistaken. */
async function readShownUntil(
  qbitpay: ActivityDependencies['qbitpay'],
  newestId: string | undefined,
  readAt: Date,
): Promise<readonly ObservedObject[]> {
  const shown: ObservedObject[] = [];
  const list = createProviderLists(qbitpay).find(({ kind }) => kind === OBJECT_KIND.TRANSACTION);
  if (list === undefined || newestId === undefined) return shown;
  let cursor: string | undefined;
  for (;;) {
    const { objects } = await list.readPage(cursor);
    cursor = objects.at(-1)?.providerId;
    for (const object of objects) {
      if (shown.length > 0 || object.providerId === newestId) shown.push(object);
    }
    if (cursor === undefined || objects.every((object) => isLongBefore(object, readAt))) return shown;
  }
}

/** QbitPay dates it so early that it is part of the opening balance of that moment. */
export function isLongBefore({ content }: Pick<ObservedObject, 'content'>, openedAt: Date): boolean {
  const { createdAt } = content as { readonly createdAt?: string };
  return createdAt !== undefined && Date.parse(createdAt) < openedAt.getTime() - OPENING_MARGIN_MS;
}
