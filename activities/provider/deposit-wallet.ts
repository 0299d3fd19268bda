import type { Account } from '../../src/qbitpay/schemas.js';
import type { ActivitySettings } from '../dependencies.js';

type Chosen = ActivitySettings['depositAddresses'];

/** Where deposits in a currency go. Undefined where the account has no wallet for it, or several and none is chosen. */
export function findDepositAddress(
  { wallets }: Pick<Account, 'wallets'>,
  currency: string,
  { [currency]: chosen }: Chosen,
): string | undefined {
  const ofCurrency = wallets.filter((wallet) => wallet.currency === currency);
  const [address, ...others] = new Set(
    ofCurrency.map(({ addr }) => addr).filter((addr) => addr === (chosen ?? addr)),
  );
  return others.length === 0 ? address : undefined;
}

/** Those of the currencies that the account has wallets of, and no one address can be said for. */
export function findUnclear(
  account: Pick<Account, 'wallets'>,
  currencies: readonly string[],
  chosen: Chosen,
): readonly string[] {
  return currencies.filter(
    (currency) =>
      account.wallets.some((wallet) => wallet.currency === currency) &&
      findDepositAddress(account, currency, chosen) === undefined,
  );
}
