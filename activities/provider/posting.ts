import { log } from '@temporalio/activity';
import { OBJECT_KIND } from '../../src/store/schema.js';
import { postShown } from '../payouts/post-shown.js';
import type { ReadingParts } from './list-reading.js';
import type { ProviderList } from './provider-list.js';
import { readByIds } from './reading-by-id.js';

/**
 * The sync posts what it read where that needs no workflow. A crash loses nothing: what was not posted stays unread, and the
 * hint to the workflow stays as well.
 */

/** So many are posted at a time: others need the database too. */
const AT_ONCE = 10;
const BATCH = 500;
/** What is news of a payout that has ended is rare, and each costs a request. */
const ENDED_AT_ONCE = 20;

/** Payouts in transit that QbitPay shows as paid: nobody has to decide anything about them. */
export async function postPaid({ store, onPage }: Pick<ReadingParts, 'store' | 'onPage'>): Promise<void> {
  const failed = new Set<string>();
  for (;;) {
    const found = await store.mirror.listPostable({ isEnded: false, limit: BATCH + failed.size });
    const payoutIds = [...new Set(found.map(({ payoutId }) => payoutId))].filter((id) => !failed.has(id));
    if (payoutIds.length === 0) return;
    for (let from = 0; from < payoutIds.length; from += AT_ONCE) {
      const some = payoutIds.slice(from, from + AT_ONCE);
      const posted = await Promise.all(some.map((payoutId) => post({ store }, payoutId)));
      some.filter((_payoutId, index) => posted[index] !== true).forEach((payoutId) => failed.add(payoutId));
      onPage();
    }
  }
}

/** What became of payouts that have ended. QbitPay is asked for each by its id first: it contradicts what was known. */
export async function postEnded(parts: ReadingParts, payouts: ProviderList): Promise<null> {
  const { store } = parts;
  const found = await store.mirror.listPostable({ isEnded: true, limit: ENDED_AT_ONCE });
  const shown = found.filter(({ kind }) => kind === OBJECT_KIND.PAYOUT);
  await readByIds(
    parts,
    payouts,
    shown.map(({ providerId }) => providerId),
  );
  for (const payoutId of new Set(found.map((one) => one.payoutId))) await post(parts, payoutId);
  return null;
}

/** One payout that cannot be posted must not stand in the way of the others: it stays unread. False for such a one. */
async function post({ store }: Pick<ReadingParts, 'store'>, payoutId: string): Promise<boolean> {
  try {
    await postShown({ store }, payoutId);
    return true;
  } catch (error) {
    log.error('what QbitPay shows of a payout could not be posted', { payoutId, error: String(error) });
    return false;
  }
}
