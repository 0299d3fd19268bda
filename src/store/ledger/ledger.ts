import type { StoreDatabase } from '../database.js';
import { adjustLedger } from './adjustments.js';
import { fundsOf } from './journal.js';
import { listLedgerEntries, readBalances, readPostingsOf, soldByOrders } from './ledger-reading.js';

/** The ledger as it is read, what the account holds beside it, and what persons put right. */
export function createLedger(db: StoreDatabase) {
  return {
    listLedgerEntries: listLedgerEntries.bind(null, db),
    readBalances: readBalances.bind(null, db),
    readPostingsOf: readPostingsOf.bind(null, db),
    adjustLedger: adjustLedger.bind(null, db),
    fundsOf: fundsOf.bind(null, db),
    soldByOrders: soldByOrders.bind(null, db),
  };
}
