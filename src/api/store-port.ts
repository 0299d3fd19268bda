import type { Store } from '../store/store.js';

/** What the API needs of the store. */
export interface ApiStore {
  readonly payouts: Pick<Store['payouts'], 'findPayout' | 'listPayouts' | 'readTimeline' | 'hashRequest'>;
  readonly deposits: Pick<
    Store['deposits'],
    'declareTransaction' | 'findDeposit' | 'findDepositsOfTransaction' | 'listDeposits'
  >;
  readonly ledger: Pick<Store['ledger'], 'listLedgerEntries' | 'readBalances' | 'readPostingsOf'>;
  readonly ping: Store['ping'];
}
