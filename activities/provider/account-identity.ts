import type { IsOwnAccount } from '../../src/qbitpay/client.js';
import type { Payout } from '../../src/qbitpay/schemas.js';
import type { WalletsNoted } from '../../src/store/controls/account-wallets.js';
import type { Store } from '../../src/store/store.js';
import { orNone } from './missing-object.js';
import { observeObject } from './provider-list.js';

/**
 * The account is known by what it shows, not by its URL or its key, as either can be another one's by mistake: by its wallets,
 * and by the newest payout that has ended. Where they are not there, the brake is engaged. A person who releases it accepts
 * what is missing, but not an account of which nothing is known.
 */
export function createOwnAccountRule(store: Store): IsOwnAccount {
  return async ({ wallets }, readPayout) => {
    const shown = wallets.map(({ currency, addr: address }) => ({ currency, address }));
    const noted = await store.noteWallets(shown);
    const isOwn = noted.areOwn && (readPayout === undefined || (await showsNewest(store, noted, readPayout)));
    if (isOwn && noted.known !== 'all') await store.keepWallets(shown);
    return isOwn;
  };
}

async function showsNewest(
  store: Store,
  noted: WalletsNoted,
  readPayout: (id: string) => Promise<Payout>,
): Promise<boolean> {
  const newest = await store.findNewestPayout(noted);
  if (newest === undefined) return true;
  const readAt = await store.mirror.readClock();
  const shown = await orNone(() => readPayout(newest));
  if (shown === undefined) await store.noteUnreadable(newest, readAt);
  else await store.mirror.recordReading(observeObject(shown), readAt);
  return shown !== undefined;
}
