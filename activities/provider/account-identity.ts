import type { Account } from '../../src/qbitpay/schemas.js';
import type { ActivityDependencies } from '../dependencies.js';
import { orNone } from './missing-object.js';

/** The account is known by what it shows, not by its URL or its key: either can be another one's by mistake. */

type Parts = Pick<ActivityDependencies, 'store' | 'qbitpay'>;

/** Reads the account; where its wallets are not those that the store knows, the brake is engaged. */
export async function readAccount({ store, qbitpay }: Parts): Promise<Account> {
  const account = await qbitpay.getAccount();
  await store.noteWallets(account.wallets.map(({ currency, addr: address }) => ({ currency, address })));
  return account;
}

/** Called before anything is sent: with a key that this process has not used yet, the account is read anew. */
export async function checkAccount(parts: Parts): Promise<void> {
  const { observed } = parts.qbitpay;
  if (observed.checkedKey !== observed.key) await identifyAccount(parts);
}

/**
 * False while what QbitPay shows may be another account's, as it was before or with a new key. A key that was put right is
 * taken without a restart.
 */
export async function isOwnAccount(parts: Parts, wasInDoubt: boolean): Promise<boolean> {
  const { store, qbitpay } = parts;
  if (wasInDoubt) await qbitpay.reloadKey();
  else if (qbitpay.observed.checkedKey === qbitpay.observed.key) return true;
  await identifyAccount(parts);
  return !(await store.mayBeAnotherAccount());
}

/** As {@link readAccount}; what QbitPay showed last must be there as well. */
export async function identifyAccount(parts: Parts): Promise<Account> {
  const { store, qbitpay } = parts;
  const { key } = qbitpay.observed;
  const account = await readAccount(parts);
  const newest = await store.findNewestPayout();
  if (newest !== undefined) {
    const readAt = await store.mirror.readClock();
    if ((await orNone(() => qbitpay.getPayout(newest))) === undefined) {
      await store.noteUnreadable(newest);
      // The next look is for another one: a person has seen this.
      await store.mirror.recordMissing('payout', newest, readAt);
    }
  }
  // A key of another account is looked at again before anything is concluded from its answers.
  if (!(await store.mayBeAnotherAccount())) qbitpay.observed.checkedKey = key;
  return account;
}
